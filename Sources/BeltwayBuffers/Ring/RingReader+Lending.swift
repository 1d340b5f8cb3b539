// SPDX-License-Identifier: Apache-2.0

// For whoever takes several blocks at a time and keeps their addresses: what keeps them mapped, whether they are whole.

extension RingReader {
    /// Published and not yet taken, in blocks (bytes in a stream).
    public var backlog: UInt64 { max(ring.tailOrdinal, ordinal) &- ordinal }

    /// Keeps the memory of the block taken last mapped, whatever becomes of the ring's size.
    public var lender: AnyObject { area }

    /// Whether no byte of a block taken earlier has been overwritten so far, even if the ring was resized since.
    public func isStillWhole(_ block: Block) -> Bool {
        let position = block.position.bytes
        if position >= space.start { return isWhole(block) }
        guard let mapped = ring.space(holding: position) else { return false }
        return ring.isWhole(position, in: mapped.space)
    }
}
