// SPDX-License-Identifier: Apache-2.0
// Streams that become another protocol's: the question and the answer after which they are.
//
// The bytes of a step follow in the same segment as the answer (or, from the client, as the question, before it is
// answered), whatever they are: mostly nothing that a protocol begins with.

/// Questions and answers, by the number in a step's high bits; none at 0.
enum Handovers {
    static let all: [(question: [UInt8], answer: [UInt8])] = [
        ([], []),
        ([4, 1, 0, 80, 10, 0, 0, 1, 0], [0, 90, 0, 0, 0, 0, 0, 0]),
        ([5, 1, 0, 5, 1, 0, 1, 10, 0, 0, 1, 0, 80], [5, 0, 5, 0, 0, 1, 10, 0, 0, 1, 0, 80]),
        text("a STARTTLS\r\n", "* OK hello\r\na OK begin\r\n"),
        text("STLS\r\n", "+OK hello there\r\n+OK begin\r\n"),
        (
            [0x30, 0x1d, 2, 1, 1, 0x77, 0x18, 0x80, 0x16] + Array("1.3.6.1.4.1.1466.20037".utf8),
            [0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, 0, 4, 0, 4, 0]
        ),
        ([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f], [0x53]),
        text("NICK a\r\nSTARTTLS\r\n", ":a 670 a :go\r\n"),
        text("<stream:stream to='a'><starttls/>", "<stream:stream><proceed/>"),
        text("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"),
        text(
            "GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        ),
        text(
            "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        ),
        text("EHLO a\r\nSTARTTLS\r\n", "220 a ESMTP\r\n250 a\r\n220 go\r\n"),
        text("AUTH TLS\r\n", "220 ftp\r\n234 go\r\n"),
    ]

    private static func text(_ question: String, _ answer: String) -> ([UInt8], [UInt8]) {
        (Array(question.utf8), Array(answer.utf8))
    }
}
