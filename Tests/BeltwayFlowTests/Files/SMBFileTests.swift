// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Crypto
import Foundation
import Testing

private typealias Two = SMB2Sample

private func sha256(_ bytes: [UInt8]) -> String {
    SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
}

private let content = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7 / 5) }

private func opening(size: UInt64 = 10_000) -> [Talk] {
    [
        .client(netBIOS(Two.negotiate(id: 0))), .server(netBIOS(Two.negotiated(id: 0))),
        .client(netBIOS(Two.connect(id: 1, #"\\srv\data"#))),
        .server(netBIOS(Two.connected(id: 1, type: 1))),
        .client(netBIOS(Two.create(id: 2, #"a\b.bin"#))), .server(netBIOS(Two.created(id: 2, size: size))),
    ]
}

private let closing: [Talk] = [
    .client(netBIOS(Two.close(id: 90))), .server(netBIOS(Two.closed(id: 90))),
]

/// Asks for parts of `content`, which are answered in another order.
private func reads(_ asked: [Range<Int>], answered order: [Int]) -> [Talk] {
    asked.enumerated().map { number, part in
        Talk.client(netBIOS(Two.read(id: UInt64(10 + number), part.count, at: UInt64(part.lowerBound))))
    } + order.map { .server(netBIOS(Two.data(id: UInt64(10 + $0), Array(content[asked[$0]])))) }
}

private func file(_ talk: [Talk], pieces: Int = 1448) -> [String: Any] {
    let heard = Conversation(talk, port: 445, pieces: pieces)
    #expect(heard.files.count == 1)
    return heard.file()
}

@Suite struct `A file over SMB` {
    @Test(arguments: [1, 100, 1448], [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
    func `is what was read of it, in whatever order it came`(pieces: Int, order: [Int]) {
        let parts = [0..<4000, 4000..<4100, 4100..<10_000]
        let talk = opening() + reads(parts, answered: order) + closing
        let heard = Conversation(talk, port: 445, pieces: pieces)
        #expect(heard.files.count == 1)
        let file = heard.file()
        #expect(file["filename"] as? String == #"a\b.bin"#)
        #expect(file["size"] as? Int == 10_000)
        #expect(file["state"] as? String == "CLOSED")
        #expect(file["gaps"] as? Bool == false)
        #expect(file["sha256"] as? String == sha256(content))
        #expect(heard.files[0].record.sourcePort == 445, "it comes from the server")
        let event = heard.fileObjects[0]
        #expect(event["app_proto"] as? String == "smb")
        let object = event["smb"] as? [String: Any]
        #expect(object?["command"] as? String == "SMB2_COMMAND_READ")
        #expect(object?["status"] as? String == "STATUS_SUCCESS")
        #expect(object?["share"] as? String == #"\\srv\data"#)
        #expect(object?["fuid"] as? String == "04030201-0605-0807-0a09-0c0b100f0e0d")
    }

    @Test(arguments: [1, 100, 1448])
    func `is what was written to it`(pieces: Int) {
        let parts = [0..<6000, 6000..<10_000]
        let writes = parts.enumerated().map { number, part in
            Talk.client(
                netBIOS(Two.write(id: UInt64(10 + number), Array(content[part]), at: UInt64(part.lowerBound)))
            )
        }
        let heard = Conversation(opening(size: 0) + writes + closing, port: 445, pieces: pieces)
        #expect(heard.file()["sha256"] as? String == sha256(content))
        #expect(heard.files[0].record.destinationPort == 445)
    }

    @Test func `is the same when parts of it are read again`() {
        let talk =
            opening() + reads([0..<5000, 0..<7000, 2000..<3000, 6000..<10_000], answered: [0, 1, 2, 3])
        #expect(file(talk + closing)["sha256"] as? String == sha256(content))
    }

    @Test func `is truncated if its end was not read, or if it was not closed`() {
        let part = file(opening() + reads([0..<5000], answered: [0]) + closing)
        #expect(part["state"] as? String == "TRUNCATED")
        #expect(part["size"] as? Int == 5000)
        let open = file(opening() + reads([0..<10_000], answered: [0]))
        #expect(open["state"] as? String == "TRUNCATED")
    }

    @Test func `has a gap where a part was not read, or where bytes were lost`() {
        let missing = file(opening() + reads([0..<100, 200..<10_000], answered: [0, 1]) + closing)
        #expect(missing["gaps"] as? Bool == true)
        #expect(missing["size"] as? Int == 10_000)
        #expect(missing["state"] as? String == "TRUNCATED")
        let answer = netBIOS(Two.data(id: 10, content))
        let lost =
            opening() + reads([0..<10_000], answered: [])
            + [
                .server(Array(answer[..<4000])), .lost(3000, toResponder: false),
                .server(Array(answer[7000...])),
            ]
        let holed = file(lost + closing)
        #expect(holed["gaps"] as? Bool == true)
        #expect(holed["size"] as? Int == 10_000)
    }

    @Test func `waits for what is missing within bounds`() {
        // Every other kilobyte, from the end: nothing is next until the first one comes.
        var talk = opening(size: 1 << 40)
        for number in 0..<200 {
            let place = UInt64(400 - 2 * number) << 10
            talk.append(.client(netBIOS(Two.read(id: UInt64(10 + number), 1024, at: place))))
            talk.append(
                .server(netBIOS(Two.data(id: UInt64(10 + number), [UInt8](repeating: 1, count: 1024))))
            )
        }
        let file = file(talk + closing)
        #expect(file["gaps"] as? Bool == true)
        // A place near the end of 2^64 is no place.
        let far =
            opening() + [
                .client(netBIOS(Two.read(id: 10, 4, at: .max - 1))),
                .server(netBIOS(Two.data(id: 10, [1, 2, 3, 4]))),
            ]
        #expect(Conversation(far + closing, port: 445).files.isEmpty)
    }

    @Test func `is read in SMB 1 too`() {
        typealias One = SMB1Sample
        func read(_ id: UInt64, _ place: UInt64) -> [UInt8] {
            let words = [0xff, 0, 0, 0] + little(0x4001, 2) + little(place, 4) + little(0, 14)
            return One.message(0x2e, id: id, words: words, [])
        }
        func data(_ id: UInt64, _ bytes: [UInt8]) -> [UInt8] {
            let count = UInt64(bytes.count)
            let words = [0xff, 0] + little(0, 8) + little(count, 2) + little(59, 2) + little(0, 10)
            return One.message(0x2e, id: id, isAnswer: true, words: words, bytes)
        }
        let talk: [Talk] = [
            .client(netBIOS(One.negotiate(id: 1))), .server(netBIOS(One.negotiated(id: 1, dialect: 1))),
            .client(netBIOS(One.create(id: 2, "old.txt"))),
            .server(netBIOS(One.created(id: 2, file: 0x4001))), .client(netBIOS(read(3, 0))),
            .server(netBIOS(data(3, Array("hello ".utf8)))), .client(netBIOS(read(4, 6))),
            .server(netBIOS(data(4, Array("world, 27 bytes of it, yes!".utf8)))),
            .client(netBIOS(One.message(0x04, id: 5, words: little(0x4001, 2) + little(0, 4), []))),
        ]
        let file = file(talk, pieces: 40)
        #expect(file["filename"] as? String == "old.txt")
        #expect(file["sha256"] as? String == sha256(Array("hello world, 27 bytes of it, yes!".utf8)))
    }

    @Test func `stays JSON whatever the bytes are, and holds nothing when its flow is over`() {
        let talk = opening() + reads([4100..<10_000, 0..<4100], answered: [0, 1]) + closing
        damage(talk, rounds: 200, seed: 11, port: 445)
    }

    @Test func `survives every truncation`() {
        let answer = netBIOS(Two.data(id: 10, Array(content[..<300])))
        for count in 0..<answer.count {
            let talk =
                opening(size: 300) + reads([0..<300], answered: []) + [.server(Array(answer[..<count]))]
            _ = Conversation(talk + closing, port: 445).fileObjects
        }
    }
}
