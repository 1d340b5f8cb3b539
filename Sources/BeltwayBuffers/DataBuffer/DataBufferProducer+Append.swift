// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

// A packet's way into the ring: nearly always one straight piece; what is unusual goes a way of its own.

extension DataBufferProducer {
    /// Copies one packet into the ring: the one copy that Beltway makes.
    ///
    /// The record is invisible until ``publish()``.
    ///
    /// - Parameters:
    ///   - packet: Captured bytes; beyond the snap length they are cut and the record is marked `truncated`.
    ///   - time: When it was captured.
    ///   - originalLength: Bytes on the wire.
    ///   - interface: A number that ``addInterface(named:)`` returned.
    ///   - flags: What else is known.
    /// - Returns: False if there is no room: readers still need it (blocking policy), or what was appended since the
    ///   last ``publish()`` fills the ring. Publish, run the stage, call ``waitForRoom()``, and append again. The
    ///   packet was not taken then.
    @inlinable
    public mutating func append(
        _ packet: RawSpan,
        time: Timestamp,
        originalLength: UInt32,
        interface: UInt16,
        flags: RecordFlags
    ) -> Bool {
        let captured = packet.byteCount
        let size = RecordSize(captured: captured, flags: flags)
        guard captured <= snapLength, tail &+ size.length <= appendLimit, ordinal != reservedOrdinal else {
            return appendOther(
                packet,
                time: time,
                originalLength: originalLength,
                interface: interface,
                flags: flags
            )
        }
        // Safe: the record lies inside what was reserved, in one chunk, and no reader takes it for published.
        unsafe put(packet, size, time, originalLength, interface, flags)
        return true
    }

    /// A packet that has to be cut, or one that needs room first.
    @usableFromInline @inline(never)
    mutating func appendOther(
        _ packet: RawSpan,
        time: Timestamp,
        originalLength: UInt32,
        interface: UInt16,
        flags: RecordFlags
    ) -> Bool {
        var flags = flags
        let captured = min(packet.byteCount, snapLength)
        if packet.byteCount > captured { flags.insert(.truncated) }
        let size = RecordSize(captured: captured, flags: flags)
        if tail &+ size.length > appendLimit || ordinal == reservedOrdinal {
            guard makeRoom(for: Int(truncatingIfNeeded: size.length)) else { return false }
        }
        if time < row.leastTime { row.leastTime = time }
        // Safe: as in `append`.
        unsafe put(packet.extracting(first: captured), size, time, originalLength, interface, flags)
        return true
    }

    /// Lays down a record where there is room for it, with its descriptor.
    @inlinable @inline(__always) @unsafe
    mutating func put(
        _ packet: RawSpan,
        _ size: RecordSize,
        _ time: Timestamp,
        _ originalLength: UInt32,
        _ interface: UInt16,
        _ flags: RecordFlags
    ) {
        // From locals: a member is loaded again after every store into the ring.
        let (tail, ordinal) = (tail, ordinal)
        unsafe memory.writeRecord(
            at: tail,
            packet: packet,
            size: size,
            time: time,
            originalLength: originalLength,
            interface: interface,
            flags: flags
        )
        memory.write(
            Descriptor(
                position: Position(tail),
                time: time,
                capturedLength: UInt32(truncatingIfNeeded: packet.byteCount),
                originalLength: originalLength,
                recordLength: UInt32(truncatingIfNeeded: size.length),
                interface: interface,
                flags: flags
            ),
            at: ordinal
        )
        self.tail = tail &+ size.length
        self.ordinal = ordinal &+ 1
        // The first one of a chunk has come by `appendOther`.
        if time > row.greatestTime {
            row.greatestTime = time
        } else if time < row.leastTime {
            row.leastTime = time
        }
    }
}
