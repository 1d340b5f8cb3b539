// SPDX-License-Identifier: Apache-2.0
// Classic pcap (draft-ietf-opsawg-pcap): a file header of 24 bytes, then records of a header and the packet.
//
//    0               4               8              12              16              20
//   +-------+-------+-------+-------+---------------+---------------+---------------+---------------+
//   |     magic     | major | minor |   reserved    |   reserved    |  snap length  |   link type   |
//   +---------------+-------+-------+---------------+---------------+---------------+---------------+
//   |    seconds    |   fraction    | captured len. | original len. |  16 bytes a record (24 if modified)

/// The header of a pcap file, as a value.
@frozen public struct PcapFileHeader: Equatable, Sendable, BitwiseCopyable {
    /// Bytes of the header.
    public static let length = 24

    /// In which order a record names its two lengths.
    @frozen public enum LengthOrder: Sendable, BitwiseCopyable {
        /// Captured length first: version 2.4 and what claims to be later.
        case capturedFirst
        /// Original length first: versions before 2.3, and DG/UX's 543.0.
        case originalFirst
        /// Version 2.3, written both ways: the smaller one is the captured length.
        case smallerIsCaptured
    }

    /// The order of the bytes of every number in the file.
    public let order: ByteOrder
    /// Nanoseconds in a unit of a record's fraction: 1 or 1,000.
    public let nanosecondsPerUnit: UInt32
    /// Bytes of a record's header: 16, or 24 in the modified form (magic 0xa1b2cd34: interface, protocol,
    /// type follow).
    public let recordHeaderLength: Int
    /// Which length comes first in a record.
    public let lengthOrder: LengthOrder
    /// Bytes of a packet that the capture was to keep, as stated: may be 0, absurd, or exceeded by a record.
    public let snapLength: UInt32
    /// What the packets begin with; the frame-check bits above it are masked.
    public let linkType: LinkType

    /// Reads the header of a file.
    ///
    /// - Parameter bytes: At least ``length`` bytes.
    /// - Throws: `truncated`, or `invalid` with the magic, the version (major in the upper half) or the link
    ///   type.
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= PcapFileHeader.length else {
            throw .truncated(need: PcapFileHeader.length, have: bytes.byteCount)
        }
        let magic = bytes.bigEndian32(at: 0)
        switch magic {
        case 0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34: order = .big
        case 0xd4c3_b2a1, 0x4d3c_b2a1, 0x34cd_b2a1: order = .little
        default: throw .invalid(field: .magic, value: UInt64(magic))
        }
        let ordered = order == .big ? magic : magic.byteSwapped
        nanosecondsPerUnit = ordered == 0xa1b2_3c4d ? 1 : 1000
        recordHeaderLength = ordered == 0xa1b2_cd34 ? 24 : 16

        let version = bytes.integer32(at: 4, order)
        let major = bytes.integer16(at: 4, order)
        let minor = bytes.integer16(at: 6, order)
        switch (major, minor) {
        case (2, 0), (2, 1), (2, 2), (543, 0): lengthOrder = .originalFirst
        case (2, 3): lengthOrder = .smallerIsCaptured
        // There is no later one, but tshark reads what claims to be, and evidence is evidence.
        case (2, _): lengthOrder = .capturedFirst
        default:
            let value = order == .big ? version : version << 16 | version >> 16
            throw .invalid(field: .version, value: UInt64(value))
        }
        snapLength = bytes.integer32(at: 16, order)
        // Bits 28 to 31: length of the frame check sequence in 16-bit units; bit 26: whether that is known.
        let type = bytes.integer32(at: 20, order) & 0x03ff_ffff
        guard let narrow = UInt16(exactly: type) else {
            throw .invalid(field: .linkType, value: UInt64(type))
        }
        linkType = LinkType(rawValue: narrow)
    }
}

/// The header of one record of a pcap file, as a value; lengths are as stated and not yet believed.
@frozen public struct PcapRecordHeader: Equatable, Sendable, BitwiseCopyable {
    /// When the packet was captured; the format's 32 bits of seconds end in 2106.
    public let time: Timestamp
    /// Bytes of the packet that follow.
    public let capturedLength: UInt32
    /// Bytes of the packet on the wire.
    public let originalLength: UInt32

    /// Reads a record's header.
    ///
    /// - Parameters:
    ///   - bytes: Bytes that begin with the record.
    ///   - file: The header of the file they are from.
    /// - Throws: `truncated` if there are fewer bytes than the file's records have before the packet.
    @inlinable @inline(__always)
    public init(_ bytes: RawSpan, in file: PcapFileHeader) throws(WireError) {
        guard bytes.byteCount >= file.recordHeaderLength else {
            throw .truncated(need: file.recordHeaderLength, have: bytes.byteCount)
        }
        let seconds = UInt64(bytes.integer32(at: 0, file.order))
        let fraction = UInt64(bytes.integer32(at: 4, file.order))
        // Below 2^63 whatever the file says: a fraction beyond a second is carried over, not refused.
        time = Timestamp(nanoseconds: seconds &* 1_000_000_000 &+ fraction &* UInt64(file.nanosecondsPerUnit))
        let first = bytes.integer32(at: 8, file.order)
        let second = bytes.integer32(at: 12, file.order)
        switch file.lengthOrder {
        case .capturedFirst: (capturedLength, originalLength) = (first, second)
        case .originalFirst: (capturedLength, originalLength) = (second, first)
        case .smallerIsCaptured: (capturedLength, originalLength) = (min(first, second), max(first, second))
        }
    }
}
