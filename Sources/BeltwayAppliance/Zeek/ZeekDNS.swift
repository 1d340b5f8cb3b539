// SPDX-License-Identifier: Apache-2.0
// dns.log: a line for each question with its answer (base/protocols/dns/main.zeek of Zeek 8).
//
//     question 17 ---- waits, by flow and identifier ---- answer 17  --> a line, with the time between them
//     question 18 ---- waits ------------------------- the flow ends --> a line without an answer
//     answer 19   ---------------------------------------------------> a line without a question
//
// A flow that begins with an answer has its sides exchanged, in conn.log too, whatever its ports: who answers is the
// responder. Multicast DNS is left as it is, since there everybody answers everybody.
//
// Invariant 1. At most `mostWaiting` questions wait; when there are more, all of them are written as unanswered.
// Invariant 2. Of at most `mostWaiting` flows it is known who answers; of others it is who did not speak first.
internal import BeltwayFlow
internal import BeltwayWire

/// Joins questions and answers.
struct ZeekDNS: ~Copyable {
    static let table = ZeekTable(
        "dns",
        "proto enum,trans_id count,rtt interval,query string,qclass count,qclass_name string,qtype count,"
            + "qtype_name string,rcode count,rcode_name string,AA bool,TC bool,RD bool,RA bool,Z count,"
            + "answers vector[string],TTLs vector[interval],rejected bool,opcode count,opcode_name string"
    )
    let mostWaiting: Int

    private struct Question {
        var record: TransactionRecord
        var details: [UInt8]
        var identifier: UInt64
        /// Whether its source is the originator.
        var isForward: Bool
    }

    /// By flow, the oldest first.
    private var waiting: [UInt64: [Question]] = [:]
    private var count = 0
    /// Flows that go on, and whether their sides are exchanged because they began with an answer.
    private var isExchanged: [UInt64: Bool] = [:]

    init(mostWaiting: Int = 65_536) { self.mostWaiting = mostWaiting }

    /// Takes a message.
    mutating func append(_ record: TransactionRecord, _ details: TransactionDetails, to log: inout ZeekWriter)
    {
        guard let flags = details.number(.flags), let identifier = details.number(.identifier) else { return }
        let isAnswer = flags & 0x8000 != 0
        let isForward = record.isFromZeekOriginator != exchanges(record, isAnswer: isAnswer)
        // Multicast questions have no identifier, and many answers.
        if record.kind == .mdns, !isAnswer {
            let told = TransactionDetails(RawSpan())
            ZeekDNS.write(record, isForward, details, told, answer: nil, to: &log)
            return
        }
        if !isAnswer {
            if count >= mostWaiting { flushAll(to: &log) }
            let bytes = (0..<details.bytes.byteCount).map { details.bytes.byte(at: $0) }
            let question = Question(
                record: record,
                details: bytes,
                identifier: identifier,
                isForward: isForward
            )
            waiting[record.flowID, default: []].append(question)
            count += 1
            return
        }
        guard record.kind != .mdns,
            let place = waiting[record.flowID]?.firstIndex(where: { $0.identifier == identifier }),
            let question = waiting[record.flowID]?.remove(at: place)
        else {
            let asked = TransactionDetails(RawSpan())
            ZeekDNS.write(record, isForward, asked, details, answer: record, to: &log)
            return
        }
        count -= 1
        let asked = TransactionDetails(question.details.rawBytes)
        ZeekDNS.write(question.record, question.isForward, asked, details, answer: record, to: &log)
    }

    /// Whether the sides of a message's flow are exchanged, because its first message was an answer.
    private mutating func exchanges(_ record: TransactionRecord, isAnswer: Bool) -> Bool {
        guard record.kind != .mdns else { return false }
        if let known = isExchanged[record.flowID] { return known }
        if isExchanged.count >= mostWaiting { isExchanged = [:] }
        let exchanges = isAnswer && record.isFromZeekOriginator
        isExchanged[record.flowID] = exchanges
        return exchanges
    }

    /// Whether a flow's sides are exchanged beyond what its ports say; asked before ``ended(_:to:)``.
    func exchanges(_ flow: FlowRecord) -> Bool { isExchanged[flow.flowID] ?? false }

    /// Writes a flow's questions that were not answered.
    mutating func ended(_ flowID: UInt64, to log: inout ZeekWriter) {
        isExchanged[flowID] = nil
        guard let questions = waiting.removeValue(forKey: flowID) else { return }
        count -= questions.count
        for question in questions { ZeekDNS.write(question, to: &log) }
    }

    /// Writes all questions that were not answered.
    mutating func flushAll(to log: inout ZeekWriter) {
        for questions in waiting.values {
            for question in questions { ZeekDNS.write(question, to: &log) }
        }
        waiting.removeAll()
        count = 0
    }

    private static func write(_ question: Question, to log: inout ZeekWriter) {
        let asked = TransactionDetails(question.details.rawBytes)
        let told = TransactionDetails(RawSpan())
        write(question.record, question.isForward, asked, told, answer: nil, to: &log)
    }

    private static func write(
        _ record: TransactionRecord,
        _ isForward: Bool,
        _ asked: TransactionDetails,
        _ told: TransactionDetails,
        answer: TransactionRecord?,
        to log: inout ZeekWriter
    ) {
        let question = asked.number(.flags)
        let reply = told.number(.flags)
        let hasAnswers = told.place(of: .answer) != nil
        log.beginLine(record, start: nil, isForward: isForward)
        log.text("proto", literal: record.transportProtocol == 6 ? "tcp" : "udp")
        log.number("trans_id", (question != nil ? asked : told).number(.identifier) ?? 0)
        if question != nil, hasAnswers, let answer, answer.time > record.time {
            log.interval("rtt", nanoseconds: answer.time.nanoseconds - record.time.nanoseconds)
        } else {
            log.unset("rtt")
        }
        log.text("query", .query, of: asked.place(of: .query) != nil ? asked : told)
        writeType(asked, to: &log)
        if let reply {
            log.number("rcode", reply & 15)
            if let name = DNSNames.responseCode(UInt8(reply & 15)) {
                log.text("rcode_name", literal: name)
            } else {
                log.text("rcode_name", plain: "unknown-\(reply & 15)")
            }
        } else {
            log.unset("rcode")
            log.unset("rcode_name")
        }
        log.flag("AA", hasAnswers && (reply ?? 0) & 0x400 != 0)
        log.flag("TC", (question ?? 0) & 0x200 != 0)
        log.flag("RD", (question ?? 0) & 0x100 != 0)
        log.flag("RA", hasAnswers && (reply ?? 0) & 0x80 != 0)
        log.number("Z", (question ?? 0) >> 4 & 7)
        log.texts("answers", .answer, of: told)
        log.intervals("TTLs", .timeToLive, of: told)
        log.flag("rejected", isRejected(told))
        let opcode = (question ?? reply ?? 0) >> 11 & 15
        log.number("opcode", opcode)
        log.text("opcode_name", plain: opcodeName(opcode))
        log.endLine()
    }

    private static func writeType(_ asked: TransactionDetails, to log: inout ZeekWriter) {
        guard let type = asked.number(.queryType), let recordClass = asked.number(.queryClass) else {
            for name in ["qclass", "qclass_name", "qtype", "qtype_name"] as [StaticString] { log.unset(name) }
            return
        }
        log.number("qclass", recordClass)
        log.text("qclass_name", plain: className(recordClass))
        log.number("qtype", type)
        log.text("qtype_name", plain: typeName(type))
    }

    /// Whether an answer has nothing but its question, or an error without one.
    private static func isRejected(_ told: TransactionDetails) -> Bool {
        guard let flags = told.number(.flags), let questions = told.number(.questions) else { return false }
        if questions == 0 { return flags & 15 != 0 }
        return told.number(.records) == 0
    }

    private static func className(_ value: UInt64) -> String {
        switch value {
        case 1: "C_INTERNET"
        case 2: "C_CSNET"
        case 3: "C_CHAOS"
        case 4: "C_HESOD"
        case 254: "C_NONE"
        case 255: "C_ANY"
        default: "qclass-\(value)"
        }
    }

    private static func typeName(_ value: UInt64) -> String {
        switch value {
        case 255: "*"
        case 32: "NB"
        default: DNSNames.type(UInt16(truncatingIfNeeded: value)).map { "\($0)" } ?? "query-\(value)"
        }
    }

    private static func opcodeName(_ value: UInt64) -> String {
        switch value {
        case 0: "query"
        case 1: "inverse-query"
        case 2: "server-status"
        case 4: "notify"
        case 5: "dynamic-update"
        case 6: "dso"
        default: "opcode-\(value)"
        }
    }
}
