// SPDX-License-Identifier: Apache-2.0
// Rings of every kind behind a socket; the reader of the last test is a process of its own.
import BeltwayTestSupport
import Foundation
import Testing

@testable import BeltwayBuffers

@Suite(.serialized, .timeLimit(.minutes(4)))
struct `A ring of any kind behind a socket` {
    private let folder = TemporaryFolder()

    private func ring(
        _ kind: BufferKind,
        _ policy: BufferPolicy = .slowReader,
        resizing: Resizing = .fixed
    ) throws -> Ring {
        let options = RingOptions(
            kind: kind,
            policy: policy,
            capacity: 65_536,
            slotLength: 256,
            resizing: resizing,
            initialLength: resizing == .fixed ? nil : 8_192
        )
        return try Ring(name: "pipe", options: options, generation: 7)
    }

    @Test(arguments: [Resizing.fixed, .partial, .replacing])
    func `is read as it was written, in slots`(resizing: Resizing) throws {
        try check(SlotLayout.self, .slots, resizing)
    }

    @Test(arguments: [Resizing.fixed, .partial, .replacing])
    func `is read as it was written, with markers`(resizing: Resizing) throws {
        try check(MarkedLayout.self, .marked, resizing)
    }

    /// Blocks of many sizes through a ring that is resized on the way; its other end loses none.
    private func check<Layout: BlockLayout>(
        _ layout: Layout.Type,
        _ kind: BufferKind,
        _ resizing: Resizing
    ) throws {
        let ring = try ring(kind, resizing: resizing)
        let server = try BufferServer(folder: folder.path)
        try server.share(ring, policy: .forTests)
        var producer = ring.makeProducer(layout)
        let attached = try AttachedRing("pipe", in: folder.path, as: "reader")
        #expect(attached.generation == 7 && attached.ring.kind == kind && attached.owner == .running)
        var reader = try RingReader(attached.ring, as: layout)
        for number in 0..<2_000 {
            if resizing != .fixed, number % 500 == 250 {
                producer.resize(to: number % 1_000 == 250 ? 32_768 : 8_192)
            }
            let block = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1 + number % 200)
            let isAppended = producer.append(block.span.bytes)
            #expect(isAppended)
            producer.publish()
            let next = reader.next()
            let found = try #require(next)
            let bytes = reader.withBytes(of: found) { span in
                (0..<span.byteCount).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
            }
            let isWhole = reader.isWhole(found)
            #expect(isWhole && bytes == block)
            reader.release()
        }
        producer.close()
        let (read, published, isAtEnd) = (reader.read, reader.published, reader.isAtEnd)
        #expect(read == 2_000 && published == 2_000 && isAtEnd)
        #expect(attached.owner == .ended)
        let status = try #require(try attached.description().readers.first)
        #expect(status.read == 2_000 && status.lost == 0 && status.lagInBytes == 0)
        server.stop()
    }

    @Test(arguments: [Resizing.fixed, .partial, .replacing])
    func `is read as it was written, with headers out of band`(resizing: Resizing) throws {
        let options = RingOptions(
            kind: .described,
            policy: .slowReader,
            capacity: 65_536,
            resizing: resizing,
            initialLength: resizing == .fixed ? nil : 8_192
        )
        let ring = try DescribedRing(name: "pipe", options: options, generation: 7)
        let server = try BufferServer(folder: folder.path)
        try server.share(ring, policy: .forTests)
        var producer = ring.makeProducer()
        #expect(throws: SharingError.self) { try AttachedRing("pipe", in: folder.path, as: "reader") }
        let attached = try AttachedDescribedRing("pipe", in: folder.path, as: "reader")
        #expect(attached.generation == 7 && attached.owner == .running)
        var reader = try DescribedReader(attached.ring)
        for number in 0..<2_000 {
            if resizing != .fixed, number % 500 == 250 {
                producer.resize(to: number % 1_000 == 250 ? 32_768 : 8_192)
            }
            let block = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1 + number % 200)
            let isAppended = producer.append(block.span.bytes)
            #expect(isAppended)
            producer.publish()
            let next = reader.nextBlock(atMost: .max)
            let found = try #require(next)
            let isRight = reader.withBytes(of: found) { span in
                span.byteCount == block.count
                    && (0..<block.count).allSatisfy {
                        span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == block[$0]
                    }
            }
            let isWhole = reader.isWhole(found)
            #expect(isWhole && isRight)
            reader.release()
        }
        let status = try #require(try attached.description().readers.first)
        #expect(status.read == 2_000 && status.lost == 0 && status.lagInBytes == 0)
        producer.close()
        let (read, published, isAtEnd) = (reader.read, reader.published, reader.isAtEnd)
        #expect(read == 2_000 && published == 2_000 && isAtEnd)
        #expect(attached.owner == .ended)
        server.stop()
    }

    @Test func `is not taken for a ring of packets, nor one of packets for it`() throws {
        let shared = try SharedRingFixture()
        let server = try BufferServer(folder: folder.path)
        try server.share(ring(.stream), policy: .forTests)
        #expect(throws: SharingError.self) { try AttachedBuffer("pipe", in: folder.path, as: "reader") }
        #expect(throws: SharingError.self) {
            try AttachedRing("test.0", in: shared.folder.path, as: "reader")
        }
        server.stop()
    }

    @Test func `gives no area that it does not have`() throws {
        let server = try BufferServer(folder: folder.path)
        try server.share(ring(.stream), policy: .forTests)
        let attached = try AttachedRing("pipe", in: folder.path, as: "reader")
        #expect(attached.ring.area(1, length: 65_536) == nil)
        #expect(attached.ring.area(.max, length: 65_536) == nil)
        #expect(attached.owner == .running)
        server.stop()
    }

    @Test func `names buffers of other owners, who are asked for them`() throws {
        let shared = try SharedRingFixture(generation: 5)
        var packets = shared.ring.makeProducer()
        var words: [UInt64] = []
        // An analyzer attaches to the packets and publishes its selection of them.
        let attached = try AttachedBuffer("test.0", in: shared.folder.path, as: "analyzer")
        let index = try Ring(name: "selection", options: RingOptions(kind: .index, capacity: 65_536))
        let server = try BufferServer(folder: shared.folder.path)
        try server.share(index, naming: [attached.buffer], policy: .forTests)
        var entries = index.makeProducer(EntryLayout.self)
        // Somebody else reads the selection.
        let selection = try AttachedRing("selection", in: shared.folder.path, as: "reader")
        var reader = try RingReader(selection.ring, as: EntryLayout.self)
        #expect(selection.map.known(3) != nil, "mapped when it attached")
        for ordinal in 0..<100 {
            let isAppended = packets.append(checked: UInt64(ordinal), &words)
            #expect(isAppended)
        }
        packets.publish()
        for ordinal in stride(from: UInt64(0), to: 100, by: 3) {
            let descriptor = shared.ring.memory.descriptor(at: ordinal)
            let entry = IndexEntry(
                position: descriptor.position,
                flowHash: 0,
                ordinal: UInt32(ordinal),
                length: descriptor.recordLength,
                buffer: 3,
                interface: 0,
                classification: .udp
            )
            let isAppended = entries.append(entry)
            #expect(isAppended)
        }
        entries.publish()
        var found = 0
        while let entry = reader.nextEntry() {
            let buffer = try selection.map.buffer(entry.buffer)
            #expect(buffer !== shared.ring)
            let descriptor = try #require(buffer.memory.descriptor(of: entry))
            let isWhole = buffer.memory.withPacket(descriptor) {
                CheckedPacket.isWhole($0, ordinal: UInt64(entry.ordinal))
            }
            #expect(isWhole)
            found += 1
        }
        #expect(found == 34)
        server.stop()
    }

    @Test func `names no run of an owner but the one that it indexed`() throws {
        let shared = try SharedRingFixture(generation: 5)
        let attached = try AttachedBuffer("test.0", in: shared.folder.path, as: "analyzer")
        let index = try Ring(name: "selection", options: RingOptions(kind: .index, capacity: 65_536))
        let server = try BufferServer(folder: shared.folder.path)
        try server.share(index, naming: [attached.buffer], policy: .forTests)
        shared.server.withdraw("test.0")
        let anew = try DataBuffer(
            name: "test.0",
            number: 3,
            linkType: .ethernet,
            capacity: 262_144,
            policy: .fastReader,
            generation: 6
        )
        try shared.server.share(anew, policy: .forTests)
        let selection = try AttachedRing("selection", in: shared.folder.path, as: "reader")
        #expect(selection.map.known(3) == nil)
        #expect(throws: SharingError.self) { try selection.map.buffer(3) }
        server.stop()
    }
}
