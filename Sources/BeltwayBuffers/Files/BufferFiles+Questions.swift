// SPDX-License-Identifier: Apache-2.0

// Places and questions: lseek, drain, and what is known of a descriptor's buffer.
extension BufferFiles {
    /// Goes to another position of the window.
    ///
    /// - Returns: The position.
    /// - Throws: ``BufferFileError/leftWindow(lost:oldest:end:)`` for one outside of it.
    @discardableResult
    public func lseek(
        _ descriptor: Int32,
        _ offset: Int64,
        _ origin: SeekOrigin
    ) throws(BufferFileError) -> UInt64 { try openReader(descriptor).seek(offset, origin) }

    /// What a reader was offered, what it read and what it lost, in bytes of a stream or else in blocks.
    public func counts(
        _ descriptor: Int32
    ) throws(BufferFileError) -> (published: UInt64, read: UInt64, lost: UInt64) {
        try openReader(descriptor).counts
    }

    /// Writes that found no room and were refused.
    public func dropped(_ descriptor: Int32) throws(BufferFileError) -> UInt64 {
        try openWriter(descriptor).dropped
    }

    /// The ring behind a descriptor.
    public func ring(_ descriptor: Int32) throws(BufferFileError) -> Ring { try buffer(descriptor).ring }

    /// How many read the buffer, here and in other processes.
    public func readerCount(_ descriptor: Int32) throws(BufferFileError) -> Int {
        try buffer(descriptor).readerCount
    }

    func buffer(_ descriptor: Int32) throws(BufferFileError) -> NamedBuffer {
        if let writer = try? openWriter(descriptor) { return writer.buffer }
        return try openReader(descriptor).buffer
    }

    /// Waits until every reader has let go of everything that was written, or has gone (tcdrain of terminals).
    ///
    /// What was written stays readable after ``close(_:)`` too, but memory that a resized ring took later is asked of
    /// its owner; and who wants to know whether all was read must be there to see it.
    ///
    /// - Parameters:
    ///   - descriptor: One open for writing; its policy has to hold the ring for readers.
    ///   - seconds: At most so long.
    /// - Returns: Whether nothing is left; false also if the time is over.
    /// - Throws: ``BufferFileError/interrupted``, ``BufferFileError/badDescriptor(_:)``.
    public func drain(_ descriptor: Int32, seconds: Double = .infinity) throws(BufferFileError) -> Bool {
        let ring = try openWriter(descriptor).buffer.ring
        let end = ring.end
        let deadline = ContinuousClock.now + .seconds(min(seconds, 1e9))
        func isDone() -> Bool { ring.coordination.oldestProtected(end).position >= end.position }
        while !isDone() {
            if directory.interruption.isAsked { throw .interrupted }
            if ContinuousClock.now >= deadline { return false }
            ring.coordination.room.wait(nanoseconds: 10_000_000, unless: isDone)
            ring.coordination.dropStalled(before: end, length: UInt64(ring.length))
        }
        return true
    }
}
