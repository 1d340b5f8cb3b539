// SPDX-License-Identifier: Apache-2.0
// A DNS message in the words of Zeek's dns.log: names in small letters, each answer as one text.
internal import BeltwayWire

extension DNSParser {
    /// Answers that are told of one message.
    private static var mostAnswers: Int { 100 }

    /// Writes what the log of a message needs: its head, its last question and its answers.
    static func writeDetails(_ message: DNSMessage, _ output: inout TransactionStage) {
        output.details.append(.identifier, number: UInt64(message.id))
        output.details.append(.flags, number: UInt64(message.flags))
        output.details.append(.questions, number: UInt64(message.questionCount))
        let records = DNSSection.allCases.reduce(0) { $0 + message.count(of: $1) }
        output.details.append(.records, number: UInt64(records))
        var offset = DNSMessage.headerLength
        var last: DNSQuestion?
        for _ in 0..<message.questionCount {
            guard let question = message.question(at: &offset) else { return }
            last = question
        }
        if let last {
            name(message, at: last.name, .query, &output)
            output.details.append(.queryType, number: UInt64(last.type))
            output.details.append(.queryClass, number: UInt64(last.recordClass))
        }
        for index in 0..<min(message.count(of: .answers), mostAnswers) {
            guard let record = message.record(at: &offset) else { return }
            if last == nil, index == 0 { name(message, at: record.name, .query, &output) }
            output.scratch.removeAll()
            writeReply(message, record, &output)
            guard !output.scratch.isEmpty else { continue }
            output.takeScratch(as: .answer)
            output.details.append(.timeToLive, number: UInt64(record.timeToLive))
        }
    }

    /// Writes a message that has no event, for the log alone.
    static func writeUnshown(_ message: DNSMessage, _ output: inout TransactionStage) {
        output.beginDetails(.dns)
        writeDetails(message, &output)
        output.endDetails()
    }

    private static func name(
        _ message: DNSMessage,
        at offset: Int,
        _ detail: TransactionDetail,
        _ output: inout TransactionStage
    ) {
        output.scratch.removeAll()
        putName(message, at: offset, &output.scratch)
        output.takeScratch(as: detail)
    }

    /// Appends a name in small letters, its labels with dots between.
    private static func putName(_ message: DNSMessage, at offset: Int, _ text: inout TextBuffer) {
        let start = text.count
        var isCut = false
        _ = message.forEachLabel(at: offset) { label in
            if text.count > start { text.append(0x2e) }
            text.append(raw: label)
            isCut = text.count - start > longestName
            return !isCut
        }
        if isCut { text.truncate(to: start + longestName) }
        text.lowercase(from: start)
    }

    private static func writeReply(
        _ message: DNSMessage,
        _ record: DNSRecord,
        _ output: inout TransactionStage
    ) {
        let bytes = message.bytes.extracting(record.data)
        let start = record.data.lowerBound
        switch (record.type, bytes.byteCount) {
        case (1, 4): output.scratch.append(dotted: bytes.bigEndian32(at: 0))
        case (28, 16):
            output.scratch.append(
                ipv6: IPAddress(high: bytes.bigEndian64(at: 0), low: bytes.bigEndian64(at: 8))
            )
        case (2, _), (5, _), (12, _), (6, _): putName(message, at: start, &output.scratch)
        case (15, 3...): putName(message, at: start + 2, &output.scratch)
        case (33, 7...): putName(message, at: start + 6, &output.scratch)
        case (16, _), (99, _): writeStrings(bytes, isSPF: record.type == 99, &output.scratch)
        case (43, 4...):
            output.scratch.append("DS ")
            output.scratch.append(decimal: UInt64(bytes.byte(at: 2)))
            output.scratch.append(0x20)
            output.scratch.append(decimal: UInt64(bytes.byte(at: 3)))
        case (46, 18...):
            output.scratch.append("RRSIG ")
            output.scratch.append(decimal: UInt64(bytes.bigEndian16(at: 0)))
            output.scratch.append(0x20)
            putName(message, at: start + 18, &output.scratch)
        case (47, _):
            output.scratch.append("NSEC ")
            putName(message, at: record.name, &output.scratch)
            output.scratch.append(0x20)
            putName(message, at: start, &output.scratch)
        case (48, 4...):
            output.scratch.append("DNSKEY ")
            output.scratch.append(decimal: UInt64(bytes.byte(at: 3)))
        case (50, _): output.scratch.append("NSEC3")
        case (51, 5...):
            output.scratch.append("NSEC3PARAM ")
            output.scratch.append(decimal: UInt64(bytes.bigEndian16(at: 2)))
        case (41, _), (64, _), (65, _): break
        case (65534, _): output.scratch.append("BIND9 signing signal")
        default:
            output.scratch.append("<unknown type=")
            output.scratch.append(decimal: UInt64(record.type))
            output.scratch.append(0x3e)
        }
    }

    /// Appends `TXT 4 text` for each string (RFC 1035, 3.3.14).
    private static func writeStrings(_ data: RawSpan, isSPF: Bool, _ text: inout TextBuffer) {
        var offset = 0
        while offset < data.byteCount {
            let end = min(offset + 1 + Int(data.byte(at: offset)), data.byteCount)
            let string = data.field(offset + 1..<end)
            if offset > 0 { text.append(0x20) }
            text.append(isSPF ? "SPF " : "TXT ")
            text.append(decimal: UInt64(string.byteCount))
            text.append(0x20)
            text.append(raw: string)
            offset = end
        }
    }
}

extension TransactionStage {
    /// Makes what was put together in `scratch` a detail.
    mutating func takeScratch(as detail: TransactionDetail) {
        details.append(detail, textOf: scratch)
    }
}
