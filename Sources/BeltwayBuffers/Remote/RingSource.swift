// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire
internal import Synchronization

/// A ring as one client of the server reads it: messages are filled from here.
///
/// It reads as any other reader under fast reader preference does, so the producer never waits for it. What has been
/// overwritten when a message is filled is left out, and shows as a jump of ordinals.
struct RingSource: ~Copyable {
    let buffer: DataBuffer
    let memory: RingMemory
    private var reader: DescriptorReader
    /// A descriptor taken and not yet sent: it did not fit, or begins after a jump.
    private var held: (descriptor: Descriptor, ordinal: UInt64)?
    /// The order in which descriptors leave.
    private let order: ByteOrder
    private var interfacesSent = 0
    /// Where the records that were handed over end.
    private var handedOver: UInt64 = 0

    init(_ buffer: DataBuffer, order: ByteOrder) throws(BufferError) {
        self.buffer = buffer
        memory = buffer.memory
        self.order = order
        reader = try DescriptorReader(buffer, holding: false)
    }

    /// Records handed over, and overwritten before they could be.
    var ledger: (read: UInt64, lost: UInt64) { (reader.read, reader.lost) }
    /// Ordinal of the next record to be sent.
    var ordinal: UInt64 { held?.ordinal ?? reader.ordinal }
    /// Where what was published ends, as the client may know it.
    ///
    /// The producer stores the tail after its ordinal, so a record may be handed over before the tail has passed it.
    private var tail: UInt64 { max(memory.tail.bytes, handedOver) }
    /// Whether there is something to send.
    var hasNews: Bool { held != nil || memory.tailOrdinal != reader.ordinal }
    /// Whether nothing is left and nothing will come.
    var isAtEnd: Bool { memory.isClosed && !hasNews }

    /// Fills welcome.
    func appendWelcome(to message: inout MessageBuilder, rings: [String]) {
        message.begin(.welcome)
        message.append64(RemoteWire.magic)
        message.append16(RemoteWire.version)
        message.append8(order == .little ? 1 : 2)
        message.append8(UInt8(truncatingIfNeeded: buffer.policy.rawValue))
        message.append16(buffer.linkType.rawValue)
        message.append16(0)
        message.append64(UInt64(buffer.geometry.capacity))
        message.append64(buffer.generation)
        message.append64(reader.ordinal)
        message.append64(memory.tail.bytes)
        let name = buffer.name.utf8.prefix(RemoteWire.maximumNameLength)
        message.append16(UInt16(name.count))
        message.append(text: buffer.name, limit: RemoteWire.maximumNameLength)
        message.append32(UInt32(min(rings.count, RemoteWire.maximumRings)))
        for ring in rings.prefix(RemoteWire.maximumRings) {
            message.append8(UInt8(ring.utf8.prefix(255).count))
            message.append(text: ring, limit: 255)
        }
    }

    /// Fills a message with the names of interfaces, if there are more than were sent before.
    mutating func appendInterfaces(to message: inout MessageBuilder) -> Bool {
        let names = buffer.interfaces
        guard names.count > interfacesSent else { return false }
        interfacesSent = names.count
        message.begin(.interfaces)
        message.append32(UInt32(names.count))
        for name in names {
            message.append8(UInt8(name.utf8.prefix(255).count))
            message.append(text: name, limit: 255)
        }
        return true
    }

    private mutating func take() throws(MalformedMessage) -> (descriptor: Descriptor, ordinal: UInt64)? {
        if let taken = held {
            held = nil
            return taken
        }
        guard let descriptor = reader.next() else { return nil }
        guard descriptor.isPlausible(in: memory.geometry) else {
            throw .value("a record in the ring's own descriptors", descriptor.position.bytes)
        }
        return (descriptor, reader.ordinal - 1)
    }

    /// Fills a batch: descriptors of consecutive records, at most `count`; none if nothing new was published.
    mutating func appendBatch(
        to message: inout MessageBuilder,
        count: Int,
        tag: UInt32
    ) throws(MalformedMessage) {
        let (isClosed, through) = (memory.isClosed, memory.timeThrough)  // before the tail
        message.begin(.batch, tag: tag)
        let head = message.reserve(RemoteWire.batchHeadLength)
        let (first, records, _) = try appendDescriptors(to: &message, count: count, contiguous: nil)
        store(head, first, records, through, isClosed: isClosed, in: message)
    }

    /// Fills records: descriptors and the stretch of the ring that holds them.
    ///
    /// - Returns: False if all of them were overwritten meanwhile; the message was taken back.
    mutating func appendRecords(
        to message: inout MessageBuilder,
        bytes limit: Int
    ) throws(MalformedMessage) -> Bool {
        let (isClosed, through) = (memory.isClosed, memory.timeThrough)
        message.begin(.records)
        let head = message.reserve(RemoteWire.batchHeadLength)
        let table = head + RemoteWire.batchHeadLength
        var (first, records, stretch) = try appendDescriptors(
            to: &message,
            count: RemoteWire.maximumBatch,
            contiguous: limit
        )
        let place = message.reserve(16)
        let bytes = place + 16
        var length = Int(stretch.end - stretch.start)
        memory.withBytes(at: Position(stretch.start), offset: 0, length: length) { message.append($0) }
        // The check after the copy: what may have changed under it is taken out, record by record.
        let whole = memory.wholeFrom()
        if whole > stretch.start, records > 0 {
            var gone = 0
            var position = stretch.start
            while gone < records, position < whole {
                let descriptor = ordered(message.store.descriptor(table + gone * RemoteWire.descriptorLength))
                position = descriptor.position.bytes + UInt64(descriptor.recordLength)
                gone += 1
                reader.giveBackLapped()
            }
            if gone == records {
                message.abandon()
                return false
            }
            message.remove(Int(position - stretch.start), at: bytes)
            message.remove(gone * RemoteWire.descriptorLength, at: table)
            stretch.start = position
            length = Int(stretch.end - position)
            first += UInt64(gone)
            records -= gone
        }
        let moved = table + records * RemoteWire.descriptorLength
        message.store.store64(stretch.start, moved)
        message.store.store64(UInt64(length), moved + 8)
        store(head, first, records, through, isClosed: isClosed, in: message)
        return true
    }

    private func ordered(_ descriptor: Descriptor) -> Descriptor {
        order == RemoteWire.nativeOrder ? descriptor : descriptor.byteSwapped
    }

    /// Appends descriptors of consecutive ordinals; with a limit in bytes also of consecutive positions.
    private mutating func appendDescriptors(
        to message: inout MessageBuilder,
        count: Int,
        contiguous limit: Int?
    ) throws(MalformedMessage) -> (first: UInt64, records: Int, stretch: (start: UInt64, end: UInt64)) {
        var records = 0
        var first: UInt64 = 0
        var start: UInt64 = 0
        var end: UInt64 = 0
        while records < count, let next = try take() {
            let position = next.descriptor.position.bytes
            if records == 0 {
                (first, start) = (next.ordinal, position)
            } else if next.ordinal != first + UInt64(records) {
                held = next
                break
            } else if let limit,
                position != end || position + UInt64(next.descriptor.recordLength) > start + UInt64(limit)
            {
                held = next
                break
            }
            end = position + UInt64(next.descriptor.recordLength)
            handedOver = end
            message.append(ordered(next.descriptor))
            records += 1
        }
        if records == 0 { first = ordinal }
        return (first, records, (start, end))
    }

    private func store(
        _ head: Int,
        _ first: UInt64,
        _ records: Int,
        _ through: Timestamp,
        isClosed: Bool,
        in message: MessageBuilder
    ) {
        let store = message.store
        store.store64(first, head)
        store.store64(memory.tailOrdinal, head + 8)
        store.store64(tail, head + 16)
        store.store64(hasNews ? 0 : through.nanoseconds, head + 24)
        store.store32(UInt32(records), head + 32)
        store.store32(isClosed && !hasNews ? 1 : 0, head + 36)
    }

    /// Fills one message with the answers to ranges of a request, as many as it holds.
    ///
    /// - Parameters:
    ///   - message: Where it goes.
    ///   - index: The first range that has no answer yet; moved on.
    ///   - count: Ranges of the request.
    ///   - request: A body that `WantBytesMessage` has checked.
    ///   - tag: The request's.
    /// - Throws: If a range crosses the end of the ring: no record does.
    func appendBytes(
        to message: inout MessageBuilder,
        from index: inout Int,
        of count: Int,
        request: RawSpan,
        tag: UInt32
    ) throws(MalformedMessage) {
        message.begin(.bytes, tag: tag)
        let head = message.reserve(8)
        let first = index
        let tail = tail
        let mask = UInt64(memory.geometry.capacity - 1)
        while index < count {
            let field = WantBytesMessage.headLength + index * RemoteWire.rangeLength
            let position = request.bigEndian64(at: field)
            let wanted = Int(request.bigEndian32(at: field + 8))
            guard Int(position & mask) + wanted <= memory.geometry.capacity else {
                throw .value("a range that crosses the ring's end", position)
            }
            guard message.room >= RemoteWire.pieceHeadLength + wanted else { break }
            let piece = message.reserve(RemoteWire.pieceHeadLength)
            let end = min(position + UInt64(wanted), tail)
            var start = min(max(position, memory.wholeFrom()), end)
            let length = Int(end - start)
            if length > 0 {
                memory.withBytes(at: Position(start), offset: 0, length: length) { message.append($0) }
                // The check after the copy: a byte that may have changed under it does not leave.
                let whole = min(max(start, memory.wholeFrom()), end)
                if whole > start {
                    message.remove(Int(whole - start), at: piece + RemoteWire.pieceHeadLength)
                    start = whole
                }
            }
            // Of a range beyond the tail nothing is lapped: it is not there yet.
            message.store.store32(UInt32(start > position ? start - position : 0), piece)
            message.store.store32(UInt32(end > start ? end - start : 0), piece + 4)
            index += 1
        }
        message.store.store32(UInt32(first), head)
        message.store.store32(UInt32(index - first), head + 4)
    }
}

extension RingMemory {
    /// The oldest position whose bytes are what was published there; call it after reading, as ``isWhole(_:)``.
    ///
    /// The fence keeps the reads before the load of `intent`; the partner is the release fence in `reserve`.
    func wholeFrom() -> UInt64 {
        atomicMemoryFence(ordering: .acquiring)
        let intent = relaxed(ControlLayout.intent)
        return intent > UInt64(geometry.capacity) ? intent - UInt64(geometry.capacity) : 0
    }
}
