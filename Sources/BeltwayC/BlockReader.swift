// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import CBeltway

// A reader of a ring without packets: slots, marked blocks, or a stream of bytes.
//
// Safe as PacketReader is; as such a ring may be resized, what keeps the memory of a batch mapped is kept until the
// next call.

/// The handle of a reader of blocks.
final class BlockReader<Layout: BlockLayout>: ReaderHandle {
    private var reader: RingReader<Layout>
    private var lenders: [AnyObject] = []

    init(_ attached: AttachedRing, holds: Bool) throws(BufferError) {
        reader = try RingReader(attached.ring, as: Layout.self, holding: holds)
        super.init(.ring(attached), holds: holds)
    }

    override func fill(_ packets: UnsafeMutableBufferPointer<beltway_packet>) -> Int {
        lenders.removeAll(keepingCapacity: true)
        var count = 0
        while count < packets.count, let block = reader.next(atMost: Int(UInt32.max)) {
            if lenders.last !== reader.lender { lenders.append(reader.lender) }
            var packet = unsafe beltway_packet()
            reader.withBytes(of: block) { span in unsafe packet.point(to: span) }
            unsafe packet.original_length = packet.captured_length
            unsafe packet.record_length = packet.captured_length
            unsafe packet.position = block.position.bytes
            unsafe packet.ordinal = block.ordinal
            unsafe packet.entry = block.ordinal
            unsafe packets[count] = packet
            count += 1
        }
        return count
    }

    private func block(_ packet: beltway_packet) -> Block {
        unsafe Block(
            position: Position(packet.position),
            header: 0,
            length: Int(packet.captured_length),
            ordinal: packet.ordinal
        )
    }

    override func holds(_ packet: beltway_packet) throws(Failure) -> Bool {
        guard unsafe Position(packet.position) < reader.ring.tail else { throw Failure.unknown }
        return unsafe reader.isStillWhole(block(packet))
    }
    override func giveBack(_ packet: beltway_packet) {
        let block = unsafe block(packet)
        guard Layout.count(block.length) <= reader.read else { return }
        reader.giveBackLapped(block)
    }
    override func letGo() { reader.release() }
    override func sleep(nanoseconds: Int64) { reader.wait(nanoseconds: nanoseconds) }
    override var coalescing: Coalescing {
        get { reader.coalescing }
        set { reader.coalescing = newValue }
    }
    override var ledger: (read: UInt64, lost: UInt64, published: UInt64, backlog: UInt64) {
        (reader.read, reader.lost, reader.published, reader.backlog)
    }
    override var isAtEnd: Bool { reader.isAtEnd }
}
