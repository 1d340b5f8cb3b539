// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

// The d-DBuf by the calls that all kinds share: a block is a packet of interface 0 at time 0, so that a region of the
// ring is still a valid part of a pcapng file (link type USER0 for what is no packet).

extension DataBufferProducer: BlockProducer {
    /// Longest packet that is stored whole.
    @inlinable public var maximumBlock: Int { snapLength }
    /// Appends a block as a packet; see ``append(_:time:originalLength:interface:flags:)``.
    @inlinable @inline(__always)
    public mutating func appendBlock(_ block: RawSpan) -> Bool {
        append(
            block,
            time: .zero,
            originalLength: UInt32(truncatingIfNeeded: block.byteCount),
            interface: 0,
            flags: []
        )
    }
    /// See ``publish()``.
    @inlinable public mutating func publishBlocks() { publish() }
    /// Whether the policy is to wait for readers.
    @inlinable public var waitsForReaders: Bool { buffer.policy == .blocking }
}

extension DescriptorReader: BlockReader {
    /// Takes the next packet; see ``next()``.
    @inlinable
    public mutating func nextBlock(atMost limit: Int) -> Block? {
        guard let descriptor = next() else { return nil }
        return Block(
            position: descriptor.position,
            header: RecordLayout.headerLength,
            length: Int(descriptor.capturedLength),
            ordinal: ordinal &- 1
        )
    }

    /// Hands out a packet's bytes, in place.
    @inlinable @inline(__always)
    public func withBytes<Result>(of block: Block, _ body: (RawSpan) -> Result) -> Result {
        memory.withBytes(at: block.position, offset: block.header, length: block.length, body)
    }

    /// Whether no byte of the record has been overwritten so far.
    @inlinable @inline(__always)
    public func isWhole(_ block: Block) -> Bool { memory.isWhole(block.position) }

    /// Counts the packet taken last as lost.
    @inlinable public mutating func giveBackLapped(_ block: Block) { giveBackLapped() }
}
