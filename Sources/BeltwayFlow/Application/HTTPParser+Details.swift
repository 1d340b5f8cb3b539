// SPDX-License-Identifier: Apache-2.0
// What Zeek's http.log says of a request and its answer beyond EVE: names as they were sent, targets without escapes.
internal import BeltwayWire

extension HTTPParser {
    static func details(of head: borrowing HTTPRequestHead, at time: Timestamp) -> [UInt8] {
        var writer = DetailWriter()
        writer.append(.start, number: time.nanoseconds)
        writer.append(.method, head.method, most: 128)
        let target = unescaped(head.target)
        writer.append(.target, target.rawBytes, most: 2048)
        // Zeek's version is the answer's; a request without one has an answer without a head.
        if head.version.isEmpty {
            let version = Array("0.9".utf8)
            writer.append(.version, version.rawBytes)
        }
        var headers = head.headers
        while let field = headers.next() {
            let name = headers.bytes.field(field.name)
            let value = headers.bytes.field(field.value)
            switch name.byteCount {
            case 4 where name.equals(ignoringCase: "host"):
                writer.append(.host, value, most: 512)
            case 6 where name.equals(ignoringCase: "origin"): writer.append(.origin, value, most: 512)
            case 7 where name.equals(ignoringCase: "referer"): writer.append(.referrer, value, most: 1024)
            case 10 where name.equals(ignoringCase: "user-agent"): writer.append(.agent, value, most: 1024)
            default:
                guard isProxy(name) else { continue }
                let text = proxy(name, value)
                writer.append(.proxied, text.rawBytes, most: 512)
            }
        }
        return writer.end()
    }

    static func details(of head: borrowing HTTPResponseHead) -> [UInt8] {
        var writer = DetailWriter()
        // `1.1` of `HTTP/1.1`.
        let version = head.version
        let slash = version.firstIndex(of: 0x2f) ?? -1
        writer.append(.version, version.field(slash + 1..<version.byteCount), most: 16)
        if head.status > 0 { writer.append(.status, number: UInt64(head.status)) }
        writer.append(.reason, head.reason, most: 256)
        return writer.end()
    }

    /// Keeps an answer of one hundred and some with the request that it belongs to.
    static func noteInformation(_ head: borrowing HTTPResponseHead, _ session: inout HTTPSession) {
        guard !session.pending.isEmpty, session.pending[0].fragment.details.count < 8192 else { return }
        var writer = DetailWriter()
        writer.append(.informationStatus, number: UInt64(head.status))
        writer.append(.informationReason, head.reason, most: 256)
        let details = writer.end()
        session.fragmentBytes += details.count
        session.pending[0].fragment.details += details
    }

    /// Notes how much of a body in chunks has come.
    static func note(_ chunks: HTTPChunks, _ sender: Sender, _ session: inout HTTPSession) {
        if sender == .responder {
            session.answer.chunkedLength = chunks.dataLength
        } else if !session.pending.isEmpty {
            session.pending[session.pending.count - 1].fragment.chunkedLength = chunks.dataLength
        }
    }

    /// Notes how many bytes a body has whose encoding was undone.
    static func note(
        inflated length: UInt64?,
        _ sender: Sender,
        _ index: Int,
        _ session: inout HTTPSession
    ) {
        guard let length else { return }
        if sender == .responder {
            session.answer.inflatedLength = length
        } else if index < session.pending.count {
            session.pending[index].fragment.inflatedLength = length
        }
    }

    /// Bytes of the bodies without chunks and encoding: "actual uncompressed content size" (Zeek's http.log).
    static func writeLengths(_ session: HTTPSession, _ output: inout TransactionStage) {
        if let request = session.pending.first?.fragment {
            let length = request.inflatedLength ?? request.chunkedLength ?? request.bodyLength
            output.details.append(.requestLength, number: length)
        }
        if session.isAnswering {
            let answer = session.answer
            let length = answer.inflatedLength ?? answer.chunkedLength ?? session.answerLength
            output.details.append(.answerLength, number: length)
        }
    }

    /// A target with each `%41` as the byte that it stands for.
    private static func unescaped(_ target: RawSpan) -> [UInt8] {
        var bytes: [UInt8] = []
        var index = 0
        while index < min(target.byteCount, 4096) {
            let byte = target.byte(at: index)
            if byte == 0x25, index + 2 < target.byteCount,
                let high = target.byte(at: index + 1).hexadecimalValue,
                let low = target.byte(at: index + 2).hexadecimalValue
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(byte)
                index += 1
            }
        }
        return bytes
    }

    /// Whether a header says that somebody forwarded the request (Zeek's HTTP::proxy_headers).
    private static func isProxy(_ name: RawSpan) -> Bool {
        switch name.byteCount {
        case 3: name.equals(ignoringCase: "via")
        case 9: name.equals(ignoringCase: "forwarded") || name.equals(ignoringCase: "client-ip")
        case 15: name.equals(ignoringCase: "x-forwarded-for")
        case 16:
            name.equals(ignoringCase: "x-forwarded-from") || name.equals(ignoringCase: "xroxy-connection")
                || name.equals(ignoringCase: "proxy-connection")
        default: false
        }
    }

    /// `VIA -> 1.1 proxy`.
    private static func proxy(_ name: RawSpan, _ value: RawSpan) -> [UInt8] {
        var text: [UInt8] = []
        for index in 0..<name.byteCount {
            let byte = name.byte(at: index)
            text.append(byte &- 0x61 < 26 ? byte & ~0x20 : byte)
        }
        text += Array(" -> ".utf8)
        text.append(copyOf: value.field(0..<min(value.byteCount, 480)))
        return text
    }
}
