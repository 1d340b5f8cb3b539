// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Testing

@Suite struct `A line of a protocol of lines` {
    @Test func `ends with its LF, which is looked for once`() {
        let line = Array("NOOP\r\nQUIT".utf8)
        let whole = TextLine.framing(of: line.span.bytes)
        let rest = TextLine.framing(of: line.span.bytes, from: 6)
        #expect(whole == .complete(length: 6))
        #expect(rest == .needMore(atLeast: 11))
    }

    @Test(arguments: [
        ("MAIL FROM:<a@b> SIZE=1\r\n", "MAIL", "FROM:<a@b> SIZE=1"), ("  quit \n", "quit", ""),
        ("RETR\ta file \r\n", "RETR", "a file"), ("\r\n", "", ""), ("", "", ""),
    ])
    func `is a verb and an argument`(line: String, verb: String, argument: String) {
        let line = Array(line.utf8)
        let command = TextCommand(line.span.bytes)
        let (found, rest, isVerb) = (
            text(command.verb), text(command.argument), command.isVerb(verb.uppercased())
        )
        #expect(found == verb)
        #expect(rest == argument)
        #expect(isVerb)
    }

    @Test(arguments: [
        ("220 ready\r\n", 220, true, "ready"), ("250-SIZE 10\r\n", 250, false, "SIZE 10"),
        ("354\r\n", 354, true, ""), ("221", 221, true, ""), ("599\n", 599, true, ""),
    ])
    func `is a code and a text`(line: String, code: Int, isLast: Bool, words: String) throws {
        let line = Array(line.utf8)
        let reply = try ReplyLine(line.span.bytes)
        let (number, isFinal, rest) = (reply.code, reply.isLast, text(reply.text))
        #expect(number == code)
        #expect(isFinal == isLast)
        #expect(rest == words)
    }

    @Test(arguments: ["", "22", "22x ready", "099 low", "600 high", "220ready", "+OK"])
    func `is no reply without a code`(line: String) {
        let line = Array(line.utf8)
        #expect(throws: WireError.self) { _ = try ReplyLine(line.span.bytes) }
    }

    @Test func `may be any bytes`() {
        var state: UInt64 = 9
        for _ in 0..<20_000 {
            var line: [UInt8] = []
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            for index in 0..<Int(state >> 60) {
                line.append(
                    [0x32, 0x30, 0x20, 0x2d, 0x0d, 0x0a, 0x41, 0xff][Int(state >> UInt64(index * 3) & 7)]
                )
            }
            let command = TextCommand(line.span.bytes)
            let count = command.verb.byteCount + command.argument.byteCount
            #expect(count <= line.count)
            if let reply = try? ReplyLine(line.span.bytes) {
                let words = reply.text.byteCount
                #expect(words <= line.count)
            }
        }
    }
}
