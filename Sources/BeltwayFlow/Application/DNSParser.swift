// SPDX-License-Identifier: Apache-2.0
// DNS, mDNS and LLMNR: one transaction a message, as Suricata's version 3 of `dns` has it.
//
//     datagram, or two bytes of length and a message in a stream (RFC 1035, 4.2.2)
//         --> header, questions, records, checked --> {"version":3,"type":"request","tx_id":..,"id":.., ..}
//
// A message whose questions, answers or authorities are not whole is no transaction; of additionals that are not
// whole, those before stay (as in Suricata, which raises an event then).
internal import BeltwayWire

/// Turns DNS messages into transactions.
public enum DNSParser {
    /// Columns of the tables `dns`, `mdns` and `llmnr`.
    public static let columns = [
        TransactionColumn("rrname", .text), TransactionColumn("rrtype", .text),
        TransactionColumn("rcode", .text), TransactionColumn("type", .text),
        TransactionColumn("id", .number), TransactionColumn("rdata", .text),
    ]

    enum Column {
        static var name: Int { 0 }
        static var type: Int { 1 }
        static var code: Int { 2 }
        static var kind: Int { 3 }
        static var id: Int { 4 }
        static var data: Int { 5 }
    }

    /// What Suricata shows of a name; one that is longer is marked as truncated.
    static var longestName: Int { 1025 }

    /// Whether a message can be read: its questions, answers and authorities are whole.
    static func isWhole(_ message: DNSMessage) -> Bool {
        var offset = DNSMessage.headerLength
        for _ in 0..<message.questionCount {
            guard let question = message.question(at: &offset),
                message.forEachLabel(at: question.name, { _ in true })
            else { return false }
        }
        for section in [DNSSection.answers, .authorities] {
            for _ in 0..<message.count(of: section) {
                guard let record = message.record(at: &offset),
                    message.forEachLabel(at: record.name, { _ in true })
                else { return false }
            }
        }
        return true
    }

    /// Whether a message makes sense as the first one of a flow on a port of DNS.
    ///
    /// LLMNR's port is used by nothing else: there a message may have any opcode, which RFC 4795, 2.1.1, has dropped.
    static func isLikely(_ bytes: RawSpan, ofAnyOpcode: Bool = false) -> Bool {
        guard let message = try? DNSMessage(bytes), message.questionCount <= 16 else { return false }
        guard ofAnyOpcode || message.opcode <= 6, message.questionCount > 0 || message.isResponse else {
            return false
        }
        return isWhole(message)
    }

    /// Whether a header makes sense by itself: what a datagram on DNS's port is believed by if its records are damaged.
    static func hasLikelyHeader(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= DNSMessage.headerLength + 5 else { return false }
        let flags = bytes.bigEndian16(at: 2)
        guard flags >> 11 & 15 <= 6, flags & 0x0040 == 0, 1...4 ~= bytes.bigEndian16(at: 4) else {
            return false
        }
        let records = (3..<6).reduce(0) { $0 + Int(bytes.bigEndian16(at: 2 * $1)) }
        // A record takes two bytes at the very least.
        return 2 * records <= bytes.byteCount
    }

    /// Whether a direction of a stream begins with a DNS message and its length.
    ///
    /// - Parameters:
    ///   - bytes: The direction's first bytes.
    ///   - isOnPort: Whether a port is one of DNS: a message that makes sense is believed then.
    /// - Returns: `unknown` until the whole message is there.
    static func probeStream(_ bytes: RawSpan, isOnPort: Bool) -> Probe {
        guard bytes.byteCount >= 2 else { return .unknown }
        let length = Int(bytes.bigEndian16(at: 0))
        guard length >= DNSMessage.headerLength, length <= 16_384 else { return .no }
        // Opcode, Z and the number of questions: text is none of these.
        if bytes.byteCount >= 8 {
            let (flags, questions) = (bytes.bigEndian16(at: 4), bytes.bigEndian16(at: 6))
            guard flags >> 11 & 15 <= 6, flags & 0x0040 == 0, questions <= 4 else { return .no }
        }
        guard bytes.byteCount >= 2 + length else { return .unknown }
        let message = bytes.extracting(2..<2 + length)
        return isOnPort ? (isLikely(message) ? .yes : .no) : DNSMessage.probe(message)
    }

    /// Takes one message of a stream.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ side: inout StreamSide,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        guard bytes.byteCount >= 2 else { return .needMore }
        let length = Int(bytes.bigEndian16(at: 0))
        if side.isResyncing {
            // After a gap a segment that begins with a message is where reading goes on.
            guard probeStream(bytes, isOnPort: true) == .yes else { return .consumed(bytes.byteCount) }
            side.isResyncing = false
        }
        guard length >= DNSMessage.headerLength else { return .malformed }
        guard bytes.byteCount >= 2 + length else { return .needMore }
        let isWhole = message(
            bytes.extracting(2..<2 + length),
            as: flow.application,
            number: flow.transactions,
            toResponder: sender == .originator,
            &output
        )
        if isWhole { flow.transactions &+= 1 }
        return .consumed(2 + length)
    }

    /// Writes the transaction of one message.
    ///
    /// - Parameters:
    ///   - bytes: The message, without a length before it.
    ///   - application: `dns`, `mdns` or `llmnr`.
    ///   - number: Its number in the flow.
    ///   - toResponder: Its direction.
    ///   - output: Takes the transaction.
    /// - Returns: False if the message is malformed: nothing was written.
    static func message(
        _ bytes: RawSpan,
        as application: ApplicationProtocol,
        number: UInt32,
        toResponder: Bool,
        _ output: inout TransactionStage
    ) -> Bool {
        guard let message = try? DNSMessage(bytes), isWhole(message) else { return false }
        if application == .dns {
            guard output.events.dns.contains(message.isResponse ? .responses : .requests) else {
                if output.wantsDetails { writeUnshown(message, &output) }
                return true
            }
            if output.events.dnsVersion == 2 {
                writeVersion2(message, number: number, toResponder: toResponder, &output)
                return true
            }
            output.begin(.dns, number: number, object: "dns", showsNumber: false, turned: !toResponder)
            output.text.member("version", 3)
        } else if application == .mdns {
            output.begin(.mdns, number: number, object: "mdns", showsNumber: false, turned: !toResponder)
        } else {
            output.begin(.llmnr, number: number, object: "llmnr", showsNumber: false, turned: !toResponder)
        }
        writeHead(message, as: application, number: number, &output)
        var offset = DNSMessage.headerLength
        writeQuestions(message, at: &offset, as: application, &output)
        var answers = offset
        writeRecords(message, .answers, at: &offset, as: application, &output)
        if application == .dns { writeGroups(message, at: &answers, &output) }
        writeRecords(message, .authorities, at: &offset, as: application, &output)
        writeRecords(message, .additionals, at: &offset, as: application, &output)
        if output.wantsDetails { writeDetails(message, &output) }
        output.end()
        if message.opcode > 6 { output.anomaly("invalid_opcode", of: name(of: application), number: number) }
        return true
    }

    private static func name(of application: ApplicationProtocol) -> StaticString {
        switch application {
        case .mdns: "mdns"
        case .llmnr: "llmnr"
        default: "dns"
        }
    }

    private static func writeHead(
        _ message: DNSMessage,
        as application: ApplicationProtocol,
        number: UInt32,
        _ output: inout TransactionStage
    ) {
        output.text.member("type")
        output.beginValue()
        if message.isResponse {
            output.text.append("\"response\"")
        } else {
            output.text.append("\"request\"")
        }
        output.mark(Column.kind)
        if application == .dns { output.text.member("tx_id", UInt64(number)) }
        output.text.member("id")
        output.beginValue()
        output.text.append(decimal: UInt64(message.id))
        output.mark(Column.id)
        if application == .dns {
            writeFlags(message.flags, &output)
        }
        output.text.member("opcode", UInt64(message.opcode))
        guard application == .dns || message.isResponse else { return }
        writeCode(message, &output)
    }

    static func writeFlags(_ flags: UInt16, _ output: inout TransactionStage) {
        output.text.member("flags")
        output.text.append(0x22)
        output.text.append(hexadecimal: UInt64(flags))
        output.text.append(0x22)
        if flags & 0x8000 != 0 { output.text.member("qr", true) }
        if flags & 0x0400 != 0 { output.text.member("aa", true) }
        if flags & 0x0200 != 0 { output.text.member("tc", true) }
        if flags & 0x0100 != 0 { output.text.member("rd", true) }
        if flags & 0x0080 != 0 { output.text.member("ra", true) }
        if flags & 0x0040 != 0 { output.text.member("z", true) }
    }

    static func writeCode(_ message: DNSMessage, _ output: inout TransactionStage) {
        output.text.member("rcode")
        output.beginValue()
        output.text.append(0x22)
        if let name = DNSNames.responseCode(message.responseCode) {
            output.text.append(name)
        } else {
            output.text.append(decimal: UInt64(message.responseCode))
        }
        output.text.append(0x22)
        output.mark(Column.code)
    }

    private static func writeQuestions(
        _ message: DNSMessage,
        at offset: inout Int,
        as application: ApplicationProtocol,
        _ output: inout TransactionStage
    ) {
        guard message.questionCount > 0 else { return }
        output.text.openArray("queries")
        for index in 0..<message.questionCount {
            guard let question = message.question(at: &offset) else { break }
            guard output.hasRoom() else { continue }
            output.text.openObject()
            output.text.member("rrname")
            output.beginValue()
            let isCut = writeName(message, at: question.name, &output)
            if index == 0 { output.mark(Column.name) }
            if isCut { output.text.member("rrname_truncated", true) }
            output.text.member("rrtype")
            output.beginValue()
            output.text.append(0x22)
            appendType(question.type, lowercase: application != .dns, &output.text)
            output.text.append(0x22)
            if index == 0 { output.mark(Column.type) }
            output.text.closeObject()
        }
        output.text.closeArray()
    }

    /// Writes a name as a JSON string: labels with dots between them and none at the end.
    ///
    /// - Returns: Whether it was cut.
    @discardableResult
    static func writeName(_ message: DNSMessage, at offset: Int, _ output: inout TransactionStage) -> Bool {
        output.scratch.removeAll()
        var isCut = false
        _ = message.forEachLabel(at: offset) { label in
            if output.scratch.count > 0 { output.scratch.append(0x2e) }
            output.scratch.append(raw: label)
            isCut = output.scratch.count > longestName
            return !isCut
        }
        if isCut { output.scratch.truncate(to: longestName) }
        output.writeScratch()
        return isCut
    }

    static func appendType(_ type: UInt16, lowercase: Bool, _ text: inout TextBuffer) {
        guard let name = DNSNames.type(type) else { return text.append(decimal: UInt64(type)) }
        if lowercase { text.append(lowercase: name) } else { text.append(name) }
    }
}

extension TextBuffer {
    /// Appends a literal with its letters made small.
    mutating func append(lowercase literal: StaticString) {
        let start = count
        append(literal)
        lowercase(from: start)
    }
}
