// SPDX-License-Identifier: Apache-2.0
// The one buffer that a file is read through. One of the files that say `unsafe`.
//
//     0            start                 end           capacity
//     +------------+=====================+-------------+
//       used up       read, not yet used   room
//
// Invariant: 0 <= start <= end <= capacity, and [start, end) holds bytes of the file in order.
// The interface is safe because spans are cut from [start, end) with their range checked, and depend on the
// window: none can outlive a refill, which moves the bytes.

/// A sliding window over a stream of bytes.
@safe struct ReadWindow: ~Copyable {
    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private var start = 0
    private var end = 0

    /// Makes an empty window.
    ///
    /// - Parameter capacity: Bytes of a read; 256 KiB stay in a second-level cache.
    init(capacity: Int) {
        self.capacity = capacity
        unsafe memory = .allocate(byteCount: capacity, alignment: 4096)
    }

    deinit {
        unsafe memory.deallocate()
    }

    /// Bytes that are read and not used up.
    var count: Int { end &- start }

    /// The bytes that are read and not used up.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        @inline(__always)
        get {
            let span = unsafe RawSpan(_unsafeStart: memory + start, byteCount: end &- start)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Uses up bytes.
    @inline(__always) mutating func consume(_ length: Int) {
        precondition(length >= 0 && length <= count, "more consumed than was read")
        start &+= length
    }

    /// Uses up everything and hands it to `body` first.
    mutating func drain(_ body: (RawSpan) -> Void) {
        body(bytes)
        start = 0
        end = 0
    }

    /// Reads once, after making room for a record of `length` bytes in all.
    ///
    /// - Returns: Bytes read; 0 at the end.
    mutating func refill(
        from source: inout ByteSource,
        toHold length: Int,
        at offset: UInt64
    ) throws(CaptureFileError) -> Int {
        makeRoom(for: max(length, count &+ 1))
        let room = unsafe UnsafeMutableRawBufferPointer(start: memory + end, count: capacity &- end)
        let count = try unsafe source.read(into: room, at: offset)
        end &+= count
        return count
    }

    private mutating func makeRoom(for length: Int) {
        let held = count
        if length > capacity {
            let enough = (length &+ 0xffff) & ~0xffff
            let larger = UnsafeMutableRawPointer.allocate(byteCount: enough, alignment: 4096)
            unsafe larger.copyMemory(from: memory + start, byteCount: held)
            unsafe memory.deallocate()
            unsafe memory = larger
            capacity = enough
        } else if start > 0 {
            unsafe memory.copyMemory(from: memory + start, byteCount: held)
        }
        start = 0
        end = held
    }
}
