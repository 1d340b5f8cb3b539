// SPDX-License-Identifier: Apache-2.0
// Version 2 of Suricata's `dns`, for readers made before version 3: an event a question, an event an answer.
//
//     {"version":2,"type":"query","id":1,"rrname":"a.org","rrtype":"A","tx_id":0,"opcode":0}
//     {"version":2,"type":"answer","id":1,"flags":"8180","qr":true,..,"rrname":"a.org","rrtype":"A","rcode":"NOERROR",
//      "answers":[..],"grouped":{..},"authorities":[..]}
//
// Its answers have the asker for their source, as its questions have.
internal import BeltwayWire

extension DNSParser {
    /// Questions of one message that have an event.
    private static var mostQuestions: Int { 16 }

    /// Writes the events of a message that is whole.
    static func writeVersion2(
        _ message: DNSMessage,
        number: UInt32,
        toResponder: Bool,
        _ output: inout TransactionStage
    ) {
        guard message.isResponse else {
            return writeQueries(message, number: number, turned: !toResponder, &output)
        }
        output.begin(.dns, number: number, object: "dns", showsNumber: false, turned: toResponder)
        output.text.member("version", 2)
        writeKind("\"answer\"", message, &output)
        writeFlags(message.flags, &output)
        output.text.member("opcode", UInt64(message.opcode))
        var offset = DNSMessage.headerLength
        for index in 0..<message.questionCount {
            guard let question = message.question(at: &offset) else { break }
            if index == 0 { writeQuestion(question, message, &output) }
        }
        writeCode(message, &output)
        var answers = offset
        writeRecords(message, .answers, at: &offset, as: .dns, &output)
        writeGroups(message, at: &answers, &output)
        writeRecords(message, .authorities, at: &offset, as: .dns, &output)
        if output.wantsDetails { writeDetails(message, &output) }
        output.end()
    }

    private static func writeQueries(
        _ message: DNSMessage,
        number: UInt32,
        turned: Bool,
        _ output: inout TransactionStage
    ) {
        var offset = DNSMessage.headerLength
        for index in 0..<min(message.questionCount, mostQuestions) {
            guard let question = message.question(at: &offset) else { break }
            output.begin(.dns, number: number, object: "dns", showsNumber: false, turned: turned)
            output.text.member("version", 2)
            writeKind("\"query\"", message, &output)
            writeQuestion(question, message, &output)
            output.text.member("tx_id", UInt64(number))
            output.text.member("opcode", UInt64(message.opcode))
            if output.wantsDetails, index == 0 { writeDetails(message, &output) }
            output.end()
        }
    }

    private static func writeKind(
        _ kind: StaticString,
        _ message: DNSMessage,
        _ output: inout TransactionStage
    ) {
        output.text.member("type")
        output.beginValue()
        output.text.append(kind)
        output.mark(Column.kind)
        output.text.member("id")
        output.beginValue()
        output.text.append(decimal: UInt64(message.id))
        output.mark(Column.id)
    }

    private static func writeQuestion(
        _ question: DNSQuestion,
        _ message: DNSMessage,
        _ output: inout TransactionStage
    ) {
        output.text.member("rrname")
        output.beginValue()
        let isCut = writeName(message, at: question.name, &output)
        output.mark(Column.name)
        if isCut { output.text.member("rrname_truncated", true) }
        output.text.member("rrtype")
        output.beginValue()
        output.text.append(0x22)
        appendType(question.type, lowercase: false, &output.text)
        output.text.append(0x22)
        output.mark(Column.type)
    }
}
