// SPDX-License-Identifier: Apache-2.0

/// The hold that a consumer with an index buffer has on a ring its entries point into.
///
/// In blocking mode the producer waits for it. The holder lets go up to the *end* of its last consumed entry or, when
/// its index buffer is empty, up to what the classifier had completed *before* the holder looked: otherwise a
/// consumer that gets no entry would stop the producer for ever.
public struct RingHold: ~Copyable, @unchecked Sendable {
    /// The ring.
    public let buffer: DataBuffer
    private let slot: Int?

    /// Takes hold of everything from the buffer's tail on; nothing in a buffer that is not blocking.
    ///
    /// - Throws: ``BufferError/tooManyReaders`` if the producer waits for 64 readers already.
    public init(_ buffer: DataBuffer) throws(BufferError) {
        slot = try buffer.attachmentPlace(holding: true).slot
        self.buffer = buffer
    }

    deinit { if let slot { buffer.coordination.removeReader(slot) } }

    /// Up to where the classifier has filled every index buffer; load it before the index buffer's tail.
    public var classifiedThrough: (position: Position, ordinal: UInt64) {
        let through = buffer.coordination.classifiedThrough
        return (Position(through.position), through.ordinal)
    }

    /// Lets go of everything before the given place; what was let go before stays so.
    public func release(through position: Position, ordinal: UInt64) {
        guard let slot else { return }
        buffer.coordination.release(slot, position: position.bytes, ordinal: ordinal)
    }
}
