// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import BeltwayBuffers

/// What both ends of a socket parse; every length, every truncation, seeded mutations.
@Suite struct `A message between a reader and an owner` {
    static let requests: [SharingRequest] = [
        .hello(.init(name: "tap")), .hello(.init(name: "", holds: true)),
        .hello(.init(name: String(repeating: "n", count: 72))), .buffer(number: 0), .buffer(number: .max),
        .describe(first: 0), .describe(first: .max), .area(0), .area(.max),
        .area(3, of: 9), .area(0, of: SharingRequest.ownHeaders), .hello(.init(name: "x", follows: true)),
    ]

    static var answers: [SharingAnswer] {
        let entry = SharedBufferEntry(
            kind: 4,
            policy: 1,
            number: 7,
            linkType: 1,
            capacity: 1 << 26,
            name: "eth0.0",
            areas: [.data, .control, .cursor],
            generation: 98
        )
        var ring = RingDescription(
            name: "eth0.0",
            number: 7,
            kind: 4,
            policy: 1,
            linkType: 1,
            generation: .max,
            process: 4711,
            capacity: 1 << 26,
            tail: 123,
            packets: 45,
            dropped: 3,
            isClosed: true,
            access: "rr- 0:0",
            counters: SharingCounters(),
            readerCount: 2,
            readers: [
                ReaderStatus(name: "tap", process: 1, user: 2, since: 3, published: 9, read: 8, lost: 1)
            ]
        )
        ring.counters.malformed = 6
        var other = entry
        other.areas = [.data]
        var elsewhere = entry
        elsewhere.areas = []
        return [
            .attachment(SharedAttachment(generation: 99, process: 12, buffers: [entry])),
            .attachment(SharedAttachment(generation: 99, process: -1, buffers: [entry, other, elsewhere])),
            .refusal(.notAllowed, "no"), .refusal(.other, ""), .description(ring),
        ]
    }

    @Test(arguments: requests)
    func `asks what it was made to ask`(request: SharingRequest) throws {
        let bytes = request.encoded(number: 17)
        #expect(bytes.count <= SharingMessage.greatestRequestLength)
        let (found, number) = try SharingRequest.parse(bytes.span)
        #expect(found == request && number == 17)
    }

    @Test(arguments: answers)
    func `answers what it was made to answer`(answer: SharingAnswer) throws {
        let (found, number) = try SharingAnswer.parse(answer.encoded(number: .max).span)
        #expect(found == answer && number == .max)
    }

    @Test func `carries as many buffers and readers as its limits say, in one answer`() throws {
        guard case .attachment(var attachment) = Self.answers[0],
            case .description(var ring) = Self.answers[4]
        else {
            return
        }
        attachment.buffers[0].name = String(repeating: "x", count: SharingMessage.greatestNameLength)
        attachment.buffers = Array(
            repeating: attachment.buffers[0],
            count: SharingMessage.greatestBufferCount
        )
        let bytes = SharingAnswer.attachment(attachment).encoded(number: 1)
        #expect(bytes.count <= SharingMessage.greatestAnswerLength)
        #expect(try SharingAnswer.parse(bytes.span).0 == .attachment(attachment))
        ring.readers[0].name = String(repeating: "x", count: SharingMessage.greatestNameLength)
        ring.readers = Array(repeating: ring.readers[0], count: RingDescription.greatestReaderCount)
        let whole = SharingAnswer.description(ring).encoded(number: 1)
        #expect(whole.count <= SharingMessage.greatestAnswerLength)
        #expect(try SharingAnswer.parse(whole.span).0 == .description(ring))
    }

    @Test func `is refused at every length but its own`() {
        for bytes in Self.requests.map({ $0.encoded(number: 1) }) {
            for length in 0..<bytes.count {
                let cut = Array(bytes[..<length])
                #expect(throws: MessageError.self) { _ = try SharingRequest.parse(cut.span) }
                #expect(throws: MessageError.self) { _ = try SharingRequest.parse(lengthened(cut).span) }
            }
            #expect(throws: MessageError.self) { _ = try SharingRequest.parse(lengthened(bytes + [0]).span) }
        }
        for bytes in Self.answers.map({ $0.encoded(number: 1) }) {
            for length in 0..<bytes.count {
                let cut = Array(bytes[..<length])
                #expect(throws: MessageError.self) { _ = try SharingAnswer.parse(cut.span) }
                #expect(throws: MessageError.self) { _ = try SharingAnswer.parse(lengthened(cut).span) }
            }
            #expect(throws: MessageError.self) { _ = try SharingAnswer.parse(lengthened(bytes + [0]).span) }
        }
    }

    @Test func `names the version that it does not speak`() {
        var bytes = SharingRequest.hello(.init(name: "tap")).encoded(number: 1)
        bytes[4] = 1
        #expect(throws: MessageError.version(1)) { _ = try SharingRequest.parse(bytes.span) }
    }

    @Test func `gives no control character of a peer to a terminal`() throws {
        let bytes = SharingRequest.hello(.init(name: "a\u{1b}[2J\nb")).encoded(number: 1)
        guard case .hello(let hello) = try SharingRequest.parse(bytes.span).0 else { return }
        #expect(hello.name == "a?[2J?b")
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func `never traps and never believes a count, whatever is changed in it`(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var parsed = 0
        for _ in 0..<20_000 {
            let isRequest = random.oneIn(2)
            var bytes =
                isRequest
                ? Self.requests[Int.random(in: 0..<Self.requests.count, using: &random)].encoded(number: 1)
                : Self.answers[Int.random(in: 0..<Self.answers.count, using: &random)].encoded(number: 1)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                // The head is mostly left alone, so that what lies behind it is reached.
                let from = random.oneIn(4) ? 0 : min(16, bytes.count - 1)
                bytes[Int.random(in: from..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255,
                    using: &random
                )
            }
            if random.oneIn(4) {
                bytes = lengthened(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))))
            }
            if let (request, _) = try? SharingRequest.parse(bytes.span) {
                parsed += 1
                #expect(
                    request.encoded(number: 1).count <= SharingMessage.greatestRequestLength,
                    "seed \(seed)"
                )
            }
            if let (answer, _) = try? SharingAnswer.parse(bytes.span) {
                parsed += 1
                if case .attachment(let attachment) = answer {
                    #expect(
                        (1...SharingMessage.greatestBufferCount).contains(attachment.buffers.count),
                        "seed \(seed)"
                    )
                }
            }
        }
        #expect(parsed > 100, "seed \(seed): the mutations reach behind the head")
    }

    /// The bytes with a head that says their length, if they have one.
    private func lengthened(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for index in 0..<4 where bytes.count > 8 + index {
            bytes[8 + index] = UInt8(truncatingIfNeeded: bytes.count >> (8 * index))
        }
        return bytes
    }
}
