// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire
internal import CBeltway

// A reader of an index ring: entries become the packets that they point to.
//
// Safe as PacketReader is: an entry, which may come from anybody, only finds a descriptor, and what that says is
// checked by Buffers. The packets' rings are kept mapped by the attachment's map, for as long as the handle lives.

/// The handle of a reader of a selection.
final class EntryReader: ReaderHandle {
    private var reader: RingReader<EntryLayout>
    private let map: BufferMap
    /// Rings by their numbers; those that cannot be had are asked for again after the next sleep.
    private var rings: [UInt16: DataBuffer] = [:]
    private var missing: Set<UInt16> = []

    /// Entries that one call passes over at most: their packets are overwritten, and nobody else is kept waiting.
    private static let greatestPassedOver = 65_536

    init(_ attached: AttachedRing, holds: Bool) throws(BufferError) {
        reader = try RingReader(attached.ring, as: EntryLayout.self, holding: holds)
        map = attached.map
        super.init(.ring(attached), holds: holds)
    }

    override func fill(_ packets: UnsafeMutableBufferPointer<beltway_packet>) -> Int {
        var count = 0
        var passedOver = 0
        while count < packets.count, passedOver < Self.greatestPassedOver, let block = reader.next() {
            let entry = reader.entry(of: block)
            guard reader.isWhole(block) else {
                reader.giveBackLapped(block)
                passedOver += 1
                continue
            }
            guard var packet = unsafe self.packet(entry) else {
                reader.giveBackLapped(block)
                passedOver += 1
                continue
            }
            unsafe packet.entry = block.ordinal
            unsafe packets[count] = packet
            count += 1
        }
        return count
    }

    /// The packet of an entry; nil if it has been overwritten.
    ///
    /// Without bytes if its ring cannot be had.
    private func packet(_ entry: IndexEntry) -> beltway_packet? {
        var packet = unsafe beltway_packet()
        if let ring = ring(entry.buffer) {
            guard let descriptor = ring.memory.descriptor(of: entry) else { return nil }
            unsafe packet = beltway_packet(descriptor, in: ring.memory)
            if entry.offset > 0 {
                guard UInt64(entry.offset) + UInt64(entry.length) <= UInt64(descriptor.recordLength) else {
                    return nil
                }
                ring.memory.withBytes(
                    at: entry.position,
                    offset: Int(entry.offset),
                    length: Int(entry.length)
                ) { span in unsafe packet.point(to: span) }
            }
            // The entry has 32 bits of it; the tail has the rest.
            let tail = ring.memory.tailOrdinal
            unsafe packet.ordinal = tail &- UInt64(UInt32(truncatingIfNeeded: tail) &- entry.ordinal)
            unsafe packet.link_type = ring.linkType.rawValue
        } else {
            unsafe packet.ordinal = UInt64(entry.ordinal)
            unsafe packet.position = entry.position.bytes
            unsafe packet.record_length = entry.length
            unsafe packet.interface_number = entry.interface
        }
        unsafe packet.buffer = entry.buffer
        unsafe packet.flow_hash = entry.flowHash
        unsafe packet.classification = entry.classification.rawValue
        unsafe packet.offset = entry.offset
        return unsafe packet
    }

    private func ring(_ number: UInt16) -> DataBuffer? {
        if let known = rings[number] { return known }
        guard !missing.contains(number) else { return nil }
        guard let found = try? map.buffer(number) else {
            missing.insert(number)
            return nil
        }
        rings[number] = found
        return found
    }

    override func holds(_ packet: beltway_packet) throws(Failure) -> Bool {
        guard unsafe packet.entry < reader.ring.tailOrdinal else { throw Failure.unknown }
        guard unsafe packet.bytes != nil, let ring = unsafe rings[packet.buffer] else { return true }
        guard unsafe Position(packet.position) < ring.memory.tail else { throw Failure.unknown }
        return unsafe ring.memory.isWhole(Position(packet.position))
    }
    override func giveBack(_ packet: beltway_packet) {
        unsafe reader.giveBackLapped(
            Block(position: .zero, header: 0, length: 32, ordinal: packet.entry)
        )
    }
    override func letGo() { reader.release() }
    override func sleep(nanoseconds: Int64) {
        missing.removeAll()
        reader.wait(nanoseconds: nanoseconds)
    }
    override var coalescing: Coalescing {
        get { reader.coalescing }
        set { reader.coalescing = newValue }
    }
    override var ledger: (read: UInt64, lost: UInt64, published: UInt64, backlog: UInt64) {
        (reader.read, reader.lost, reader.published, reader.backlog)
    }
    override var isAtEnd: Bool { reader.isAtEnd }
}

extension RingReader where Layout == EntryLayout {
    /// The entry in a block, which may be overwritten meanwhile.
    func entry(of block: Block) -> IndexEntry {
        withBytes(of: block) { unsafe $0.unsafeLoad(as: IndexEntry.self) }
    }
}
