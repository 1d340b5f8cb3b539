// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

// Bodies of messages as values: parsed by pure functions that check every length against what is there, and every
// value against its limit. (Layouts: RemoteWire.swift.)

/// Walks a body; every step checks what is left.
struct BodyReader: ~Escapable {
    private let bytes: RawSpan
    private let type: MessageType
    private(set) var offset = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, of type: MessageType) {
        self.bytes = bytes
        self.type = type
    }

    var left: Int { bytes.byteCount - offset }

    @_lifetime(self: copy self)
    mutating func skip(_ count: Int) throws(MalformedMessage) -> Int {
        guard count >= 0, count <= left else {
            throw .size(type: type.rawValue, expected: offset + max(0, count), found: bytes.byteCount)
        }
        defer { offset += count }
        return offset
    }
    @_lifetime(self: copy self)
    mutating func integer8() throws(MalformedMessage) -> UInt8 { bytes.byte(at: try skip(1)) }
    @_lifetime(self: copy self)
    mutating func integer16() throws(MalformedMessage) -> UInt16 { bytes.bigEndian16(at: try skip(2)) }
    @_lifetime(self: copy self)
    mutating func integer32() throws(MalformedMessage) -> UInt32 { bytes.bigEndian32(at: try skip(4)) }
    @_lifetime(self: copy self)
    mutating func integer64() throws(MalformedMessage) -> UInt64 { bytes.bigEndian64(at: try skip(8)) }

    /// Text of so many bytes; what cannot be shown is replaced, since it may reach a terminal.
    @_lifetime(self: copy self)
    mutating func text(_ length: Int, limit: Int) throws(MalformedMessage) -> String {
        guard length <= limit else { throw .value("the length of a text", UInt64(length)) }
        let start = try skip(length)
        var found: [UInt8] = []
        for index in start..<start + length { found.append(bytes.byte(at: index)) }
        var shown = String.UnicodeScalarView()
        for scalar in String(decoding: found, as: UTF8.self).unicodeScalars {
            shown.append(scalar.properties.generalCategory == .control ? "?" : scalar)
        }
        return String(shown)
    }

    /// Everything was read.
    consuming func end() throws(MalformedMessage) {
        guard left == 0 else { throw .size(type: type.rawValue, expected: offset, found: bytes.byteCount) }
    }
}

/// hello: which ring a client wants.
struct HelloMessage: Equatable {
    var ring: String

    init(parsing bytes: RawSpan) throws(MalformedMessage) {
        var body = BodyReader(bytes, of: .hello)
        try Self.checkOpening(&body)
        ring = try body.text(Int(try body.integer16()), limit: RemoteWire.maximumNameLength)
        try body.end()
    }

    @_lifetime(body: copy body)
    static func checkOpening(_ body: inout BodyReader) throws(MalformedMessage) {
        guard body.left >= 8, try body.integer64() == RemoteWire.magic else { throw .notBeltway }
        let version = try body.integer16()
        guard version == RemoteWire.version else { throw .version(version) }
    }
}

/// What a server says of the ring that it serves.
public struct RemoteRing: Equatable, Sendable {
    /// The ring's name.
    public var name: String
    /// Link type of every record.
    public var linkType: LinkType
    /// Sizes of the original.
    public var geometry: BufferGeometry
    /// Differs between runs of a producer.
    public var generation: UInt64
    /// Order of the bytes in descriptors, and in the blocks that surround packets.
    public var byteOrder: ByteOrder
    /// Names of all rings that the server serves.
    public var siblings: [String] = []
    /// Names of its interfaces, in the order of their numbers; grows while it is read.
    public internal(set) var interfaces: [String] = []
    /// Where the reader was attached.
    var ordinal: UInt64
    var position: UInt64

    init(parsing bytes: RawSpan) throws(MalformedMessage) {
        var body = BodyReader(bytes, of: .welcome)
        try HelloMessage.checkOpening(&body)
        switch try body.integer8() {
        case 1: byteOrder = .little
        case 2: byteOrder = .big
        case let other: throw .value("the byte order", UInt64(other))
        }
        _ = try body.integer8()  // the policy of the original: a remote reader may be lapped under any
        linkType = LinkType(rawValue: try body.integer16())
        _ = try body.integer16()
        let capacity = try body.integer64()
        do throws(BufferError) {
            geometry = try BufferGeometry(capacity: Int(clamping: capacity))
        } catch {
            throw .value("the ring's capacity", capacity)
        }
        generation = try body.integer64()
        ordinal = try body.integer64()
        position = try body.integer64()
        guard ordinal < 1 << 62 else { throw .value("an ordinal", ordinal) }
        guard position < 1 << 62 else { throw .value("a position", position) }
        name = try body.text(Int(try body.integer16()), limit: RemoteWire.maximumNameLength)
        let rings = try body.integer32()
        guard rings <= RemoteWire.maximumRings else { throw .value("the number of rings", UInt64(rings)) }
        for _ in 0..<rings { siblings.append(try body.text(Int(try body.integer8()), limit: 255)) }
        try body.end()
    }
}

/// interfaces: the table's names.
enum InterfacesMessage {
    static func parse(_ bytes: RawSpan) throws(MalformedMessage) -> [String] {
        var body = BodyReader(bytes, of: .interfaces)
        let count = try body.integer32()
        guard count <= ControlLayout.interfaceCapacity else {
            throw .value("the number of interfaces", UInt64(count))
        }
        var names: [String] = []
        for _ in 0..<count { names.append(try body.text(Int(try body.integer8()), limit: 255)) }
        try body.end()
        return names
    }
}

/// The head of batch and records: what is known of the ring, and how many descriptors follow.
struct BatchHead: Equatable {
    var firstOrdinal: UInt64
    var tailOrdinal: UInt64
    var tailPosition: UInt64
    var timeThrough: UInt64
    var count: Int
    var isClosed: Bool

    @_lifetime(body: copy body)
    init(_ body: inout BodyReader) throws(MalformedMessage) {
        firstOrdinal = try body.integer64()
        tailOrdinal = try body.integer64()
        tailPosition = try body.integer64()
        timeThrough = try body.integer64()
        let records = try body.integer32()
        isClosed = try body.integer32() != 0
        guard records <= RemoteWire.maximumBatch else { throw .value("records of a batch", UInt64(records)) }
        count = Int(records)
        guard firstOrdinal < 1 << 62 else { throw .value("an ordinal", firstOrdinal) }
        guard tailOrdinal < 1 << 62, tailOrdinal >= firstOrdinal + UInt64(records) else {
            throw .value("the tail's ordinal", tailOrdinal)
        }
        guard tailPosition < 1 << 62 else { throw .value("the tail", tailPosition) }
    }

    /// Parses a batch: head and exactly its descriptors.
    init(parsingBatch bytes: RawSpan) throws(MalformedMessage) {
        var body = BodyReader(bytes, of: .batch)
        try self.init(&body)
        _ = try body.skip(count * RemoteWire.descriptorLength)
        try body.end()
    }
}

/// records: a batch and the stretch of the ring that holds it.
struct RecordsMessage: Equatable {
    var head: BatchHead
    var start: UInt64
    var length: Int

    init(parsing bytes: RawSpan) throws(MalformedMessage) {
        var body = BodyReader(bytes, of: .records)
        head = try BatchHead(&body)
        _ = try body.skip(head.count * RemoteWire.descriptorLength)
        start = try body.integer64()
        let length = try body.integer64()
        guard start < 1 << 62 else { throw .value("a position", start) }
        guard length <= RemoteWire.maximumMessageLength else { throw .value("a length", length) }
        self.length = Int(length)
        _ = try body.skip(self.length)
        try body.end()
    }

    /// Where descriptors and bytes of the ring start in a body.
    static let descriptors = RemoteWire.batchHeadLength
    var bytes: Int { Self.descriptors + head.count * RemoteWire.descriptorLength + 16 }
}

/// wantBatch: how many descriptors, and how long the server may keep the request until there are some.
struct WantBatchMessage: Equatable {
    var count: Int
    var milliseconds: Int

    init(parsing bytes: RawSpan) throws(MalformedMessage) {
        var body = BodyReader(bytes, of: .wantBatch)
        let count = try body.integer32()
        let milliseconds = try body.integer32()
        guard count >= 1, count <= RemoteWire.maximumBatch else {
            throw .value("records of a batch", UInt64(count))
        }
        guard milliseconds <= 60_000 else { throw .value("milliseconds to wait", UInt64(milliseconds)) }
        self.count = Int(count)
        self.milliseconds = Int(milliseconds)
        try body.end()
    }
}

/// wantBytes: ranges of a ring.
enum WantBytesMessage {
    static let headLength = 8

    /// Checks a request as a whole.
    ///
    /// - Returns: The number of ranges.
    static func count(in bytes: RawSpan) throws(MalformedMessage) -> Int {
        var body = BodyReader(bytes, of: .wantBytes)
        let count = try body.integer32()
        _ = try body.integer32()
        guard count >= 1, count <= RemoteWire.maximumRanges else {
            throw .value("the number of ranges", UInt64(count))
        }
        var total = 0
        for _ in 0..<count {
            let position = try body.integer64()
            let length = try body.integer32()
            guard position < 1 << 62 else { throw .value("a position", position) }
            guard length >= 1, length <= RemoteWire.maximumRangeLength else {
                throw .value("the length of a range", UInt64(length))
            }
            total += Int(length)
        }
        guard total <= RemoteWire.maximumRequestedBytes else {
            throw .value("the bytes of a request", UInt64(total))
        }
        try body.end()
        return Int(count)
    }
}

/// refusal: why the server hangs up.
enum RefusalMessage {
    static func parse(_ bytes: RawSpan) throws(MalformedMessage) -> RemoteError {
        var body = BodyReader(bytes, of: .refusal)
        let number = try body.integer16()
        guard let reason = RemoteRefusal(rawValue: number) else {
            throw .value("the reason of a refusal", UInt64(number))
        }
        let text = try body.text(Int(try body.integer16()), limit: RemoteWire.maximumTextLength)
        try body.end()
        return .refused(reason, text)
    }
}
