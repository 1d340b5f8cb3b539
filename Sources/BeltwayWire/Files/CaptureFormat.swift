// SPDX-License-Identifier: Apache-2.0

/// What a file is, told by its first bytes.
public enum CaptureFormat: Equatable, Sendable {
    /// Classic pcap: ``PcapFileHeader`` reads it.
    case pcap
    /// pcapng: it begins with a Section Header Block.
    case pcapng
    /// gzip (RFC 1952) of something.
    case gzip
    /// A format that is recognised but not read, by its name for people.
    case unsupported(String)
    /// Nothing that is known here.
    case unknown

    /// Bytes that ``init(_:)`` looks at, at most; fewer are enough where the file is shorter.
    public static let prefixLength = 12

    /// Recognises a format by the first bytes of a file.
    ///
    /// - Parameter bytes: The first bytes, ``prefixLength`` of them or the whole file if it is shorter.
    public init(_ bytes: RawSpan) {
        if bytes.byteCount >= 2, bytes.bigEndian16(at: 0) == 0x1f8b {
            self = .gzip
            return
        }
        guard bytes.byteCount >= 4 else {
            self = .unknown
            return
        }
        switch bytes.bigEndian32(at: 0) {
        case 0xa1b2_c3d4, 0xd4c3_b2a1, 0xa1b2_3c4d, 0x4d3c_b2a1, 0xa1b2_cd34, 0x34cd_b2a1: self = .pcap
        case 0x0a0d_0d0a: self = .pcapng
        case 0x736e_6f6f: self = .unsupported("snoop")  // "snoop\0\0\0", RFC 1761
        case 0x6274_736e: self = .unsupported("btsnoop")  // "btsnoop\0"
        case 0x474d_4255: self = .unsupported("Microsoft Network Monitor 2")  // "GMBU"
        case 0x5254_5353: self = .unsupported("Microsoft Network Monitor 1")  // "RTSS"
        case 0x5452_534e: self = .unsupported("Sniffer")  // "TRSNIFF data"
        case 0x6970_7472: self = .unsupported("AIX iptrace")  // "iptrace 1.0"
        case 0x5843_5000: self = .unsupported("NetXRay")  // "XCP\0"
        case 0xa12b_3c4d, 0x4d3c_2ba1: self = .unsupported("Navtel's variant of pcap")
        case 0x1c00_01ac, 0xac01_001c, 0x1c00_01ab, 0xab01_001c: self = .unsupported("Ixia's variant of pcap")
        case 0x28b5_2ffd: self = .unsupported("Zstandard-compressed data")
        case 0xfd37_7a58: self = .unsupported("xz-compressed data")
        case 0x0422_4d18: self = .unsupported("LZ4-compressed data")
        case 0x504b_0304: self = .unsupported("ZIP archive")
        case let magic where magic >> 8 == 0x425a68: self = .unsupported("bzip2-compressed data")  // "BZh"
        default: self = .unknown
        }
    }
}
