// SPDX-License-Identifier: Apache-2.0
// What Suricata's `http` shows of a request and its answer.
internal import BeltwayWire

extension HTTPParser {
    static func fragment(
        of head: borrowing HTTPRequestHead,
        _ facts: inout HTTPBodyFacts,
        showsFields: Bool
    ) -> JSONFragment {
        var writer = FragmentWriter()
        let target = head.target
        var host: Range<Int>?
        var agent: Range<Int>?
        var referer: Range<Int>?
        var headers = head.headers
        while let field = headers.next() {
            let name = headers.bytes.field(field.name)
            switch name.byteCount {
            case 4 where host == nil && name.equals(ignoringCase: "host"): host = field.value
            case 10 where agent == nil && name.equals(ignoringCase: "user-agent"): agent = field.value
            case 7 where referer == nil && name.equals(ignoringCase: "referer"): referer = field.value
            default: facts.read(name, headers.bytes.field(field.value))
            }
        }
        let authority = authority(of: target, isCONNECT: head.method.equals(ignoringCase: "CONNECT"))
        if !authority.isEmpty {
            writeHost(target.field(authority), &writer)
        } else if let host {
            writeHost(headers.bytes.field(host), &writer)
        }
        writer.member("url", Column.url, target, most: 4096)
        if let agent { writer.member("http_user_agent", Column.userAgent, headers.bytes.field(agent)) }
        if let referer { writer.member("http_refer", Column.referer, headers.bytes.field(referer)) }
        writer.member("http_method", Column.method, head.method)
        if !head.version.isEmpty { writer.member("protocol", nil, head.version) }
        if showsFields { writer.fields("request_headers", head.headers) }
        return writer.end()
    }

    static func fragment(
        of head: borrowing HTTPResponseHead,
        _ facts: inout HTTPBodyFacts,
        showsFields: Bool
    ) -> JSONFragment {
        var writer = FragmentWriter()
        var type: Range<Int>?
        var location: Range<Int>?
        var headers = head.headers
        while let field = headers.next() {
            let name = headers.bytes.field(field.name)
            switch name.byteCount {
            case 12 where type == nil && name.equals(ignoringCase: "content-type"): type = field.value
            case 8 where location == nil && name.equals(ignoringCase: "location"): location = field.value
            default: facts.read(name, headers.bytes.field(field.value))
            }
        }
        if let type {
            let value = headers.bytes.field(type)
            if value.starts(ignoringCase: "multipart/") { facts.readAnswerType(value) }
            let end = value.firstIndex(of: 0x3b) ?? value.byteCount
            writer.member("http_content_type", Column.contentType, value.field(0..<end))
        }
        if head.status > 0 {
            writer.member("status", Column.status, number: UInt64(head.status))
        } else {
            writer.member("status_string", nil, head.statusText)
        }
        if 301..<400 ~= head.status, let location {
            writer.member("redirect", nil, headers.bytes.field(location), most: 4096)
        }
        if let range = facts.range { range.write(&writer) }
        if showsFields { writer.fields("response_headers", head.headers) }
        return writer.end()
    }

    /// Where host and port lie in a target of absolute or authority form (RFC 9112, 3.2), empty if it has none.
    private static func authority(of target: RawSpan, isCONNECT: Bool) -> Range<Int> {
        if isCONNECT { return 0..<target.byteCount }
        guard target.byteCount > 7, target.byte(at: 0) != 0x2f,
            let colon = target.firstIndex(of: 0x3a, before: 16),
            target.field(colon..<colon + 3).starts(with: "://")
        else { return 0..<0 }
        var start = colon + 3
        var end = start
        while end < target.byteCount {
            let byte = target.byte(at: end)
            if byte == 0x2f || byte == 0x3f || byte == 0x23 { break }
            if byte == 0x40 { start = end + 1 }
            end += 1
        }
        return start..<end
    }

    /// A host in small letters, and its port where there is one.
    private static func writeHost(_ text: RawSpan, _ writer: inout FragmentWriter) {
        var end = text.byteCount
        var port: UInt64 = 0
        var digits = 0
        var index = end
        while index > 0, text.byte(at: index - 1) &- 0x30 < 10, digits < 6 {
            index -= 1
            digits += 1
        }
        if index > 0, digits > 0, text.byte(at: index - 1) == 0x3a {
            for place in index..<text.byteCount { port = port * 10 + UInt64(text.byte(at: place) - 0x30) }
            end = index - 1
        } else if index == end, end > 0, text.byte(at: end - 1) == 0x3a {
            end -= 1
        }
        guard end > 0 else { return }
        writer.member("hostname", Column.hostname, text.field(0..<end), isLowercased: true)
        if digits > 0, index > 0, port > 0, port < 65_536, end < text.byteCount {
            writer.member("http_port", nil, number: port)
        }
    }

    /// Writes the oldest request with the answer that is being read, if there is one.
    static func write(
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard session.isAnswering || !session.pending.isEmpty else { return }
        output.begin(.http, number: flow.transactions, object: "http")
        if output.wantsDetails { writeLengths(session, &output) }
        if !session.pending.isEmpty {
            let request = session.pending.removeFirst()
            session.fragmentBytes -= request.fragment.heldBytes
            output.append(request.fragment)
        }
        if session.isAnswering {
            output.append(session.answer)
            session.fragmentBytes -= session.answer.heldBytes
            session.answer = JSONFragment()
        }
        output.text.member("length")
        output.beginValue()
        output.text.append(decimal: session.answerLength)
        output.mark(Column.length)
        output.end()
        session.isAnswering = false
        session.answerLength = 0
        session.answerBody = nil
        session.heldByAnswer = 0
        flow.transactions &+= 1
    }

    /// Writes all that waits, answered or not.
    static func writeAll(
        _ session: inout HTTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        endBody(of: .originator, isComplete: false, &session, flow, &output)
        endBody(of: .responder, isComplete: false, &session, flow, &output)
        while session.isAnswering || !session.pending.isEmpty { write(&session, &flow, &output) }
    }
}
