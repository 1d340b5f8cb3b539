// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Crypto
import Foundation
import Testing

private let whole = String((0..<300).map { Character(UnicodeScalar(UInt8(97 + $0 % 23))) })

private func sha256(_ text: some StringProtocol) -> String {
    SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
}

private func piece(_ range: ClosedRange<Int>) -> String {
    let text = Array(whole)
    return String(text[range])
}

private func request(_ path: String = "/big.bin") -> Talk {
    .client("GET \(path) HTTP/1.1\r\nHost: h\r\nRange: bytes=x\r\n\r\n")
}

private func answer(_ range: ClosedRange<Int>, of size: String = "300", version: String = "1") -> Talk {
    let body = piece(range)
    return .server(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: \(body.utf8.count)\r\nETag: \"\(version)\"\r\n"
            + "Content-Range: bytes \(range.lowerBound)-\(range.upperBound)/\(size)\r\n\r\n\(body)"
    )
}

private func multipart(_ ranges: [ClosedRange<Int>], boundary: String = "b1") -> Talk {
    let parts = ranges.map {
        "\r\n--\(boundary)\r\nContent-Range: bytes \($0.lowerBound)-\($0.upperBound)/300\r\n\r\n\(piece($0))"
    }
    let body = parts.joined() + "\r\n--\(boundary)--\r\n"
    return .server(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: \(body.utf8.count)\r\n"
            + "Content-Type: multipart/byteranges; boundary=\(boundary)\r\n\r\n\(body)"
    )
}

/// The files without a range: those that were put together.
private func joined(_ talk: Conversation) -> [[String: Any]] {
    (0..<talk.files.count).map { talk.file($0) }.filter { $0["end"] == nil }
}

@Suite struct `Ranges of a file` {
    @Test(arguments: [1, 7, 1448])
    func `are files, and with the last of them the whole is one`(pieces: Int) {
        let talk = Conversation(
            [request(), answer(0...99), request(), answer(100...199), request(), answer(200...299)],
            port: 80,
            pieces: pieces
        )
        #expect(talk.files.count == 4)
        #expect(talk.file(0)["sha256"] as? String == sha256(piece(0...99)))
        #expect(talk.file(2)["start"] as? Int == 200)
        #expect(talk.file(3)["filename"] as? String == "/big.bin")
        #expect(talk.file(3)["size"] as? Int == 300)
        #expect(talk.file(3)["state"] as? String == "CLOSED")
        #expect(talk.file(3)["sha256"] as? String == sha256(whole))
        #expect(talk.file(3)["tx_id"] as? Int == 2)
        #expect(talk.file(3)["start"] == nil)
    }

    @Test(arguments: [
        [200...299, 0...99, 100...199], [100...299, 0...99], [0...150, 100...250, 50...299],
        [0...9, 0...298, 299...299],
    ])
    func `may come in any order, and twice`(ranges: [ClosedRange<Int>]) {
        let talk = Conversation(ranges.flatMap { [request(), answer($0)] }, port: 80)
        #expect(joined(talk).count == 1)
        #expect(joined(talk).first?["sha256"] as? String == sha256(whole))
    }

    @Test(arguments: [1, 5, 64, 1448])
    func `may be the parts of one answer`(pieces: Int) {
        let ranges = [0...99, 200...299, 100...199]
        let talk = Conversation([request(), multipart(ranges)], port: 80, pieces: pieces)
        #expect(talk.files.count == 4)
        #expect(talk.file(1)["start"] as? Int == 200)
        #expect(talk.file(1)["size"] as? Int == 100)
        #expect(talk.file(1)["filename"] as? String == "/big.bin")
        #expect(joined(talk).first?["sha256"] as? String == sha256(whole))
    }

    @Test func `make none under a weak ETag, which is not of every byte`() {
        let ranges = [answer(0...99), answer(100...299)].map { talk in
            guard case .server(let bytes) = talk else { return talk }
            return Talk.server(String(decoding: bytes, as: UTF8.self).replacing("ETag: ", with: "ETag: W/"))
        }
        let talk = Conversation(ranges.flatMap { [request(), $0] }, port: 80)
        #expect(talk.files.count == 2 && joined(talk).isEmpty)
    }

    @Test func `that leave something out make no whole`() {
        let talk = Conversation([request(), answer(0...99), request(), answer(101...299)], port: 80)
        #expect(talk.files.count == 2)
        #expect(joined(talk).isEmpty)
    }

    @Test func `of which bytes are lost make none until these come again`() {
        let lossy: [Talk] = [
            request(),
            .server(
                "HTTP/1.1 206 P\r\nContent-Length: 200\r\nETag: \"1\"\r\nContent-Range: bytes 0-199/300\r\n\r\n"
                    + piece(0...49)
            ),
            .lost(50, toResponder: false), .server(piece(100...199)), request(), answer(200...299),
        ]
        #expect(joined(Conversation(lossy, port: 80)).isEmpty)
        let again = Conversation(lossy + [request(), answer(0...199)], port: 80)
        #expect(joined(again).first?["sha256"] as? String == sha256(whole))
    }

    @Test func `of other files, other versions and other sizes are not put together`() {
        for other in [
            [request("/other"), answer(100...299)], [request(), answer(100...299, version: "2")],
            [request(), answer(100...299, of: "301")], [request(), answer(100...299, of: "*")],
        ] {
            #expect(joined(Conversation([request(), answer(0...99)] + other, port: 80)).isEmpty)
        }
    }

    @Test func `that are all of the file are told once`() {
        #expect(Conversation([request(), answer(0...299)], port: 80).files.count == 1)
    }

    @Test func `cut anywhere and damaged in any way neither trap nor hang`() {
        let talk = [request(), answer(100...299), request(), multipart([0...50, 40...99, 20...30])]
        guard case .server(let bytes) = multipart([0...50, 40...99, 20...30]) else { return }
        for count in stride(from: 0, to: bytes.count, by: 3) {
            let cut = Conversation([request(), .server(Array(bytes.prefix(count)))], port: 80, pieces: 64)
            #expect(cut.files.count <= 3)
        }
        damage(talk, rounds: 150, seed: 61, port: 80)
    }
}
