// SPDX-License-Identifier: Apache-2.0

// The file interface (paper, 3.6): buffers by descriptors.
//
//     directory  names, numbers, sockets   one per process, shared by its threads        (buf_data)
//     files      descriptors               one per actor: places, flags, what it peeked   (buf)
//
// A call is a look-up in a table, one indirect call, and then code for the buffer's kind. No call enters the kernel
// unless it waits or wakes.
//
// Semantics that differ from files', as the paper has it: a stream is endless, and only a window of it can be read.
//   read    at most what is there (a short read is none at an end), one whole block where there are blocks; 0 at the end
//   write   all of it, or what there is room for if it may not wait; one block where there are blocks
//   lseek   anywhere in the window, by positions; outside it `leftWindow` says what the window is
//   peek    as read, but shows the bytes where they lie

/// An actor's open buffers.
///
/// Not for several threads at once: each has a table of its own on the same ``BufferDirectory``.
///
/// Safe because the table's slots are checked against its length, and hold what they retain until it is closed.
@safe public final class BufferFiles {
    /// Where buffers are found by name.
    public let directory: BufferDirectory
    /// Descriptors that one table has at most.
    public static let capacity = 1024

    /// Safe: who takes a slot's contents out of the table is this class alone, which knows that they are retained.
    @safe private struct Slot {
        var reader: Unmanaged<OpenReader>?
        var writer: Unmanaged<OpenWriter>?
    }

    private let table: UnsafeMutablePointer<Slot>
    /// The block that was shown last, or copied last with ``BufferFlags/splices``: where its bytes are.
    private var seenAt: UInt = 0
    private var seenLength = 0
    /// Who has shown it, and knows the entry that points to it; in the table as long as `seenLength` is not 0.
    private var seenBy: Unmanaged<OpenReader>?
    // Private, so that the compiler sees that no two accesses overlap; a public property's are looked up in a list.
    private var bytesCopied: UInt64 = 0
    private var entriesSpliced: UInt64 = 0
    /// Bytes that calls have copied; for measurements.
    public var copiedBytes: UInt64 { bytesCopied }
    /// Entries that were written instead of bytes; for measurements.
    public var splicedEntries: UInt64 { entriesSpliced }

    /// Set by the first call that waits for several.
    var readyList: ReadyList?
    /// Readers opened since `select` looked.
    var unwatched: [Int32] = []

    /// Makes an empty table.
    public init(_ directory: BufferDirectory = BufferDirectory()) {
        self.directory = directory
        unsafe table = .allocate(capacity: Self.capacity)
        unsafe table.initialize(repeating: Slot(reader: nil, writer: nil), count: Self.capacity)
    }

    deinit {
        for number in 0..<Self.capacity { try? close(Int32(number)) }
        unsafe table.deallocate()
    }

    // MARK: open, close

    /// Opens a buffer.
    ///
    /// - Parameters:
    ///   - name: What others open it by; nil for one that only this descriptor reads and writes.
    ///   - flags: Kind, policy, access; kind and policy of a buffer that exists are those it has.
    ///   - mode: Who may open a ``BufferFlags/shared`` buffer from another process: bits for reading, as a file's.
    ///   - size: Bytes of a buffer that is made, rounded up to a power of two of 4,096 or more.
    /// - Returns: The lowest descriptor that is free.
    /// - Throws: ``BufferFileError``.
    public func open(
        _ name: String?,
        _ flags: BufferFlags,
        mode: UInt16 = 0o600,
        size: Int = 65_536
    ) throws(BufferFileError) -> Int32 {
        guard !flags.intersection(.readWrite).isEmpty else {
            throw .invalid("a buffer is opened for reading, writing or both")
        }
        guard
            let free = (0..<Self.capacity).first(where: {
                unsafe table[$0].reader == nil && table[$0].writer == nil
            })
        else { throw .tooManyOpen(Self.capacity) }
        let opened = try directory.open(name, flags, mode: mode, size: size)
        unsafe table[free] = Slot(
            reader: opened.reader.map { unsafe Unmanaged.passRetained($0) },
            writer: opened.writer.map { unsafe Unmanaged.passRetained($0) }
        )
        if opened.reader != nil { unwatched.append(Int32(free)) }
        return Int32(free)
    }

    /// Closes a descriptor: a writer ends its buffer, a reader lets go of it.
    public func close(_ descriptor: Int32) throws(BufferFileError) {
        let index = Int(descriptor)
        guard index >= 0, index < Self.capacity else { throw .badDescriptor(descriptor) }
        let slot = unsafe table[index]
        guard unsafe slot.reader != nil || slot.writer != nil else { throw .badDescriptor(descriptor) }
        unsafe table[index] = Slot(reader: nil, writer: nil)
        readyList?.forget(descriptor)
        unwatched.removeAll { $0 == descriptor }
        seenLength = 0  // its address may soon be that of something else
        if let writer = unsafe slot.writer?.takeRetainedValue() {
            writer.close()
            directory.forget(writer.buffer)
        }
        unsafe slot.reader?.release()
    }

    @inline(__always)
    private func reader(_ descriptor: Int32) throws(BufferFileError) -> Unmanaged<OpenReader> {
        let index = Int(descriptor)
        guard index >= 0, index < Self.capacity, let reader = unsafe table[index].reader else {
            throw .badDescriptor(descriptor)
        }
        return unsafe reader
    }

    @inline(__always)
    private func writer(_ descriptor: Int32) throws(BufferFileError) -> Unmanaged<OpenWriter> {
        let index = Int(descriptor)
        guard index >= 0, index < Self.capacity, let writer = unsafe table[index].writer else {
            throw .badDescriptor(descriptor)
        }
        return unsafe writer
    }

    /// Uses what the table retains without retaining it again: for calls that do not call out, so that it stays there.
    @inline(__always) @unsafe
    private func borrowing<Kept: AnyObject, Result>(
        _ kept: Unmanaged<Kept>,
        _ body: (Kept) throws(BufferFileError) -> Result
    ) throws(BufferFileError) -> Result {
        let outcome: Swift.Result<Result, BufferFileError> = unsafe kept._withUnsafeGuaranteedRef { kept in
            do throws(BufferFileError) { return .success(try body(kept)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    /// The reading side, for calls that call out.
    func openReader(_ descriptor: Int32) throws(BufferFileError) -> OpenReader {
        try unsafe reader(descriptor).takeUnretainedValue()
    }

    /// The writing side, for calls that call out.
    func openWriter(_ descriptor: Int32) throws(BufferFileError) -> OpenWriter {
        try unsafe writer(descriptor).takeUnretainedValue()
    }

    // MARK: read, write, peek

    /// Copies what comes next; never torn bytes.
    ///
    /// - Returns: Bytes; 0 only at the end of the buffer, or for no room.
    /// - Throws: ``BufferFileError``; ``BufferFileError/leftWindow(lost:oldest:end:)`` tells a gap once.
    public func read(
        _ descriptor: Int32,
        into bytes: UnsafeMutableRawBufferPointer
    ) throws(BufferFileError) -> Int {
        let reader = try unsafe self.reader(descriptor)
        let count = try unsafe borrowing(reader) { reader throws(BufferFileError) in
            seenLength = 0
            if reader.flags.contains(.splices) { return try unsafe readAndRemember(reader, into: bytes) }
            return try unsafe reader.read(into: bytes)
        }
        bytesCopied &+= UInt64(count)
        return count
    }

    /// Copies what comes next; see ``read(_:into:)-(_,UnsafeMutableRawBufferPointer)``.
    public func read(_ descriptor: Int32, into bytes: inout MutableRawSpan) throws(BufferFileError) -> Int {
        try unsafe bytes.withUnsafeMutableBytes { bytes throws(BufferFileError) in
            try unsafe read(descriptor, into: bytes)
        }
    }

    /// Copies what comes next into an array of its own.
    public func read(_ descriptor: Int32, count: Int) throws(BufferFileError) -> [UInt8] {
        var outcome: Result<Int, BufferFileError> = .success(0)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max(0, count)) { room, length in
            do throws(BufferFileError) {
                length = try unsafe read(descriptor, into: UnsafeMutableRawBufferPointer(room))
            } catch { outcome = .failure(error) }
        }
        _ = try outcome.get()
        return bytes
    }

    private func readAndRemember(
        _ reader: OpenReader,
        into bytes: UnsafeMutableRawBufferPointer
    ) throws(BufferFileError) -> Int {
        guard let target = bytes.baseAddress, bytes.count > 0 else { return 0 }
        let block = try reader.peek(atMost: bytes.count)
        guard block.length <= bytes.count else {
            reader.keepOnly(0)
            throw .blockTooLong(block.length)
        }
        guard let source = unsafe block.base else { return 0 }
        unsafe target.copyMemory(from: source, byteCount: block.length)
        guard reader.isWhole() else { throw reader.giveBackLapped() }
        if !reader.flags.contains(.modifies) {
            unsafe see(UInt(bitPattern: target), block.length, Unmanaged.passUnretained(reader))
        }
        return block.length
    }

    @inline(__always)
    private func see(_ address: UInt, _ length: Int, _ reader: Unmanaged<OpenReader>) {
        (seenAt, seenLength) = (address, length)
        unsafe seenBy = reader
    }

    /// Called by whoever makes a reader show another block.
    func forgetSeen() { seenLength = 0 }

    /// Shows what comes next where it lies, and moves on as ``read(_:count:)`` does ("system shared", paper, 3.6).
    ///
    /// - Returns: The block, valid until the next call on the descriptor; ask ``isWhole(_:)`` after using it.
    public func peek(_ descriptor: Int32, atMost limit: Int = .max) throws(BufferFileError) -> PeekedBlock {
        let reader = try unsafe self.reader(descriptor)
        return try unsafe borrowing(reader) { open throws(BufferFileError) in
            seenLength = 0
            let block = try open.show(atMost: limit)
            if !open.flags.contains(.modifies) {
                unsafe see(UInt(bitPattern: block.base), block.length, reader)
            }
            return block
        }
    }

    /// Whether no byte of the block that was shown last by this descriptor has been overwritten so far.
    public func isWhole(_ descriptor: Int32) throws(BufferFileError) -> Bool {
        try unsafe borrowing(unsafe reader(descriptor)) { reader throws(BufferFileError) in reader.isWhole() }
    }

    /// Runs `body` on what comes next, in place, and returns its result only if the bytes were whole when it ended.
    ///
    /// - Parameters:
    ///   - descriptor: One open for reading.
    ///   - limit: Bytes wanted at most.
    ///   - body: May see bytes that change under it, so it must have no effect but its result.
    /// - Returns: What `body` returned; nil at the end of the buffer.
    /// - Throws: ``BufferFileError``, as a read.
    public func withPeeked<Result>(
        _ descriptor: Int32,
        atMost limit: Int = .max,
        _ body: (RawSpan) -> Result
    ) throws(BufferFileError) -> Result? {
        let reader = try openReader(descriptor)
        let block = try peek(descriptor, atMost: limit)
        guard block.length > 0 else { return nil }
        let result = unsafe body(block.bytes.bytes)
        guard reader.isWhole() else { throw reader.giveBackLapped() }
        return result
    }

    /// Writes bytes: copies them, or, into an index buffer, points to them if they were just peeked (fast splice).
    ///
    /// - Returns: Bytes taken; fewer than given only if the call may not wait.
    public func write(_ descriptor: Int32, _ bytes: RawSpan) throws(BufferFileError) -> Int {
        let writer = try unsafe self.writer(descriptor)
        if bytes.byteCount > 0, bytes.byteCount <= seenLength, let seenBy = unsafe seenBy {
            let at = unsafe bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
            if at >= seenAt, at - seenAt <= UInt(seenLength - bytes.byteCount) {
                var entry = try unsafe borrowing(seenBy) { reader throws(BufferFileError) in reader.shownEntry
                }
                entry.offset &+= UInt32(truncatingIfNeeded: at - seenAt)
                entry.length = UInt32(truncatingIfNeeded: bytes.byteCount)
                let isSpliced = try unsafe borrowing(writer) { writer throws(BufferFileError) in
                    try writer.write(entry: entry)
                }
                if isSpliced {
                    entriesSpliced &+= 1
                    return bytes.byteCount
                }
            }
        }
        let count = try unsafe borrowing(writer) { writer throws(BufferFileError) in
            try writer.write(bytes)
        }
        bytesCopied &+= UInt64(count)
        return count
    }

    /// Writes an array; see ``write(_:_:)-(_,RawSpan)``.
    public func write(_ descriptor: Int32, _ bytes: [UInt8]) throws(BufferFileError) -> Int {
        try unsafe write(descriptor, bytes.span.bytes)
    }

    /// Counts what a splice has done.
    func note(entry isEntry: Bool, bytes: Int) {
        entriesSpliced &+= isEntry ? 1 : 0
        bytesCopied &+= UInt64(bytes)
    }
}
