// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

// How a record, a padding block and a statistics block are laid down in the ring (pcapng; layout in RecordLayout).
//
// Safe because the caller has reserved [position, position + length) inside one chunk: it cannot cross the ring's
// end, and no reader takes it for published.

/// How long a record is.
@frozen @usableFromInline struct RecordSize: BitwiseCopyable {
    /// Bytes of the packet, padded to a multiple of 4.
    @usableFromInline var padded: Int
    /// Bytes of options.
    @usableFromInline var options: Int
    /// Bytes of all.
    @usableFromInline var length: UInt64

    @inlinable @inline(__always)
    init(captured: Int, flags: RecordFlags) {
        options = RecordLayout.optionsLength(
            capturedLength: captured,
            needsFlags: flags.rawValue & 7 != 0
        )
        padded = (captured &+ 3) & ~3
        length = UInt64(truncatingIfNeeded: RecordLayout.overhead &+ padded &+ options)
    }
}

extension RingMemory {
    @inlinable @inline(__always)
    func put(_ value: UInt32, _ offset: Int) {
        unsafe data.storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
    }

    /// Stores two words, the first at the lower address, at once.
    @inlinable @inline(__always)
    func put(_ first: UInt32, _ second: UInt32, _ offset: Int) {
        let both = (UInt64(second) << 32 | UInt64(first)).littleEndian
        unsafe data.storeBytes(of: both, toByteOffset: offset, as: UInt64.self)
    }

    @inlinable @inline(__always)
    func write(_ descriptor: Descriptor, at ordinal: UInt64) {
        let slot = Int(truncatingIfNeeded: ordinal & descriptorMask)
        let place = unsafe descriptors + slot &* 32
        // Two fields at a time, as below; their places are pinned by `LayoutTests`.
        unsafe place.storeBytes(of: descriptor.position.bytes, as: UInt64.self)
        unsafe place.storeBytes(of: descriptor.time.nanoseconds, toByteOffset: 8, as: UInt64.self)
        let lengths = UInt64(descriptor.originalLength) << 32 | UInt64(descriptor.capturedLength)
        unsafe place.storeBytes(of: lengths.littleEndian, toByteOffset: 16, as: UInt64.self)
        let rest = UInt64(descriptor.flags.rawValue) << 48 | UInt64(descriptor.interface) << 32
        unsafe place.storeBytes(
            of: (rest | UInt64(descriptor.recordLength)).littleEndian,
            toByteOffset: 24,
            as: UInt64.self
        )
    }

    @inlinable @inline(__always) @unsafe
    func writeRecord(
        at tail: UInt64,
        packet: RawSpan,
        size: RecordSize,
        time: Timestamp,
        originalLength: UInt32,
        interface: UInt16,
        flags: RecordFlags
    ) {
        let start = Int(truncatingIfNeeded: tail & mask)
        let length = UInt32(truncatingIfNeeded: size.length)
        let body = start &+ RecordLayout.headerLength
        // From the end on, two fields at a time (a small record costs its stores): the packet's last word, whose padding is
        // what the copy leaves of it, and of an empty packet the header's.
        let end = body &+ size.padded
        if size.options == 0 {
            put(0, length, end &- 4)
        } else {
            put(0, end &- 4)
            putOptions(size.options, flags, end)
            put(length, end &+ size.options)
        }
        put(RecordLayout.enhancedPacketBlock, length, start)
        put(UInt32(interface), UInt32(truncatingIfNeeded: time.nanoseconds >> 32), start &+ 8)
        let captured = UInt32(truncatingIfNeeded: packet.byteCount)
        put(UInt32(truncatingIfNeeded: time.nanoseconds), captured, start &+ 16)
        put(originalLength, start &+ 24)
        unsafe packet.copy(to: data + body)
    }

    /// Options that fill the gap; see the table in RecordLayout.swift.
    @inlinable @inline(__always)
    func putOptions(_ length: Int, _ flags: RecordFlags, _ start: Int) {
        var offset = start
        if length >= 8 {
            var bits: UInt32 = 0
            if flags.contains(.inbound) { bits |= 1 }
            if flags.contains(.outbound) { bits |= 2 }
            if flags.contains(.checksumNotReady) { bits |= 1 << 9 }
            put(2 | 4 << 16, offset)  // epb_flags, 4 bytes
            put(bits, offset &+ 4)
            offset &+= 8
        }
        if length >= 16 {
            put(6 | 4 << 16, offset)  // epb_queue, 4 bytes
            put(0, offset &+ 4)
            offset &+= 8
        }
        if length & 4 != 0 { put(0, offset) }  // opt_endofopt
    }

    func writePadding(at tail: UInt64, length: Int) {
        let start = Int(truncatingIfNeeded: tail & mask)
        put(RecordLayout.paddingBlock, start)
        put(UInt32(length), start + 4)
        put(UInt32(length), start + length - 4)
        // What lies between is of an earlier lap: zeroed, so that nothing old reaches a file under a new name.
        unsafe (data + start + 8).initializeMemory(as: UInt8.self, repeating: 0, count: length - 12)
    }

    func writeStatistics(_ statistics: InterfaceStatistics, at tail: UInt64) {
        let start = Int(truncatingIfNeeded: tail & mask)
        let length = RecordLayout.statisticsBlockLength
        put(RecordLayout.interfaceStatisticsBlock, start)
        put(UInt32(length), start + 4)
        put(UInt32(statistics.interface), start + 8)
        put(UInt32(truncatingIfNeeded: statistics.time.nanoseconds >> 32), start + 12)
        put(UInt32(truncatingIfNeeded: statistics.time.nanoseconds), start + 16)
        let options: [(code: UInt32, value: UInt64)] = [
            (4, statistics.received), (7, statistics.dropped),
            (8, statistics.received &- min(statistics.received, statistics.dropped)),
        ]
        var offset = start + 20
        for option in options {
            put(option.code | 8 << 16, offset)
            put(UInt32(truncatingIfNeeded: option.value), offset + 4)
            put(UInt32(truncatingIfNeeded: option.value >> 32), offset + 8)
            offset += 12
        }
        put(0, offset)
        put(UInt32(length), start + length - 4)
    }
}
