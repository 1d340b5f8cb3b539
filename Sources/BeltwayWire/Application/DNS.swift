// SPDX-License-Identifier: Apache-2.0
// DNS messages (RFC 1035, section 4), read in place; mDNS (RFC 6762) and LLMNR (RFC 4795) have the same form.
//
//     0       2       4         6         8         10        12
//     |  id   | flags | QDCOUNT | ANCOUNT | NSCOUNT | ARCOUNT | questions, answers, authorities, additionals
//
//     flags   15 | 14..11 | 10 | 9  | 8  | 7  | 6 | 5  | 4  | 3..0
//             QR | opcode | AA | TC | RD | RA | Z | AD | CD | RCODE
//
// Nothing here allocates: a name is walked label by label, a record is a few offsets into the message.
// Invariant. Every offset that is handed out lies inside the message. A name is walked over at most
//            `mostPointers` pointers and `mostNameBytes` bytes, so that pointers in a circle end, and a message of
//            records that all point at one long chain of labels costs no more than its length times that.

/// A DNS message viewed in place; the header was checked, sections are checked as they are walked.
public struct DNSMessage: ~Escapable {
    /// The whole message.
    public let bytes: RawSpan

    /// Bytes before the first question.
    @inlinable public static var headerLength: Int { 12 }
    /// Compression pointers followed in one name before it counts as malformed.
    @inlinable public static var mostPointers: Int { 64 }
    /// Bytes of labels, lengths included, behind which a name is cut; RFC 1035, 2.3.4, allows 255, monitors show more.
    @inlinable public static var mostNameBytes: Int { 2048 }

    /// Views `bytes` as a message; throws if they end inside the header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= DNSMessage.headerLength else {
            throw .truncated(need: DNSMessage.headerLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// Number that joins a question and its answer.
    @inlinable public var id: UInt16 { bytes.unchecked16(0) }
    /// The flags as they stand, opcode and code of the answer included.
    @inlinable public var flags: UInt16 { bytes.unchecked16(2) }
    /// Whether this is an answer.
    @inlinable public var isResponse: Bool { flags & 0x8000 != 0 }
    /// 0 for a standard query.
    @inlinable public var opcode: UInt8 { UInt8(truncatingIfNeeded: flags >> 11 & 15) }
    /// Code of the answer, 0 for no error.
    @inlinable public var responseCode: UInt8 { UInt8(truncatingIfNeeded: flags & 15) }
    /// Questions that the header announces.
    @inlinable public var questionCount: Int { Int(bytes.unchecked16(4)) }

    /// Records that the header announces for a section.
    @inlinable public func count(of section: DNSSection) -> Int {
        Int(bytes.unchecked16(6 &+ 2 &* Int(section.rawValue)))
    }

    /// Where the name at `offset` ends, or nil if it leaves the message or is malformed.
    @inlinable public func endOfName(at offset: Int) -> Int? {
        var position = offset
        while position >= 0, position < bytes.byteCount {
            let length = Int(bytes.unchecked8(position))
            if length == 0 { return position &+ 1 }
            if length & 0xc0 == 0xc0 { return position &+ 2 <= bytes.byteCount ? position &+ 2 : nil }
            guard length & 0xc0 == 0 else { return nil }
            position &+= length &+ 1
        }
        return nil
    }

    /// Hands the labels of the name at `offset` to `body`, pointers followed, until it answers false or the name is cut.
    ///
    /// - Parameters:
    ///   - offset: Where the name starts.
    ///   - body: Takes a label without its length; answers whether it wants more.
    /// - Returns: False if the name leaves the message, is malformed, or has too many pointers.
    @inlinable public func forEachLabel(at offset: Int, _ body: (RawSpan) -> Bool) -> Bool {
        var position = offset
        var pointers = 0
        var walked = 0
        while position >= 0, position < bytes.byteCount {
            let length = Int(bytes.unchecked8(position))
            if length == 0 { return true }
            if length & 0xc0 == 0xc0 {
                pointers &+= 1
                guard position &+ 2 <= bytes.byteCount, pointers <= DNSMessage.mostPointers else {
                    return false
                }
                position = Int(bytes.unchecked16(position)) & 0x3fff
                continue
            }
            guard length & 0xc0 == 0, position &+ 1 &+ length <= bytes.byteCount else { return false }
            if !body(bytes.extracting(position &+ 1..<position &+ 1 &+ length)) { return true }
            position &+= length &+ 1
            walked &+= length &+ 1
            if walked >= DNSMessage.mostNameBytes { return true }
        }
        return false
    }

    /// Reads the question at `offset` and moves it behind, or returns nil if it is not whole.
    @inlinable public func question(at offset: inout Int) -> DNSQuestion? {
        guard let end = endOfName(at: offset), end &+ 4 <= bytes.byteCount else { return nil }
        let question = DNSQuestion(
            name: offset,
            type: bytes.unchecked16(end),
            recordClass: bytes.unchecked16(end &+ 2)
        )
        offset = end &+ 4
        return question
    }

    /// Reads the resource record at `offset` and moves it behind, or returns nil if it is not whole.
    @inlinable public func record(at offset: inout Int) -> DNSRecord? {
        guard let end = endOfName(at: offset), end &+ 10 <= bytes.byteCount else { return nil }
        let length = Int(bytes.unchecked16(end &+ 8))
        guard end &+ 10 &+ length <= bytes.byteCount else { return nil }
        let record = DNSRecord(
            name: offset,
            type: bytes.unchecked16(end),
            recordClass: bytes.unchecked16(end &+ 2),
            timeToLive: bytes.unchecked32(end &+ 4),
            data: end &+ 10..<end &+ 10 &+ length
        )
        offset = end &+ 10 &+ length
        return record
    }
}

/// The three sections of records behind the questions.
@frozen public enum DNSSection: UInt8, Sendable, CaseIterable {
    case answers, authorities, additionals
}

/// A question: name, type and class.
@frozen public struct DNSQuestion: Sendable, BitwiseCopyable {
    /// Where its name starts in the message.
    public let name: Int
    /// Type of the records asked for.
    public let type: UInt16
    /// 1 for the Internet; mDNS sets the top bit to ask for a unicast answer.
    public let recordClass: UInt16

    @usableFromInline init(name: Int, type: UInt16, recordClass: UInt16) {
        self.name = name
        self.type = type
        self.recordClass = recordClass
    }
}

/// A resource record: its head, and where its data lies in the message.
@frozen public struct DNSRecord: Sendable {
    /// Where its name starts in the message.
    public let name: Int
    /// Type of the record.
    public let type: UInt16
    /// 1 for the Internet.
    public let recordClass: UInt16
    /// Seconds that it may be kept.
    public let timeToLive: UInt32
    /// Where its data lies.
    public let data: Range<Int>

    @usableFromInline init(
        name: Int,
        type: UInt16,
        recordClass: UInt16,
        timeToLive: UInt32,
        data: Range<Int>
    ) {
        self.name = name
        self.type = type
        self.recordClass = recordClass
        self.timeToLive = timeToLive
        self.data = data
    }
}

extension DNSMessage {
    /// Whether a datagram is DNS, on whatever port it came.
    ///
    /// Header and first question must make sense together: a known opcode, no impossible counts, a question whose
    /// name and class are whole (a message without questions is not believed; on port 53 it need not be probed).
    ///
    /// - Parameter bytes: The whole datagram, or a message of a stream without its length.
    /// - Returns: Never `unknown`: a datagram has no more bytes.
    @inlinable public static func probe(_ bytes: RawSpan) -> Probe {
        guard let message = try? DNSMessage(bytes), message.questionCount == 1 else { return .no }
        let flags = message.flags
        // Z must be zero (RFC 1035); opcodes 0 query, 1 inverse, 2 status, 4 notify, 5 update.
        guard flags & 0x0040 == 0, message.opcode <= 5, message.opcode != 3 else { return .no }
        let records = DNSSection.allCases.reduce(0) { $0 &+ message.count(of: $1) }
        if !message.isResponse {
            guard message.responseCode == 0, records <= 4 else { return .no }
        }
        // A record takes 11 bytes or more, a question 5.
        guard records &* 11 &+ 5 &+ headerLength <= bytes.byteCount else { return .no }
        var offset = headerLength
        guard let question = message.question(at: &offset), question.isPlausible else { return .no }
        guard message.forEachLabel(at: question.name, { _ in true }) else { return .no }
        if records > 0, message.record(at: &offset) == nil { return .no }
        return records > 0 || offset == bytes.byteCount ? .yes : .no
    }
}

extension DNSQuestion {
    /// A class that is in use, and a type that IANA has assigned or that is private.
    @inlinable var isPlausible: Bool {
        let inUse = recordClass & 0x7fff == 1 || recordClass == 3 || recordClass == 4 || recordClass >= 254
        return inUse && type != 0 && (type < 512 || type == 0x8000 || type == 0x8001 || type >= 0xff00)
    }
}
