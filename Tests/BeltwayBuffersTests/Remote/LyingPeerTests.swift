// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayBuffers

@Suite struct `A reader of a server that lies` {
    private let welcome = message(2, Script.welcome())

    @Test func `is told that it does not answer`() throws {
        #expect(try scripted([], hangsUp: false).error == .timedOut("welcome of the server", seconds: 1))
        #expect(try scripted([[]]).error == .closed)
    }

    @Test(arguments: RemoteStrategy.allCases)
    func `is told that it fell silent, though a half message came`(strategy: RemoteStrategy) throws {
        let outcome = try scripted([welcome + [0, 0, 1]], strategy: strategy, hangsUp: false)
        #expect(outcome.error == .timedOut("sign of life of the server", seconds: 1))
        #expect(outcome.seen?.published == 0)
    }

    @Test func `refuses what is no welcome`() throws {
        func error(_ bytes: [UInt8]) throws -> RemoteError? { try scripted([bytes]).error }
        #expect(try error(message(2, Script.welcome(version: 9))) == .malformed(.version(9)))
        #expect(try error(message(2, Script.welcome(order: 3))) == .malformed(.value("the byte order", 3)))
        #expect(try error(message(2, Array("HTTP/1.1 400 Bad Request".utf8))) == .malformed(.notBeltway))
        #expect(
            try error(message(2, Script.welcome(capacity: 1 << 50)))
                == .malformed(.value("the ring's capacity", 1 << 50))
        )
        #expect(
            try error(message(2, Script.welcome(capacity: 33_000)))
                == .malformed(.value("the ring's capacity", 33_000))
        )
        #expect(try error(message(5)) == .malformed(.unexpected(type: 5)))
        #expect(try error(message(77)) == .malformed(.unknownType(77)))
        #expect(try error(message(2, length: 15)) == .malformed(.length(15)))
        #expect(try error(message(2, length: 1 << 30)) == .malformed(.length(1 << 30)))
        #expect(try error(message(12, Script.body((2, 2), (0, 2)))) == .refused(.tooManyClients, ""))
        #expect(
            try error(message(12, Script.body((99, 2), (0, 2))))
                == .malformed(.value("the reason of a refusal", 99))
        )
        #expect(
            try error(message(12, Script.body((3, 2), (3, 2)) + [0x1b, 0x5b, 0x41]))
                == .refused(.badRequest, "?[A")
        )
    }

    @Test func `believes no batch that cannot be`() throws {
        let whole = Script.descriptor(position: 0, captured: 64, length: 96)
        let cases: [([UInt8], MalformedMessage)] = [
            (Script.batch(first: 0, tail: 1, count: 2_000), .value("records of a batch", 2_000)),
            (Script.batch(first: 0, tail: 0, count: 1, descriptors: whole), .value("the tail's ordinal", 0)),
            (
                Script.batch(first: 0, tail: 2, count: 2, descriptors: whole),
                .size(type: 5, expected: 104, found: 72)
            ),
            (
                Script.batch(
                    first: 0,
                    tail: 1,
                    count: 1,
                    descriptors: Script.descriptor(position: 4_080, captured: 64, length: 96)
                ), .value("the place of a record", 4_080)
            ),
            (
                Script.batch(
                    first: 0,
                    tail: 1,
                    count: 1,
                    descriptors: Script.descriptor(position: 0, captured: 1 << 20, length: 1 << 21)
                ), .value("the place of a record", 0)
            ),
            (
                Script.batch(
                    first: 0,
                    tail: 1,
                    count: 1,
                    descriptors: Script.descriptor(position: 0, captured: 128, length: 96)
                ), .value("the place of a record", 0)
            ),
            (
                Script.batch(first: 0, tail: 2, count: 2, descriptors: whole + whole),
                .value("the place of a record", 0)
            ),
            (
                Script.batch(
                    first: 0,
                    tail: 1,
                    count: 1,
                    descriptors: Script.descriptor(position: 1 << 21, captured: 64, length: 96)
                ), .value("the end of a record", (1 << 21) + 96)
            ),
        ]
        for (body, expected) in cases {
            let outcome = try scripted([welcome, message(5, tag: 1, body)])
            #expect(outcome.error == .malformed(expected))
        }
        // Nobody asked for these.
        #expect(
            try scripted([welcome, message(5, tag: 9, Script.batch(first: 0, tail: 0, count: 0))]).error
                == .malformed(.unexpected(type: 5))
        )
        #expect(try scripted([welcome, message(7, tag: 2)]).error == .malformed(.unexpected(type: 7)))
    }

    @Test func `takes no more bytes than it asked for`() throws {
        let batch = message(
            5,
            tag: 1,
            Script.batch(
                first: 0,
                tail: 1,
                count: 1,
                descriptors: Script.descriptor(position: 0, captured: 64, length: 96)
            )
        )
        func answer(_ body: [UInt8]) throws -> RemoteError? {
            try scripted([welcome, batch, [], message(7, tag: 3, body)]).error
        }
        // It asked for one range: the first two blocks, 128 bytes.
        let tooLong = Script.body((0, 4), (1, 4), (0, 4), (200, 4)) + [UInt8](repeating: 1, count: 200)
        #expect(try answer(tooLong) == .malformed(.value("the length of a range", 200)))
        let many = Script.body((0, 4), (9, 4))
        #expect(try answer(many) == .malformed(.value("the first range of an answer", 0)))
        let short = Script.body((0, 4), (1, 4), (0, 4), (100, 4)) + [1, 2, 3]
        #expect(try answer(short) == .malformed(.size(type: 7, expected: 116, found: 19)))
        let lapped = Script.body((0, 4), (1, 4), (129, 4), (0, 4))
        #expect(try answer(lapped) == .malformed(.value("the length of a range", 0)))
    }

    @Test(arguments: RemoteStrategy.allCases)
    func `ends without a wrong count, whatever is damaged on the way`(strategy: RemoteStrategy) throws {
        for seed in 0..<UInt64(60) {
            let buffer = try makeBuffer(65_536, .fastReader)
            let pair = try MemoryChannel.pair()
            var held: (Held<MemoryChannel>, Serving)?
            var limits = RemoteServerLimits()
            limits.idleSeconds = 2
            pair.split { held = (Held($0), Serving($1, [buffer], limits: limits)) }
            let (client, serving) = try #require(held)
            let channel = DamagingChannel(try client.take(), seed: seed)
            var consumer = Reading()
            consumer.before = {
                var producer = buffer.makeProducer()
                producer.produce(0..<60)
                producer.close()
            }
            var options = RemoteReaderOptions()
            options.silenceSeconds = 1
            options.helloSeconds = 1
            if let seen = try? strategy.open(channel, options, &consumer) {
                #expect(seen.published == seen.read + seen.lost, "seed \(seed)")
            }
            #expect(serving.report() != nil, "seed \(seed)")
        }
    }
}

@Suite struct `A server of clients that lie` {
    /// Sends bytes to a session and tells how it ended, and what it answered.
    private func serve(_ bytes: [UInt8], hangsUp: Bool = false) throws -> (
        RemoteSessionReport, answer: [UInt8]
    ) {
        var limits = RemoteServerLimits()
        (limits.helloSeconds, limits.idleSeconds, limits.sendSeconds) = (1, 1, 1)
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        producer.produce(0..<20)
        let (client, serving) = try serveInMemory(buffer, limits: limits)
        var channel = try client.take()
        try channel.send(bytes.span.bytes, nanoseconds: 1_000_000_000)
        var answer: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        if !hangsUp {
            while true {
                var whole = room.mutableSpan
                var span = whole.mutableBytes
                guard let count = try? channel.receive(into: &span, nanoseconds: 4_000_000_000), count > 0
                else {
                    break
                }
                answer += room[..<count]
            }
        }
        discard(channel)
        return (try #require(serving.report()), answer)
    }

    private func discard(_ channel: consuming MemoryChannel) {}

    private func asked(_ type: UInt8, _ body: [UInt8] = []) -> [UInt8] {
        message(1, Script.hello()) + message(type, tag: 5, body)
    }

    @Test func `hangs up on who says nothing, or too little`() throws {
        #expect(try serve([]).0.error == .timedOut("hello", seconds: 1))
        #expect(try serve([0, 0, 0, 40, 1]).0.error == .timedOut("hello", seconds: 1))
        let (report, answer) = try serve(message(1, Script.hello()) + [0, 0])
        #expect(report.error == .timedOut("message of the client", seconds: 1))
        #expect(answer.suffix(4) == [0, 4, 0, 0])  // refused: idle
        #expect(try serve(message(1, Script.hello()), hangsUp: true).0.error == .closed)
    }

    @Test func `refuses what is no message, and says so`() throws {
        for (bytes, expected) in [
            (Array("GET / HTTP/1.1\r\n\r\n".utf8), MalformedMessage.length(0x4745_5420)),
            (message(1, Array("SSH-2.0-OpenSSH_9.2".utf8)), .notBeltway),
            (message(6), .unexpected(type: 6)),
            (asked(2), .unexpected(type: 2)),
            (asked(1, Script.hello()), .unexpected(type: 1)),
            (asked(4, Script.body((0, 4), (0, 4))), .value("records of a batch", 0)),
            (asked(4, Script.body((9_999, 4), (0, 4))), .value("records of a batch", 9_999)),
            (asked(4, Script.body((1, 4), (1 << 31, 4))), .value("milliseconds to wait", 1 << 31)),
            (asked(4, [1]), .size(type: 4, expected: 4, found: 1)),
            (asked(6, Script.body((0, 4), (0, 4))), .value("the number of ranges", 0)),
            (asked(6, Script.body((1 << 20, 4), (0, 4))), .value("the number of ranges", 1 << 20)),
            (asked(6, Script.body((2, 4), (0, 4), (0, 8), (64, 4))), .size(type: 6, expected: 28, found: 20)),
            (asked(6, Script.body((1, 4), (0, 4), (0, 8), (0, 4))), .value("the length of a range", 0)),
            (
                asked(6, Script.body((1, 4), (0, 4), (0, 8), (1 << 30, 4))),
                .value("the length of a range", 1 << 30)
            ),
            (
                asked(6, Script.body((1, 4), (0, 4), (1 << 63, 8), (64, 4))),
                .value("a position", 1 << 63)
            ),
            (
                asked(6, Script.body((1, 4), (0, 4), (32_760, 8), (64, 4))),
                .value("a range that crosses the ring's end", 32_760)
            ),
        ] {
            let (report, answer) = try serve(bytes)
            #expect(report.error == .malformed(expected))
            // The last message is the refusal: bad request, with the reason in words.
            let text = Array("\(expected)".utf8)
            #expect(answer.suffix(text.count) == text[...])
        }
    }

    @Test func `serves no byte that was not published`() throws {
        // 20 packets are published; what lies beyond the tail does not leave, nor does it hang the server.
        let beyond = asked(6, Script.body((1, 4), (0, 4), (30_000, 8), (2_000, 4)))
        let (report, answer) = try serve(beyond)
        #expect(report.error == .timedOut("message of the client", seconds: 1))
        let found = answer.firstRange(of: [7, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
        let range = try #require(found)
        #expect(answer[range.upperBound..<range.upperBound + 8] == [0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func `answers a flood of requests one by one, in the memory that it has`() throws {
        var flood = message(1, Script.hello())
        let ranges =
            Script.body((1_024, 4), (0, 4))
            + Array(repeating: Script.body((0, 8), (4_000, 4)), count: 1_024).joined()
        for _ in 0..<60 { flood += message(6, tag: 5, ranges) }
        let (report, answer) = try serve(flood)
        #expect(report.error == .timedOut("message of the client", seconds: 1))
        #expect(answer.count > 60 * 1_024 * 4_000)
    }

    @Test func `gives up on a client that asks and does not read`() throws {
        var limits = RemoteServerLimits()
        (limits.idleSeconds, limits.sendSeconds) = (1, 1)
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        producer.produce(0..<20)
        let (client, serving) = try serveInMemory(buffer, limits: limits)
        var channel = try client.take()
        var flood = message(1, Script.hello())
        let ranges =
            Script.body((1_000, 4), (0, 4))
            + Array(repeating: Script.body((0, 8), (4_000, 4)), count: 1_000).joined()
        for _ in 0..<10 { flood += message(6, tag: 5, ranges) }
        try channel.send(flood.span.bytes, nanoseconds: 1_000_000_000)
        #expect(serving.report()?.error == .timedOut("room to send", seconds: 1))
        discard(channel)
    }

    @Test func `goes on serving others while requests are damaged on the way`() throws {
        for seed in 0..<UInt64(60) {
            let buffer = try makeBuffer(65_536, .fastReader)
            var limits = RemoteServerLimits()
            (limits.helloSeconds, limits.idleSeconds) = (1, 1)
            let pair = try MemoryChannel.pair()
            var held: (Held<MemoryChannel>, Serving)?
            pair.split {
                held = (Held($0), Serving(DamagingChannel($1, seed: seed), [buffer], limits: limits))
            }
            let (client, serving) = try #require(held)
            var consumer = Reading()
            consumer.before = {
                var producer = buffer.makeProducer()
                producer.produce(0..<60)
                producer.close()
            }
            var options = RemoteReaderOptions()
            (options.silenceSeconds, options.helloSeconds) = (1, 1)
            let strategy = RemoteStrategy.allCases[Int(seed % 4)]
            if let seen = try? strategy.open(try client.take(), options, &consumer) {
                #expect(seen.published == seen.read + seen.lost, "seed \(seed)")
            }
            let report = try #require(serving.report(), "seed \(seed)")
            #expect(report.read + report.lost <= 60, "seed \(seed)")
        }
    }
}
