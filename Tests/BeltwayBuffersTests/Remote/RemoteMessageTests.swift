// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayBuffers

@Suite struct `Messages of the protocol for remote rings` {
    private func bodies() throws -> [(String, [UInt8], ([UInt8]) throws -> Void)] {
        let buffer = try makeBuffer(32_768, .fastReader)
        var source = try RingSource(buffer, order: .little)
        var producer = buffer.makeProducer()
        _ = try producer.addInterface(named: "eth0")
        producer.produce(0..<12)
        var builder = try MessageBuilder()
        var found: [(String, [UInt8], ([UInt8]) throws -> Void)] = []
        func note(_ name: String, _ parse: @escaping ([UInt8]) throws -> Void) {
            builder.finish()
            let bytes = builder.store.withBytes(16, builder.end - 16) { span in
                (0..<span.byteCount).map { span.byte(at: $0) }
            }
            found.append((name, bytes, parse))
            builder.clear()
        }
        source.appendWelcome(to: &builder, rings: ["eth0.0", "eth0.1"])
        note("welcome") { _ = try RemoteRing(parsing: $0.span.bytes) }
        _ = source.appendInterfaces(to: &builder)
        note("interfaces") { _ = try InterfacesMessage.parse($0.span.bytes) }
        try source.appendBatch(to: &builder, count: 4, tag: 1)
        note("batch") { _ = try BatchHead(parsingBatch: $0.span.bytes) }
        _ = try source.appendRecords(to: &builder, bytes: 4_096)
        note("records") { _ = try RecordsMessage(parsing: $0.span.bytes) }
        found.append(("hello", Script.hello(), { _ = try HelloMessage(parsing: $0.span.bytes) }))
        found.append(
            ("wantBatch", Script.body((5, 4), (6, 4)), { _ = try WantBatchMessage(parsing: $0.span.bytes) })
        )
        found.append(
            (
                "wantBytes", Script.body((2, 4), (0, 4), (0, 8), (9, 4), (16, 8), (7, 4)),
                { _ = try WantBytesMessage.count(in: $0.span.bytes) }
            )
        )
        found.append(
            (
                "refusal", Script.body((3, 2), (2, 2)) + [65, 66],
                { _ = try RefusalMessage.parse($0.span.bytes) }
            )
        )
        return found
    }

    @Test func `are refused at every length but their own`() throws {
        for (name, bytes, parse) in try bodies() {
            #expect(throws: Never.self, "\(name)") { try parse(bytes) }
            for count in 0..<bytes.count {
                #expect(throws: MalformedMessage.self, "\(name), \(count) bytes") {
                    try parse(Array(bytes[..<count]))
                }
            }
            #expect(throws: MalformedMessage.self, "\(name), a byte more") { try parse(bytes + [0]) }
        }
    }

    @Test func `never trap, whatever is changed in them`() throws {
        for (name, bytes, parse) in try bodies() {
            for seed in 0..<UInt64(3_000) {
                var random = RandomSource(seed: seed)
                var changed = bytes
                for _ in 0..<Int.random(in: 1..<6, using: &random) {
                    changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(
                        in: 0...255,
                        using: &random
                    )
                }
                do { try parse(changed) } catch {
                    #expect(error is MalformedMessage, "\(name), seed \(seed)")
                }
            }
        }
    }

    @Test func `have a header that is refused unless a message can have it`() throws {
        func header(_ length: UInt64, _ type: UInt64) throws -> MessageHeader? {
            let bytes = Script.body((length, 4), (type << 24, 4), (3, 4), (0, 4))
            return try MessageHeader(parsing: bytes.span.bytes)
        }
        #expect(try header(16, 10)?.tag == 3)
        #expect(throws: MalformedMessage.length(15)) { try header(15, 10) }
        #expect(throws: MalformedMessage.length((1 << 20) + 1)) { try header((1 << 20) + 1, 10) }
        #expect(throws: MalformedMessage.unknownType(0)) { try header(16, 0) }
        #expect(throws: MalformedMessage.unknownType(14)) { try header(16, 14) }
        for count in 0..<16 {
            #expect(try MessageHeader(parsing: [UInt8](repeating: 0, count: count).span.bytes) == nil)
        }
    }
}
