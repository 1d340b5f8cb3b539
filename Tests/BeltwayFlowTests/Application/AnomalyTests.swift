// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation
import Testing

private let mail: [Talk] = [
    .server("220 mail.example ESMTP\r\n"), .client("EHLO me\r\n"), .server("250 ok\r\n"),
]
private let get = Talk.client("GET / HTTP/1.1\r\nHost: h\r\n\r\n")

private func head(_ fields: String) -> Talk {
    .server("HTTP/1.1 200 OK\r\n\(fields)Content-Length: 2\r\n\r\nab")
}

@Suite struct `Anomalies of protocols` {
    @Test func `of mails are told as Suricata names them`() {
        #expect(Conversation(mail + [.server("what\r\n")], port: 25).anomalies == ["INVALID_REPLY"])
        let refused: [Talk] = [
            .client("MAIL FROM:<x@x>\r\n"), .server("250 a\r\n"), .client("DATA\r\n"), .server("554 no\r\n"),
        ]
        #expect(Conversation(mail + refused, port: 25).anomalies == ["DATA_COMMAND_REJECTED"])
        #expect(Conversation(mail + [.client("BDAT x LAST\r\n")], port: 25).anomalies == ["INVALID_BDAT"])
        let long = String(repeating: "x", count: 20_000)
        #expect(Conversation(mail + [.client("NOOP \(long)\r\n")], port: 25).anomalies == ["TRUNCATED_LINE"])
        #expect(Conversation(mail, port: 25).anomalies.isEmpty)
    }

    @Test func `of HTTP are told as Suricata names them`() {
        #expect(Conversation([get, head("")], port: 80).anomalies.isEmpty)
        #expect(
            Conversation([get, head(""), head("")], port: 80).anomalies
                == ["UNABLE_TO_MATCH_RESPONSE_TO_REQUEST"]
        )
        let strange = Conversation([get, head("Content-Encoding: x-none\r\n")], port: 80)
        #expect(strange.anomalies == ["ABNORMAL_CE_HEADER"])
        let damaged = Conversation(
            [
                get,
                .server(
                    Array("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n".utf8)
                        + [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff]
                ),
            ],
            port: 80
        )
        #expect(damaged.anomalies == ["GZIP_DECOMPRESSION_FAILED"])
    }

    @Test func `are bounded in each second`() {
        var talk = [get]
        for _ in 0..<300 { talk += [head("")] }
        // One packet a second: none is too many.
        #expect(Conversation(talk, port: 80).anomalies.count == 299)
        let answers = String(repeating: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", count: 300)
        #expect(
            Conversation([get, .server(answers)], port: 80, pieces: 1 << 20).anomalies.count
                == Anomalies.mostEachSecond
        )
    }
}

extension Conversation {
    /// The anomalies' names in order.
    fileprivate var anomalies: [String] {
        oddities.compactMap { transaction in
            let text = Data(("{" + transaction.body.dropFirst() + "}").utf8)
            let object = try? JSONSerialization.jsonObject(with: text) as? [String: Any]
            return (object?["anomaly"] as? [String: Any])?["event"] as? String
        }
    }
}
