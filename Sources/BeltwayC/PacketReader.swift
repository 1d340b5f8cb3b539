// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire
internal import CBeltway

// A reader of a packets' ring.
//
// Safe as far as C allows: the addresses that it hands out lie in memory that is mapped read-only, whole, and for as
// long as the handle lives; the lengths beside them are those of the spans that Buffers has checked.

/// The handle of a reader of packets.
final class PacketReader: ReaderHandle {
    private var reader: DescriptorReader
    private let memory: RingMemory
    private let kind: (buffer: UInt16, linkType: UInt16)

    init(_ attached: AttachedBuffer, holds: Bool) throws(BufferError) {
        reader = try DescriptorReader(attached.buffer, holding: holds)
        memory = attached.buffer.memory
        kind = (attached.buffer.number, attached.buffer.linkType.rawValue)
        super.init(.packets(attached), holds: holds)
    }

    override func fill(_ packets: UnsafeMutableBufferPointer<beltway_packet>) -> Int {
        unsafe Self.fill(packets, from: &reader, kind)
    }

    /// Apart from the object, so that exclusive access to the reader is asked for once per batch.
    private static func fill(
        _ packets: UnsafeMutableBufferPointer<beltway_packet>,
        from reader: inout DescriptorReader,
        _ kind: (buffer: UInt16, linkType: UInt16)
    ) -> Int {
        let memory = reader.memory
        var count = 0
        while count < packets.count, let descriptor = reader.next() {
            let ordinal = reader.ordinal &- 1
            var packet = unsafe beltway_packet(descriptor, in: memory)
            unsafe packet.ordinal = ordinal
            unsafe packet.entry = ordinal
            unsafe packet.buffer = kind.buffer
            unsafe packet.link_type = kind.linkType
            unsafe packets[count] = packet
            count += 1
        }
        return count
    }

    override func holds(_ packet: beltway_packet) throws(Failure) -> Bool {
        guard unsafe packet.ordinal < reader.ordinal, unsafe Position(packet.position) < memory.tail else {
            throw Failure.unknown
        }
        return unsafe memory.isWhole(Position(packet.position))
    }
    override func giveBack(_ packet: beltway_packet) { reader.giveBackLapped() }
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

extension beltway_packet {
    /// A packet by its producer's descriptor, in place: everything but its running numbers and its ring.
    init(_ descriptor: Descriptor, in memory: RingMemory) {
        unsafe self.init()
        memory.withPacket(descriptor) { span in unsafe self.point(to: span) }
        unsafe time = descriptor.time.nanoseconds
        unsafe position = descriptor.position.bytes
        unsafe original_length = descriptor.originalLength
        unsafe record_length = descriptor.recordLength
        unsafe interface_number = descriptor.interface
        unsafe flags = descriptor.flags.rawValue
    }

    /// Bytes in a ring, which outlive the span: whoever calls this keeps them mapped.
    mutating func point(to span: RawSpan) {
        unsafe span.withUnsafeBytes { area in
            unsafe bytes = area.baseAddress
            unsafe captured_length = UInt32(clamping: area.count)
        }
    }
}
