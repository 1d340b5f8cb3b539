// SPDX-License-Identifier: Apache-2.0
// Bodies of HTTP/1: when they begin and end, what they are called, and the events of the files that they are.
//
//     request   POST /a | body ....      requestBody --> files of the request, by its number
//     answer    200 OK  | body ....      answerBody  --> files of the oldest request that waits
internal import BeltwayWire

extension HTTPParser {
    /// A body begins: gives it a name.
    static func beginBody(
        of sender: Sender,
        _ facts: HTTPBodyFacts,
        _ session: inout HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        endBody(of: sender, isComplete: false, &session, flow, &output)
        guard output.files.isOn else { return }
        var facts = facts
        if case .body(let length) = sender == .originator ? session.client : session.server {
            facts.length = UInt64(length)
        }
        let meter = session.meter ?? InflationMeter(output.inflation)
        session.meter = meter
        if sender == .originator {
            let index = session.pending.count - 1
            let name = facts.name.isEmpty ? path(session.pending[index].fragment) : facts.name
            session.requestBody = HTTPBodyReader(
                number: flow.transactions &+ UInt32(index),
                name: name,
                facts,
                output.files,
                meter
            )
        } else {
            var name = facts.name
            if let request = session.pending.first {
                if name.isEmpty { name = path(request.fragment) }
                if facts.isRanged { facts.resource = output.resource(resource(of: request.fragment)) }
            }
            let number = flow.transactions
            session.answerBody = HTTPBodyReader(number: number, name: name, facts, output.files, meter)
        }
    }

    /// The path of a request's target, as the JSON string that it is in the fragment.
    private static func path(_ fragment: JSONFragment) -> [UInt8] {
        let mark = fragment.marks[Column.url]
        guard mark != 0 else { return [] }
        let start = Int(mark & 0xffff)
        let text = fragment.text.rawBytes.field(start..<start + Int(mark >> 16))
        var low = 1
        // A target of absolute form (RFC 9112, 3.2.2).
        if let colon = text.firstIndex(of: 0x3a, before: min(16, text.byteCount)), text.byte(at: 1) != 0x2f,
            text.field(colon..<colon + 3).starts(with: "://")
        {
            low = text.firstIndex(of: 0x2f, from: colon + 3) ?? 1
        }
        let high = text.firstIndex(of: 0x3f, from: low) ?? text.byteCount - 1
        var name: [UInt8] = [0x22]
        name.append(copyOf: text.field(low..<max(high, low)))
        name.append(0x22)
        return name.count > 2 ? name : []
    }

    /// Host and target of a request, as they are in the fragment.
    private static func resource(of fragment: JSONFragment) -> [UInt8] {
        var name: [UInt8] = []
        for column in [Column.hostname, Column.url] {
            let mark = fragment.marks[column]
            let start = Int(mark & 0xffff)
            name.append(copyOf: fragment.text.rawBytes.field(start..<start + Int(mark >> 16)))
        }
        return name
    }

    /// Takes bytes of a body.
    static func body(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        if sender == .responder {
            if session.answerBody?.take(bytes, holding: &session.heldByAnswer) == true {
                writeParts(of: sender, &session, flow, &output)
            }
        } else {
            if session.requestBody?.take(bytes, holding: &session.heldByRequest) == true {
                writeParts(of: sender, &session, flow, &output)
            }
        }
    }

    /// Bytes of a body are lost.
    static func loseBody(of sender: Sender, _ length: UInt64, _ session: inout HTTPSession) {
        var lost = length
        switch sender == .originator ? session.client : session.server {
        case .body(let remaining): lost = min(length, UInt64(remaining))
        // What of it is data and what sizes of chunks cannot be told.
        case .chunks, .head: lost = 0
        case .untilClose: break
        }
        if sender == .responder { session.answerBody?.lose(lost) } else { session.requestBody?.lose(lost) }
    }

    private static func writeParts(
        of sender: Sender,
        _ session: inout HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        var number: UInt32 = 0
        var files: [FileTracker] = []
        if sender == .responder {
            number = session.answerBody?.number ?? 0
            files = session.answerBody?.endedParts() ?? []
        } else {
            number = session.requestBody?.number ?? 0
            files = session.requestBody?.endedParts() ?? []
        }
        for file in files { write(file, of: sender, number, session, flow, &output) }
    }

    /// A body has ended, or nothing more of it will be seen: writes what files it was.
    static func endBody(
        of sender: Sender,
        isComplete: Bool,
        _ session: inout HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        var body: HTTPBodyReader?
        if sender == .responder {
            swap(&body, &session.answerBody)
            session.heldByAnswer = 0
        } else {
            swap(&body, &session.requestBody)
            session.heldByRequest = 0
        }
        guard body != nil else { return }
        let number = body?.number ?? 0
        if output.wantsDetails {
            note(inflated: body?.inflatedLength, sender, Int(number &- flow.transactions), &session)
        }
        output.count(body)
        if body?.isBomb == true {
            output.anomaly("COMPRESSION_BOMB", of: "http", number: number)
        } else if body?.isDamaged == true {
            output.anomaly("GZIP_DECOMPRESSION_FAILED", of: "http", number: number)
        }
        for file in body?.end(isComplete: isComplete) ?? [] {
            write(file, of: sender, number, session, flow, &output)
        }
    }

    private static func write(
        _ file: FileTracker,
        of sender: Sender,
        _ number: UInt32,
        _ session: HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        output.begin(
            .fileinfo,
            number: number,
            object: "http",
            showsNumber: false,
            turned: sender == .responder
        )
        let index = Int(number &- flow.transactions)
        if index < session.pending.count { output.append(members: session.pending[index].fragment) }
        if index == 0, session.isAnswering { output.append(members: session.answer) }
        output.text.member("length", session.answerLength)
        output.endFile(file, application: "http", number: number)
    }
}
