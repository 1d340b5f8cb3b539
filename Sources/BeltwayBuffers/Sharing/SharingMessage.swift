// SPDX-License-Identifier: Apache-2.0

// Messages between a reader and the owner of a buffer: one datagram each (SOCK_SEQPACKET), little-endian.
//
//      0 magic 4   4 version 2   6 type 2   8 length 4 (of the whole message)   12 request 4 (answers repeat it)
//
//   reader                                       owner
//     hello, describe                -->           before anything: does the policy allow the peer?
//                                    <--           attachment + descriptors | description | refusal
//     buffer N, area N of M          -->           while the connection stays open
//                                    <--           attachment + descriptors | refusal
//
// Whoever hangs up has gone: the owner forgets the reader at once, the reader knows that the producer died (or ended,
// if the control page says `closed`). One request at a time: who asks again without having read is dropped.
//
// Parsing is a pure function of the bytes: every length is checked before it is used, what is left over is an error,
// and no count is believed beyond its limit.

/// What the messages have in common.
public enum SharingMessage {
    /// "BWSH", little-endian.
    static let magic: UInt32 = 0x4853_5742
    /// Version of the protocol.
    public static let version: UInt16 = 5
    /// Bytes before a message's own fields.
    public static let headerLength = 16
    /// The longest request.
    public static let greatestRequestLength = 512
    /// The longest answer.
    public static let greatestAnswerLength = 65_536
    /// The longest name of a buffer or of a reader, in bytes.
    public static let greatestNameLength = 72
    /// The most buffers that one attachment carries.
    public static let greatestBufferCount = 64
    /// The most descriptors that one message carries (SCM_MAX_FD of the kernel).
    public static let greatestDescriptorCount = 253

    static let hello: UInt16 = 0x01
    static let bufferRequest: UInt16 = 0x02
    static let areaRequest: UInt16 = 0x03
    static let describe: UInt16 = 0x04
    static let attachment: UInt16 = 0x81
    static let refusal: UInt16 = 0x82
    static let description: UInt16 = 0x83
}

/// Why bytes are not a message.
public enum MessageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Fewer bytes than a field needs.
    case truncated(need: Int, have: Int)
    /// Not this protocol.
    case magic(UInt32)
    /// Another version of it.
    case version(UInt16)
    /// The length in the header is not the length of the datagram.
    case length(said: Int, found: Int)
    /// A type that this end does not take.
    case type(UInt16)
    /// Bytes are left over.
    case leftOver(Int)
    /// A field has a value that it cannot have.
    case field(String)

    /// What was expected and what was found.
    public var description: String {
        switch self {
        case .truncated(let need, let have): "\(have) bytes where \(need) are needed"
        case .magic(let found): "magic number \(found), expected \(SharingMessage.magic)"
        case .version(let found): "version \(found), expected \(SharingMessage.version)"
        case .length(let said, let found): "a length of \(said) in a message of \(found) bytes"
        case .type(let found): "unknown type \(found)"
        case .leftOver(let count): "\(count) bytes too many"
        case .field(let what): what
        }
    }
}

/// What a reader asks for.
public enum SharingRequest: Equatable, Sendable {
    /// Attach me to the buffer of this socket.
    case hello(Hello)
    /// Hand me the buffer that entries call `number` (paper, 3.5).
    case buffer(number: UInt16)
    /// Hand me area `area` of a ring: its first one, or one that came by resizing.
    ///
    /// Of this socket's ring (``ownRing``), of the headers beside it (``ownHeaders``), or of the one that entries call
    /// `of`.
    case area(UInt64, of: UInt16 = SharingRequest.ownRing)
    /// Tell me about the ring and its readers, from the `first` reader on.
    case describe(first: UInt32)

    /// Whose area is meant: the ring of the socket.
    public static let ownRing: UInt16 = 0
    /// Whose area is meant: the headers of the socket's ring, if they lie out of band.
    public static let ownHeaders: UInt16 = .max

    /// Who attaches, and how.
    public struct Hello: Equatable, Sendable {
        /// What the reader calls itself, for lists.
        public var name: String
        /// Whether the producer is to wait for it, where the buffer's policy waits and the owner agrees.
        public var holds: Bool
        /// Whether it only follows another ring's entries into this buffer: it gets the memory, and is no reader.
        public var follows: Bool

        /// Makes a hello.
        public init(name: String, holds: Bool = false, follows: Bool = false) {
            self.name = name
            self.holds = holds
            self.follows = follows
        }
    }

    /// The request as a datagram.
    ///
    /// - Parameter number: Repeated in the answer.
    /// - Returns: At most ``SharingMessage/greatestRequestLength`` bytes; names are cut.
    public func encoded(number: UInt32) -> [UInt8] {
        switch self {
        case .hello(let hello):
            var message = MessageWriter(SharingMessage.hello, request: number)
            message.put(UInt32((hello.holds ? 1 : 0) | (hello.follows ? 2 : 0)))
            message.put(name: hello.name)
            return message.finished()
        case .buffer(let buffer):
            var message = MessageWriter(SharingMessage.bufferRequest, request: number)
            message.put(UInt32(buffer))
            return message.finished()
        case .area(let area, let ring):
            var message = MessageWriter(SharingMessage.areaRequest, request: number)
            message.put(area)
            message.put(UInt32(ring))
            return message.finished()
        case .describe(let first):
            var message = MessageWriter(SharingMessage.describe, request: number)
            message.put(first)
            return message.finished()
        }
    }

    /// Reads a request.
    ///
    /// - Parameter bytes: A datagram as it came.
    /// - Returns: The request and its number.
    /// - Throws: ``MessageError`` for anything else; never reads past the bytes.
    public static func parse(_ bytes: Span<UInt8>) throws(MessageError) -> (SharingRequest, number: UInt32) {
        var reader = MessageReader(bytes)
        let head = try reader.header()
        let request: SharingRequest
        switch head.type {
        case SharingMessage.hello:
            let flags: UInt32 = try reader.take()
            guard flags & ~3 == 0 else { throw .field("unknown flags in a hello") }
            let name = try reader.name()
            request = .hello(Hello(name: name, holds: flags & 1 != 0, follows: flags & 2 != 0))
        case SharingMessage.bufferRequest: request = .buffer(number: try reader.bufferNumber())
        case SharingMessage.areaRequest:
            let area: UInt64 = try reader.take()
            request = .area(area, of: try reader.bufferNumber())
        case SharingMessage.describe: request = .describe(first: try reader.take())
        default: throw .type(head.type)
        }
        try reader.end()
        return (request, head.request)
    }
}

/// Lays a message down.
struct MessageWriter {
    private var bytes: [UInt8] = []

    init(_ type: UInt16, request: UInt32) {
        bytes.reserveCapacity(128)
        put(SharingMessage.magic)
        put(SharingMessage.version)
        put(type)
        put(UInt32(0))
        put(request)
    }

    var count: Int { bytes.count }

    mutating func put(_ value: some FixedWidthInteger & UnsignedInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> type(of: value).init(shift)))
        }
    }

    /// A name with its length in one byte before; cut at ``SharingMessage/greatestNameLength`` bytes.
    mutating func put(name: String) { put(text: name, limit: SharingMessage.greatestNameLength) }

    /// A text with its length in one byte before; cut, between characters, at `limit` bytes.
    mutating func put(text: String, limit: Int) {
        var kept = Substring(text)
        while kept.utf8.count > min(limit, 255) { kept.removeLast() }
        put(UInt8(kept.utf8.count))
        bytes.append(contentsOf: kept.utf8)
    }

    func finished() -> [UInt8] {
        var result = bytes
        for index in 0..<4 { result[8 + index] = UInt8(truncatingIfNeeded: bytes.count >> (8 * index)) }
        return result
    }
}

/// Takes a message apart; every step checks that its bytes are there.
struct MessageReader: ~Escapable {
    private let bytes: Span<UInt8>
    private var offset = 0

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    mutating func take<Value: FixedWidthInteger & UnsignedInteger>() throws(MessageError) -> Value {
        let length = Value.bitWidth / 8
        guard bytes.count - offset >= length else {
            throw .truncated(need: offset + length, have: bytes.count)
        }
        var value = Value.zero
        for index in 0..<length { value |= Value(bytes[offset + index]) << Value(8 * index) }
        offset += length
        return value
    }

    /// Magic, version and length are checked here.
    mutating func header() throws(MessageError) -> (type: UInt16, request: UInt32) {
        let magic: UInt32 = try take()
        guard magic == SharingMessage.magic else { throw .magic(magic) }
        let version: UInt16 = try take()
        guard version == SharingMessage.version else { throw .version(version) }
        let type: UInt16 = try take()
        let length: UInt32 = try take()
        guard Int(length) == bytes.count else { throw .length(said: Int(length), found: bytes.count) }
        return (type, try take())
    }

    /// A text of at most 255 bytes; wrong UTF-8 is repaired, control characters become question marks.
    mutating func text() throws(MessageError) -> String {
        let length: UInt8 = try take()
        guard bytes.count - offset >= Int(length) else {
            throw .truncated(need: offset + Int(length), have: bytes.count)
        }
        var copy: [UInt8] = []
        for index in 0..<Int(length) {
            let byte = bytes[offset + index]
            copy.append(byte < 0x20 || byte == 0x7f ? 0x3f : byte)
        }
        offset += Int(length)
        return String(decoding: copy, as: UTF8.self)
    }

    mutating func name() throws(MessageError) -> String {
        let name = try text()
        guard name.utf8.count <= 3 * SharingMessage.greatestNameLength else {
            throw .field("a name too long")
        }
        return name
    }

    mutating func bufferNumber() throws(MessageError) -> UInt16 {
        let number: UInt32 = try take()
        guard let number = UInt16(exactly: number) else { throw .field("buffer number \(number)") }
        return number
    }

    func end() throws(MessageError) {
        guard offset == bytes.count else { throw .leftOver(bytes.count - offset) }
    }
}
