// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `The head of an HTTP/1 message` {
    @Test(
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody", 27), ("GET / HTTP/1.1\nHost: a\n\nbody", 24),
            ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", 22), ("GET /old\r\nrest", 10), ("HTTP/1.1 200\r\n\r\n", 16),
            ("GET / HTTP/1.1\nA: b\n \t\nbody", 23), ("GET / HTTP/1.1\nA: b\n\r\r\nbody", 23),
            ("GET /x\r\nodd\r\nHost: a\r\n\r\nbody", 24), ("GET /x\r\nGET /y\r\nA: b\r\n\r\n", 8),
            ("GET /x\r\n\r\nA: b\r\n\r\n", 8),
        ]
    )
    func `ends at its first empty line, whatever ends a line`(message: String, length: Int) {
        let bytes = Array(message.utf8)
        let framing = HTTP1.framing(of: bytes.span.bytes)
        #expect(framing == .complete(length: length))
    }

    @Test(
        arguments: [
            " HTTP/1.1 200\r\n\r\n", "\0HTTP/1.1 200\r\n\r\n", " \t\r\nHTTP/1.1 200\r\n\r\n",
            "HTTP/1.1 200\r\n\r\n",
        ]
    )
    func `of a response may have four bytes before it, wherever it is cut`(message: String) throws {
        let bytes = Array(message.utf8)
        for length in 0..<bytes.count {
            let piece = Array(bytes[..<length])
            guard case .needMore = HTTP1.framing(of: piece.span.bytes, from: .responder) else {
                Issue.record("ends after \(length) bytes")
                continue
            }
        }
        let framing = HTTP1.framing(of: bytes.span.bytes, from: .responder)
        #expect(framing == .complete(length: bytes.count))
        let status = try HTTPResponseHead(bytes.span.bytes).status
        #expect(status == 200)
    }

    @Test(arguments: ["A: b\n\n", "A: b\r\n \r\n", "A: b\n\t\n", "A: b\n\r\r\n", "A: b\n\nbody"])
    func `is seen to end when it comes in pieces`(rest: String) {
        let bytes = Array(("HTTP/1.1 200\r\n" + rest).utf8)
        guard case .complete(let length) = HTTP1.framing(of: bytes.span.bytes) else {
            Issue.record("does not end")
            return
        }
        let seen = (0...length).filter { HTTP1.hasEmptyLine(bytes.span.bytes, from: $0) }.count
        let before = Array(bytes[..<(length - 1)])
        let tooEarly = HTTP1.hasEmptyLine(before.span.bytes, from: 0)
        #expect(seen == length + 1 && !tooEarly)
    }

    @Test func `is bounded`() {
        let bytes = Array("GET / HTTP/1.1\r\nA: ".utf8) + [UInt8](repeating: 0x61, count: 1 << 16)
        let framing = HTTP1.framing(of: bytes.span.bytes)
        #expect(framing == .notThisProtocol)
    }

    @Test(
        arguments: [
            ("GET / HTTP/1.1", "GET", "/", "HTTP/1.1"), ("GET /a b  HTTP/1.0", "GET", "/a b", "HTTP/1.0"),
            ("  POST\t/x HTTP/1.1 ", "POST", "/x", "HTTP/1.1"), ("GET /old", "GET", "/old", ""),
            ("QUIT", "QUIT", "", ""), ("GET / http/1.1", "GET", "/", "http/1.1"),
        ]
    )
    func `of a request has a method, a target, a version`(
        line: String,
        method: String,
        target: String,
        version: String
    ) throws {
        let bytes = Array((line + "\r\nHost: a\r\n\r\n").utf8)
        let head = try HTTPRequestHead(bytes.span.bytes)
        let found = [text(head.method), text(head.target), text(head.version)]
        #expect(found == [method, target, version])
        let headers = head.headers
        let host = headers.value(of: "HOST").map { text(headers.bytes.field($0)) }
        #expect(host == "a")
    }

    @Test(
        arguments: [
            ("HTTP/1.1 200 OK", 200, "OK"), ("HTTP/1.1 404", 404, ""),
            ("HTTP/1.0  301  Moved on", 301, "Moved on"),
            ("HTTP/1.1 20x", 0, ""), ("HTTP/1.1", 0, ""), ("HTTP/1.1 99999 a", 0, "a"),
        ]
    )
    func `of a response has a status, and perhaps a reason`(line: String, status: Int, reason: String) throws
    {
        let bytes = Array((line + "\n\n").utf8)
        let head = try HTTPResponseHead(bytes.span.bytes)
        #expect(head.status == status)
        let found = text(head.reason)
        #expect(found == reason)
    }

    @Test func `shows fields that are folded, without a colon, with blanks`() throws {
        let bytes = Array("A : 1 \r\nB: 2\r\n\t3\r\nnothing\r\nC:\n: v\r\n\r\nbody: no\r\n".utf8)
        var headers = HTTPHeaders(bytes.span.bytes)
        var found: [String] = []
        while let field = headers.next() {
            let value = text(headers.bytes.field(field.value))
            found.append(
                text(headers.bytes.field(field.name)) + "=" + value + (field.isFolded ? " folded" : "")
            )
        }
        #expect(found == ["A=1", "B=2\r\n\t3 folded", "=nothing", "C=", "=v"])
    }

    @Test(
        arguments: [
            "HTTP/1.1 200 ok\rA: 1\rB: \"2\"\r\n\n", "HTTP/1.1 200 ok\n\rA: 1\n\rB: \"2\"\r\n\r\n",
            "HTTP/1.1 200 ok\r\nA: 1\rB: \"2\"\r\n\r\n",
            "HTTP/1.1 200 ok\r\nA: 1\r\nB: \"2\"\n \nC: no\r\n\r\n",
        ]
    )
    func `has lines that end at CR alone, and none behind a blank one`(message: String) throws {
        let bytes = Array(message.utf8)
        let head = try HTTPResponseHead(bytes.span.bytes)
        var headers = head.headers
        var found = [text(head.reason)]
        while let field = headers.next() {
            found.append(text(headers.bytes.field(field.name)) + "=" + text(headers.bytes.field(field.value)))
        }
        #expect(found == ["ok", "A=1", "B=\"2\""])
    }

    @Test(
        arguments: [
            ("Content-Length: 5", HTTPBody.length(5)), ("content-length:0", .none),
            ("Content-Length: 5x", .untilClose),
            ("Transfer-Encoding: gzip, Chunked\r\nContent-Length: 5", .chunked), ("A: b", .untilClose),
            ("Content-Length: 99999999999999999999", .untilClose),
            ("Transfer-Encoding: chunked, gzip", .untilClose),
        ]
    )
    func `says how the body ends`(fields: String, body: HTTPBody) throws {
        let response = Array(("HTTP/1.1 200 OK\r\n" + fields + "\r\n\r\n").utf8)
        let head = try HTTPResponseHead(response.span.bytes)
        let answers = [head.body(), head.body(isToHEAD: true), head.body(isToCONNECT: true)]
        #expect(answers == [body, .none, .untilClose])
        let request = Array(("GET / HTTP/1.1\r\n" + fields + "\r\n\r\n").utf8)
        let requestBody = try HTTPRequestHead(request.span.bytes).body
        #expect(requestBody == (body == .untilClose ? .none : body))
    }

    @Test(
        arguments: [
            ("GET ", Probe.yes, Probe.no), ("GE", .unknown, .no), ("GETX", .no, .no), ("HTTP/1", .no, .yes),
            ("HT", .no, .unknown), ("HTTP/x", .no, .no), ("", .unknown, .unknown), ("\r\nPOST /", .yes, .no),
            ("PRI * HTTP/2.0", .no, .no),
        ]
    )
    func `is recognised by its first word`(start: String, request: Probe, response: Probe) {
        let bytes = Array(start.utf8)
        let answers = [Sender.originator, .responder].map { HTTP1.probe(bytes.span.bytes, from: $0) }
        #expect(answers == [request, response])
    }

    @Test(arguments: [UInt64(1), 2])
    func `never reaches beyond its bytes`(seed: UInt64) {
        let request =
            "POST /a b HTTP/1.1\r\nHost: x\r\n y\nContent-Length: 3\r\nTransfer-Encoding: a, chunked\r\n\r\n"
        let response = "HTTP/1.1 200 OK\r\nA\r\nContent-Length: 3\r\n\r\nabc"
        for message in [request, response] {
            survives(Array(message.utf8), seed: seed) { span in
                var sum = HTTP1.probe(span, from: .originator) == .yes ? 1 : 0
                if let head = try? HTTPRequestHead(span) {
                    sum += head.method.byteCount + head.target.byteCount + head.version.byteCount
                    sum += head.body == .chunked ? 1 : 0
                }
                if let head = try? HTTPResponseHead(span) { sum += head.reason.byteCount }
                var headers = HTTPHeaders(span)
                while let field = headers.next() { sum += field.name.count + field.value.count }
                #expect(sum <= 3 * span.byteCount + 2)
                sum = HTTP1.hasEmptyLine(span, from: span.byteCount / 2) ? 1 : 0
                _ = HTTP1.framing(of: span, from: .responder)
                return HTTP1.framing(of: span)
            }
        }
    }
}

@Suite struct `Chunks` {
    /// The data of a chunked body fed in pieces of `step` bytes, and what it ended with.
    static func read(_ body: String, step: Int) -> (data: String, last: HTTPChunks.Step) {
        let bytes = Array(body.utf8)
        var chunks = HTTPChunks()
        var data: [UInt8] = []
        var last = HTTPChunks.Step.needMore
        var start = 0
        while start < bytes.count {
            let piece = Array(bytes[start..<min(start + step, bytes.count)])
            var position = 0
            reading: while true {
                last = chunks.next(in: piece.span.bytes, from: position)
                guard case .data(let range) = last else { break reading }
                data += piece[range]
                position = range.upperBound
            }
            if case .end(let position) = last { return (text(data), .end(start + position)) }
            if case .damaged = last { return (text(data), last) }
            start += piece.count
        }
        return (text(data), last)
    }

    @Test(arguments: [1, 2, 3, 5, 100])
    func `come out the same however they are cut`(step: Int) {
        let result = Self.read("4;x=1\r\nWiki\r\n0A\npedia in \n\r\n000\r\nT: 1\r\n\r\nGET", step: step)
        #expect(result.data == "Wikipedia in \n")
        #expect(result.last == .end(41))
    }

    @Test(arguments: ["5,", "5\0", "\u{c}5", "0x5", " \t5 ", "05;a=b", "5g"])
    func `have sizes as browsers read them`(size: String) {
        for step in [1, 100] {
            let found = Chunks.read(size + "\r\nabcde\r\n0\r\n\r\n", step: step)
            #expect(found.data == "abcde")
        }
    }

    @Test(arguments: ["g\r\n", "1\r\nab", "1234567890123\r\n", "-1\r\n"])
    func `with damage have no way on`(body: String) {
        let result = Self.read(body, step: 3)
        guard case .damaged = result.last else {
            Issue.record("\(result.last)")
            return
        }
    }

    @Test func `whose lines never end are given up`() {
        let result = Self.read("1;" + String(repeating: "x", count: 9_000), step: 1_000)
        guard case .damaged = result.last else {
            Issue.record("\(result.last)")
            return
        }
    }

    @Test func `of bytes without any sense always move on`() {
        var numbers = SeededNumbers(seed: 5)
        for round in 0..<2_000 {
            let alphabet = Array("0123af;\r\n\r\n\r\n x".utf8)
            let body = (0..<60).map { _ in alphabet[Int(numbers.next() % UInt64(alphabet.count))] }
            var chunks = HTTPChunks()
            var position = 0
            reading: for _ in 0..<200 {
                switch chunks.next(in: body.span.bytes, from: position) {
                case .data(let range):
                    guard range.lowerBound >= position, !range.isEmpty, range.upperBound <= 60 else {
                        Issue.record("round \(round): \(range) from \(position)")
                        return
                    }
                    position = range.upperBound
                case .end, .damaged, .needMore: break reading
                }
            }
        }
    }
}
