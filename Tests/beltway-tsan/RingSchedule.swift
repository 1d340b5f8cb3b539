// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import Foundation

/// Rings of every kind whose readers are protected, of fixed size and resized all the time.
enum RingSchedule {
    static let blocks: UInt64 = 20_000

    static func run() throws {
        for resizing in [Resizing.fixed, .partial, .replacing] {
            try run(SlotLayout.self, .slots, resizing)
            try run(MarkedLayout.self, .marked, resizing)
            try run(StreamLayout.self, .stream, resizing)
            try run(EntryLayout.self, .index, resizing)
        }
    }

    private static func run<Layout: BlockLayout>(
        _ layout: Layout.Type,
        _ kind: BufferKind,
        _ resizing: Resizing
    ) throws {
        let ring = try Ring(
            name: "tsan",
            options: RingOptions(
                kind: kind,
                policy: .blocking,
                capacity: 32_768,
                slotLength: 128,
                resizing: resizing
            )
        )
        let crew = Crew()
        let readers = [
            BlockWalker(try RingReader(ring, as: layout), 0),
            BlockWalker(try RingReader(ring, as: layout), 500),
        ]
        for reader in readers { crew.start { reader.run() } }
        crew.start { produce(layout, into: ring) }
        crew.join("ring of \(kind), \(resizing)")
        let expected = blocks * (kind == .stream ? 32 : 1)
        check(
            readers.allSatisfy { $0.isRight(expected) },
            "ledger of a ring of \(kind), \(resizing): \(readers.map(\.ledger))"
        )
        print("ring of \(kind), \(resizing): \(readers[0].ledger)")
    }

    private static func produce<Layout: BlockLayout>(_ layout: Layout.Type, into ring: Ring) {
        var producer = ring.makeProducer(layout)
        var words = [UInt64](repeating: 0, count: 4)
        for number in 0..<blocks {
            for index in words.indices { words[index] = number * 4 + UInt64(index) }
            while !producer.append(words.span.bytes) {
                producer.publish()
                producer.waitForRoom()
            }
            if number % 7 == 0 { producer.publish() }
            if ring.resizing != .fixed, number % 300 == 0 {
                producer.resize(to: 4096 << Int(number / 300 % 4))
            }
        }
        producer.close()
    }
}

/// Reads every block: words that count on.
private final class BlockWalker<Layout: BlockLayout>: @unchecked Sendable {
    private var reader: RingReader<Layout>
    private let pause: UInt64
    private var wrong = 0

    init(_ reader: consuming RingReader<Layout>, _ pause: UInt64) {
        self.reader = reader
        self.pause = pause
    }

    var ledger: String { "\(reader.read) read, \(reader.lost) lost, \(wrong) wrong" }
    func isRight(_ expected: UInt64) -> Bool { wrong == 0 && reader.lost == 0 && reader.read == expected }

    func run() {
        var turns: UInt64 = 0
        while true {
            guard let block = reader.next() else {
                if reader.isAtEnd { return }
                reader.wait(nanoseconds: 2_000_000)
                continue
            }
            let first = block.length == 32 && Layout.count(32) == 1 ? block.ordinal * 4 : block.ordinal / 8
            let isRight = reader.withBytes(of: block) { bytes in
                (0..<bytes.byteCount / 8).allSatisfy {
                    bytes.unsafeLoadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) == first &+ UInt64($0)
                }
            }
            if !isRight { wrong += 1 }
            turns += 1
            if turns % 16 == 0 { reader.release() }
            if pause > 0, turns % pause == 0 { usleep(20) }
        }
    }
}
