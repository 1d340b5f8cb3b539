// SPDX-License-Identifier: Apache-2.0

/// Why a capture file could not be read, or not be read on.
///
/// Everything before `offset` has been delivered. Offsets are in bytes from the start of the capture, of the
/// uncompressed one where it is compressed.
public enum CaptureFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file cannot be opened.
    case cannotOpen(errno: Int32)
    /// The path names a directory.
    case isDirectory
    /// The file has no bytes.
    case empty
    /// The format is known but not read here; its name for people.
    case unsupportedFormat(String)
    /// The first bytes (at most four, in a number) belong to no known capture format.
    case unknownFormat(firstBytes: UInt32)
    /// The system refused to read.
    case readFailed(offset: UInt64, errno: Int32)
    /// The compressed data are damaged; zlib's own words.
    case compression(offset: UInt64, String)
    /// The pcap version is not one that was ever in use.
    case unsupportedVersion(major: UInt16, minor: UInt16)
    /// The link type needs more than the 16 bits that a record can say.
    case unsupportedLinkType(UInt32)
    /// The section at `offset` has neither byte order.
    case invalidByteOrder(offset: UInt64, magic: UInt32)
    /// A block claims a length that none can have.
    case invalidBlockLength(offset: UInt64, length: UInt64)
    /// A block's second length differs from its first.
    case blockLengthsDiffer(offset: UInt64, first: UInt64, second: UInt64)
    /// A block is shorter than its type needs.
    case blockTooShort(offset: UInt64, need: Int, have: Int)
    /// A record claims more captured bytes than its file, or its block, allows.
    case invalidCapturedLength(offset: UInt64, length: UInt64, limit: UInt64)
    /// A packet names an interface that its section has not described.
    case unknownInterface(offset: UInt64, id: UInt32, described: Int)
    /// An option runs past its block.
    case invalidOption(offset: UInt64, length: UInt64)
    /// No data buffer could be opened for the file's packets; the reason.
    case noBuffer(offset: UInt64, String)

    /// One line that says what was expected, what was found, and where.
    public var description: String {
        switch self {
        case .cannotOpen(let code): "cannot open it: \(systemMessage(code))"
        case .isDirectory: "is a directory; expected a pcap or pcapng file"
        case .empty: "is empty; expected a pcap or pcapng file"
        case .unsupportedFormat(let name):
            "is in a format that is not read: \(name); expected pcap or pcapng, plain or gzip-compressed"
        case .unknownFormat(let bytes):
            "is no capture file: it begins with 0x\(hex(bytes)); expected pcap or pcapng, plain or gzip-compressed"
        case .readFailed(let offset, let code): "byte \(offset): cannot read on: \(systemMessage(code))"
        case .compression(let offset, let message):
            "byte \(offset) of the uncompressed capture: the compressed data are damaged: \(message)"
        case .unsupportedVersion(let major, let minor):
            "version \(major).\(minor); expected pcap 2.x or 543.0, or pcapng 1.0 or 1.2"
        case .unsupportedLinkType(let type): "link type \(type); expected a number below 65536"
        case .invalidByteOrder(let offset, let magic):
            "byte \(offset): section with byte-order magic 0x\(hex(magic)); expected 0x1a2b3c4d either way round"
        case .invalidBlockLength(let offset, let length):
            "byte \(offset): block of \(length) bytes; expected a multiple of 4 from 12 to 16777216"
        case .blockLengthsDiffer(let offset, let first, let second):
            "byte \(offset): block begins with length \(first) and ends with \(second); expected the same twice"
        case .blockTooShort(let offset, let need, let have):
            "byte \(offset): block of \(have) bytes; expected at least \(need) for its type"
        case .invalidCapturedLength(let offset, let length, let limit):
            "byte \(offset): record that claims \(length) captured bytes; expected at most \(limit)"
        case .unknownInterface(let offset, let id, let described):
            "byte \(offset): packet of interface \(id), but \(described) interfaces are described before it"
        case .invalidOption(let offset, let length):
            "byte \(offset): block with an option of \(length) bytes that runs past its end"
        case .noBuffer(let offset, let reason): "byte \(offset): no data buffer for this packet: \(reason)"
        }
    }
}

/// How the reading of a capture file ended.
public enum CaptureFileEnd: Equatable, Sendable {
    /// The last record is whole.
    case whole
    /// The file ends at byte `endsAt`, inside the record or header that begins at byte `recordAt`.
    ///
    /// Everything before `recordAt` was delivered.
    case cut(recordAt: UInt64, endsAt: UInt64)
}

private func hex(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, 8 - digits.count)) + digits
}
