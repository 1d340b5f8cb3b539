// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Synchronization

/// Memory of this process's own that messages are built in, received into, and kept in.
///
/// Pages that are never touched cost nothing. Safe because every access states a range, and a range outside the
/// memory is a mistake of this module, which traps before it is touched: lengths that another program sent are
/// compared with the limits of the protocol before they come here.
@safe @usableFromInline final class ByteStore: @unchecked Sendable {
    @usableFromInline let base: UnsafeMutableRawPointer
    /// Bytes of it.
    @usableFromInline let capacity: Int

    init(capacity: Int) throws(RemoteError) {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let memory = unsafe mmap(nil, capacity, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            throw .system(call: "mmap of \(capacity) bytes", errno: errno)
        }
        unsafe base = memory
        self.capacity = capacity
    }

    deinit { unsafe munmap(base, capacity) }

    @inlinable @inline(__always)
    func address(_ offset: Int, _ length: Int) -> UnsafeMutableRawPointer {
        precondition(
            offset >= 0 && length >= 0 && offset <= capacity && length <= capacity &- offset,
            "a range outside the store"
        )
        return unsafe base + offset
    }

    /// Hands out a range.
    @inlinable @inline(__always)
    func withBytes<Result: ~Copyable, Failure: Error>(
        _ offset: Int,
        _ length: Int,
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let bytes = unsafe UnsafeRawBufferPointer(start: address(offset, length), count: length)
        return try unsafe body(bytes.bytes)
    }

    /// Hands out a range to be written.
    @inlinable
    func withMutableBytes<Result, Failure: Error>(
        _ offset: Int,
        _ length: Int,
        _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let bytes = unsafe UnsafeMutableRawBufferPointer(start: address(offset, length), count: length)
        var span = unsafe bytes.mutableBytes
        return try body(&span)
    }

    func store8(_ value: UInt8, _ offset: Int) {
        unsafe address(offset, 1).storeBytes(of: value, as: UInt8.self)
    }
    func store16(_ value: UInt16, _ offset: Int) {
        unsafe address(offset, 2).storeBytes(of: value.bigEndian, as: UInt16.self)
    }
    func store32(_ value: UInt32, _ offset: Int) {
        unsafe address(offset, 4).storeBytes(of: value.bigEndian, as: UInt32.self)
    }
    func store64(_ value: UInt64, _ offset: Int) {
        unsafe address(offset, 8).storeBytes(of: value.bigEndian, as: UInt64.self)
    }

    /// A word in this machine's order.
    @inlinable @inline(__always)
    func word(_ offset: Int) -> UInt64 {
        unsafe address(offset, 8).loadUnaligned(as: UInt64.self)
    }
    @inlinable @inline(__always)
    func storeWord(_ value: UInt64, _ offset: Int) {
        unsafe address(offset, 8).storeBytes(of: value, as: UInt64.self)
    }

    /// What threads sleep on, in the first two cache lines; it lives no longer than the store.
    var wakeUp: WakeUp {
        unsafe WakeUp(
            word: address(0, 8).assumingMemoryBound(to: Atomic<UInt64>.self),
            flag: address(64, 8).assumingMemoryBound(to: Atomic<UInt64>.self)
        )
    }

    /// A descriptor as it lies here.
    @inlinable @inline(__always)
    func descriptor(_ offset: Int) -> Descriptor {
        unsafe address(offset, 32).loadUnaligned(as: Descriptor.self)
    }
    @inlinable @inline(__always)
    func store(_ descriptor: Descriptor, _ offset: Int) {
        unsafe address(offset, 32).storeBytes(of: descriptor, as: Descriptor.self)
    }

    /// Copies bytes in.
    @usableFromInline
    func copy(_ bytes: RawSpan, to offset: Int) {
        let target = unsafe address(offset, bytes.byteCount)
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress, source.count > 0 {
                unsafe target.copyMemory(from: start, byteCount: source.count)
            }
        }
    }

    /// Copies bytes out.
    func read(_ offset: Int, _ length: Int, into target: inout MutableRawSpan, at place: Int) {
        precondition(place >= 0 && length <= target.byteCount - place, "a range outside the target")
        let source = unsafe address(offset, length)
        unsafe target.withUnsafeMutableBytes { bytes in
            if let start = bytes.baseAddress, length > 0 { unsafe memcpy(start + place, source, length) }
        }
    }

    /// Moves bytes within the store; the ranges may overlap.
    func move(from: Int, to: Int, count: Int) {
        unsafe memmove(address(to, count), address(from, count), count)
    }
}
