// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Foundation

/// A classifier and a consumer: a ring that waits, and entries that point into it.
enum IndexBufferSchedule {
    static let records: UInt64 = 40_000

    static func run() throws {
        let ring = try DataBuffer(
            name: "test.0",
            number: 3,
            linkType: .ethernet,
            capacity: 32_768,
            policy: .blocking
        )
        let index = try IndexBuffer(name: "worker 1", capacity: 256, policy: .blocking)
        let consumer = Consumer(try RingHold(ring), IndexBufferReader(index))
        let crew = Crew()
        crew.start { consumer.run() }
        crew.start { classify(ring, index) }
        crew.join("index buffer")
        print("index buffer: \(consumer.used) entries used, \(consumer.torn) torn")
        check(consumer.used == records / 2 && consumer.torn == 0, "ledger of an index buffer")
    }

    /// Entries that point nowhere: no ring between the two threads that could order what the entries' own words do not.
    static func runAlone() throws {
        let index = try IndexBuffer(name: "worker 1", capacity: 64, policy: .blocking)
        let crew = Crew()
        let reader = EntryReader(IndexBufferReader(index))
        crew.start { reader.run() }
        crew.start {
            var entries = IndexBufferProducer(index)
            for ordinal in 0..<records {
                let entry = IndexEntry(
                    position: Position(ordinal),
                    flowHash: 0,
                    ordinal: UInt32(truncatingIfNeeded: ordinal),
                    length: 0,
                    buffer: 3,
                    interface: 0,
                    classification: .udp
                )
                while !entries.append(entry) {
                    entries.publish()
                    entries.waitForRoom()
                }
                if ordinal % 5 == 0 { entries.publish() }
            }
            entries.close()
        }
        crew.join("index buffer alone")
        print("index buffer alone: \(reader.used) entries used")
        check(reader.used == records && reader.wrong == 0, "ledger of an index buffer alone")
    }

    /// Every second packet is the consumer's.
    private static func classify(_ ring: DataBuffer, _ index: IndexBuffer) {
        var producer = ring.makeProducer()
        var entries = IndexBufferProducer(index)
        var words = [UInt64](repeating: 0, count: 8)

        func publish(_ producer: inout DataBufferProducer) {
            let batch = producer.publish()
            ring.memory.forEachPacket(in: batch) { descriptor, ordinal, _ in
                guard ordinal % 2 == 0 else { return }
                let entry = IndexEntry(
                    position: descriptor.position,
                    flowHash: 0,
                    ordinal: UInt32(truncatingIfNeeded: ordinal),
                    length: descriptor.capturedLength,
                    buffer: 3,
                    interface: 0,
                    classification: .udp
                )
                while !entries.append(entry) {
                    entries.publish()
                    entries.waitForRoom()
                }
            }
            entries.publish()
            ring.storeClassifiedThrough(batch.end, ordinal: batch.endOrdinal)
            entries.wakeConsumer()
        }

        for ordinal in 0..<records {
            fill(&words, ordinal)
            while !producer.append(
                words.span.bytes,
                time: Timestamp(nanoseconds: ordinal),
                originalLength: 64,
                interface: 0,
                flags: []
            ) {
                publish(&producer)
                producer.waitForRoom()
            }
            if ordinal % 13 == 0 { publish(&producer) }
        }
        publish(&producer)
        entries.close()
        producer.close()
    }
}

/// Uses the record that each entry names, and lets go of both.
private final class Consumer: @unchecked Sendable {
    private let hold: RingHold
    private var entries: IndexBufferReader
    private(set) var used: UInt64 = 0
    private(set) var torn = 0

    init(_ hold: consuming RingHold, _ entries: consuming IndexBufferReader) {
        self.hold = hold
        self.entries = entries
    }

    func run() {
        while !entries.isAtEnd {
            let through = hold.classifiedThrough
            guard let entry = entries.takeNext() else {
                hold.release(through: through.position, ordinal: through.ordinal)
                entries.wait(nanoseconds: 2_000_000)
                continue
            }
            let isSame = hold.buffer.memory.withBytes(
                at: entry.position,
                offset: RecordLayout.headerLength,
                length: Int(entry.length)
            ) { isWhole($0, UInt64(entry.ordinal)) }
            if !isSame { torn += 1 }
            used += 1
            hold.release(through: entry.position, ordinal: UInt64(entry.ordinal))
            if used % 16 == 0 { entries.release() }
        }
    }
}

/// Takes entries and looks at them.
private final class EntryReader: @unchecked Sendable {
    private var entries: IndexBufferReader
    private(set) var used: UInt64 = 0
    private(set) var wrong = 0

    init(_ entries: consuming IndexBufferReader) { self.entries = entries }

    func run() {
        while !entries.isAtEnd {
            guard let entry = entries.takeNext() else {
                entries.wait(nanoseconds: 2_000_000)
                continue
            }
            if entry.position.bytes != used || entry.ordinal != UInt32(truncatingIfNeeded: used) {
                wrong += 1
            }
            used += 1
            if used % 16 == 0 { entries.release() }
        }
    }
}
