// SPDX-License-Identifier: Apache-2.0
// HTTP/1: requests wait for their answers, and both become one transaction when the answer's body has ended.
//
//     originator   [head|body][head][head]          pending: 1 2 3
//     responder                [head|body][head|    1 is written, 2 is being answered
//
// What is read of a head becomes JSON at once, so that a head lives no longer than its segment. Bodies are counted and
// looked at as they come (HTTPBodyReader), and not kept. Answers of one hundred and some (RFC 9110, 15.2) are no answers;
// after `101` and after a CONNECT that succeeded the stream is another protocol's, and is looked at as if it began there.
internal import BeltwayWire

/// Reads HTTP/1 connections.
public enum HTTPParser {
    /// Columns of the table `http`.
    public static let columns = [
        TransactionColumn("hostname", .text), TransactionColumn("url", .text),
        TransactionColumn("http_method", .text), TransactionColumn("status", .number),
        TransactionColumn("http_user_agent", .text), TransactionColumn("http_content_type", .text),
        TransactionColumn("http_refer", .text), TransactionColumn("length", .number),
    ]

    enum Column {
        static var hostname: Int { 0 }
        static var url: Int { 1 }
        static var method: Int { 2 }
        static var status: Int { 3 }
        static var userAgent: Int { 4 }
        static var contentType: Int { 5 }
        static var referer: Int { 6 }
        static var length: Int { 7 }
    }

    /// Requests that may wait for their answers; who sends more does not speak HTTP.
    static var mostPending: Int { 128 }

    /// Reads a head, or what is here of a body.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ side: inout StreamSide,
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        let expecting = sender == .originator ? session.client : session.server
        switch expecting {
        case .head: return head(bytes, from: sender, &side, &session, &flow, &output)
        case .body(let remaining):
            let count = min(remaining, bytes.byteCount)
            body(bytes.extracting(0..<count), from: sender, &session, flow, &output)
            advance(count, of: remaining, from: sender, &session, &flow, &output)
            return .consumed(count)
        case .untilClose:
            if sender == .responder { session.answerLength &+= UInt64(bytes.byteCount) }
            body(bytes, from: sender, &session, flow, &output)
            return .consumed(bytes.byteCount)
        case .chunks(var chunks):
            var position = 0
            let wasFresh = chunks.isFresh
            while true {
                switch chunks.next(in: bytes, from: position) {
                case .data(let range):
                    body(bytes.extracting(range), from: sender, &session, flow, &output)
                    position = range.upperBound
                case .needMore:
                    set(.chunks(chunks), sender, &session)
                    if sender == .responder { session.answerLength &+= UInt64(bytes.byteCount) }
                    return .consumed(bytes.byteCount)
                case .end(let end):
                    if sender == .responder { session.answerLength &+= UInt64(end) }
                    note(chunks, sender, &session)
                    ended(sender, &session, &flow, &output)
                    return .consumed(end)
                case .damaged(let place):
                    if sender == .originator { return .malformed }
                    // What has no first size was never in chunks. Behind a size that is none no end can be known.
                    let isPlain = wasFresh && chunks.dataLength == 0
                    let start = isPlain ? 0 : place
                    session.answerLength &+= UInt64(start)
                    let length = isPlain ? session.plainLength : nil
                    if length == 0 {
                        // The answer has ended with its head: what is here begins the next one.
                        ended(sender, &session, &flow, &output)
                        return step(bytes, from: sender, &side, &session, &flow, &output)
                    }
                    set(length.map { .body(remaining: $0) } ?? .untilClose, sender, &session)
                    let rest = bytes.extracting(droppingFirst: start)
                    let next = step(rest, from: sender, &side, &session, &flow, &output)
                    if case .consumed(let count) = next { return .consumed(start + count) }
                    return next
                }
            }
        }
    }

    private static func head(
        _ bytes: RawSpan,
        from sender: Sender,
        _ side: inout StreamSide,
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        if side.isResyncing {
            // After a gap a segment that begins with a head is where reading goes on.
            guard HTTP1.probe(bytes, from: sender) == .yes else { return .consumed(bytes.byteCount) }
            side.isResyncing = false
        }
        if sender == .responder, session.pending.first?.isBare == true,
            HTTP1.probe(bytes, from: .responder) == .no
        {
            session.isAnswering = true
            session.server = .untilClose
            beginBody(of: .responder, HTTPBodyFacts(), &session, flow, &output)
            return step(bytes, from: sender, &side, &session, &flow, &output)
        }
        // A head that comes in small pieces is looked through once.
        if side.scanned > 0, !HTTP1.hasEmptyLine(bytes, from: side.scanned),
            bytes.byteCount < HTTP1.maximumHeadLength
        {
            side.scanned = bytes.byteCount
            return .needMore
        }
        switch HTTP1.framing(of: bytes, from: sender) {
        case .needMore:
            side.scanned = bytes.byteCount
            return .needMore
        case .notThisProtocol: return .malformed
        case .complete(let length):
            side.scanned = 0
            let head = bytes.extracting(0..<length)
            let isRead =
                sender == .originator
                ? request(head, &session, flow, &output) : answer(head, &session, &flow, &output)
            guard let isUpgraded = isRead else { return .malformed }
            return isUpgraded ? .upgraded(length) : .consumed(length)
        }
    }

    /// Reads a request's head.
    ///
    /// - Returns: Whether the stream is another protocol's from here on (never so), nil if it is none.
    static func request(
        _ bytes: RawSpan,
        _ session: inout HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) -> Bool? {
        guard session.pending.count < mostPending, let head = try? HTTPRequestHead(bytes) else { return nil }
        var request = HTTPRequest()
        request.isHEAD = head.method.equals(ignoringCase: "HEAD")
        request.isCONNECT = head.method.equals(ignoringCase: "CONNECT")
        request.isBare = head.version.isEmpty
        var facts = HTTPBodyFacts()
        request.fragment = fragment(
            of: head,
            &facts,
            showsFields: output.events.httpFields.contains(.requests)
        )
        if output.wantsDetails { request.fragment.details = details(of: head, at: output.packet.time) }
        session.fragmentBytes += request.fragment.heldBytes
        if facts.asksHTTP2, session.pending.isEmpty { session.keep(HTTP2Upgrade(head)) }
        session.pending.append(request)
        let number = flow.transactions &+ UInt32(session.pending.count - 1)
        if request.isBare {
            output.anomaly("REQUEST_LINE_MISSING_PROTOCOL", of: "http", number: number)
        }
        if facts.encoding == .unknown { output.anomaly("ABNORMAL_CE_HEADER", of: "http", number: number) }
        let expecting = expectation(head.body)
        set(expecting, .originator, &session)
        if case .head = expecting { return false }
        beginBody(of: .originator, facts, &session, flow, &output)
        return false
    }

    /// Reads an answer's head.
    ///
    /// - Returns: Whether the stream is another protocol's from here on, nil if it is no answer.
    static func answer(
        _ bytes: RawSpan,
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> Bool? {
        guard let head = try? HTTPResponseHead(bytes) else { return nil }
        if 100..<200 ~= head.status, head.status != 101 {
            if output.wantsDetails { noteInformation(head, &session) }
            return false
        }
        if head.status != 101 { session.keep(nil) }
        let request = session.pending.first
        var facts = HTTPBodyFacts()
        if request == nil {
            output.anomaly("UNABLE_TO_MATCH_RESPONSE_TO_REQUEST", of: "http", number: flow.transactions)
        }
        session.fragmentBytes -= session.answer.heldBytes
        session.answer = fragment(
            of: head,
            &facts,
            showsFields: output.events.httpFields.contains(.responses)
        )
        if output.wantsDetails { session.answer.details = details(of: head) }
        session.fragmentBytes += session.answer.heldBytes
        session.isAnswering = true
        session.answerLength = 0
        session.plainLength = head.headers.contentLength
        if facts.encoding == .unknown {
            output.anomaly("ABNORMAL_CE_HEADER", of: "http", number: flow.transactions)
        }
        let isTunnel = request?.isCONNECT == true && 200..<300 ~= head.status
        if head.status == 101 || isTunnel {
            ended(.responder, &session, &flow, &output)
            return true
        }
        let expecting = expectation(head.body(isToHEAD: request?.isHEAD == true))
        set(expecting, .responder, &session)
        if case .head = expecting {
            ended(.responder, &session, &flow, &output)
        } else {
            beginBody(of: .responder, facts, &session, flow, &output)
        }
        return false
    }

    private static func expectation(_ body: HTTPBody) -> HTTPSession.Expecting {
        switch body {
        case .none: .head
        case .length(let length): .body(remaining: length)
        case .chunked: .chunks(HTTPChunks())
        case .untilClose: .untilClose
        }
    }

    private static func set(
        _ expecting: HTTPSession.Expecting,
        _ sender: Sender,
        _ session: inout HTTPSession
    ) {
        if sender == .originator { session.client = expecting } else { session.server = expecting }
        if case .chunks(let chunks) = expecting { note(chunks, sender, &session) }
    }

    /// Counts bytes of a body whose length is known.
    private static func advance(
        _ count: Int,
        of remaining: Int,
        from sender: Sender,
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        if sender == .responder {
            session.answerLength &+= UInt64(count)
        } else if !session.pending.isEmpty {
            session.pending[session.pending.count - 1].fragment.bodyLength &+= UInt64(count)
        }
        if count < remaining {
            set(.body(remaining: remaining - count), sender, &session)
        } else {
            ended(sender, &session, &flow, &output)
        }
    }

    /// A message has ended; an answer's end completes the transaction.
    private static func ended(
        _ sender: Sender,
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        set(.head, sender, &session)
        endBody(of: sender, isComplete: true, &session, flow, &output)
        if sender == .responder { write(&session, &flow, &output) }
    }

    /// Bytes of one direction are lost: within a body of known length that changes nothing.
    static func lost(
        _ length: UInt64,
        from sender: Sender,
        _ side: inout StreamSide,
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        loseBody(of: sender, length, &session)
        switch sender == .originator ? session.client : session.server {
        case .body(let remaining) where UInt64(remaining) >= length:
            advance(Int(length), of: remaining, from: sender, &session, &flow, &output)
        case .untilClose: break
        case .body, .chunks, .head:
            set(.head, sender, &session)
            side.isResyncing = true
            endBody(of: sender, isComplete: false, &session, flow, &output)
            // Whose answers the next ones are is not known any more.
            if sender == .responder { writeAll(&session, &flow, &output) }
        }
    }

    /// A direction has ended: so has the body that the end delimits.
    static func sideEnded(
        _ sender: Sender,
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard sender == .responder, session.isAnswering else { return }
        if case .untilClose = session.server { ended(sender, &session, &flow, &output) }
    }
}
