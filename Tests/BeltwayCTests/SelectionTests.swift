// SPDX-License-Identifier: Apache-2.0
// One program in C publishes a selection, others read it: in C, and in Swift.
import BeltwayBuffers
import BeltwayTestSupport
import Foundation
import Testing

@Suite(
    .serialized,
    .enabled(if: Tree.isBuilt && Tree.compiler != nil, Tree.absence),
    .timeLimit(.minutes(3))
)
struct `A selection by a program in C` {
    /// Ordinals of checked packets, below a number, that are shorter than a length.
    private func chosen(below count: UInt64, shorterThan length: UInt64) -> [UInt64] {
        (0..<count).filter { 8 + $0 % 1_000 < length }
    }

    @Test func `is read by another one, packet by packet`() throws {
        let owner = try RingOwner()
        let select = try CProgram(Tree.examples + "/select.c")
        let writer = try select.start([owner.data, RingOwner.ring, "short", "100"])
        #expect(writer.waitFor("attached") && owner.waitForReaders(1))
        let reader = try select.start([owner.data, "short"])
        #expect(reader.waitFor("attached"))
        owner.append(checked: 0..<1_500)
        owner.end()
        let written = writer.wait()
        let read = reader.wait()
        let expected = chosen(below: 1_500, shorterThan: 100)
        #expect(written.status == 0 && written.errors.contains("selected \(expected.count) of 1500, lost 0"))
        #expect(
            read.status == 0 && read.errors.contains("printed \(expected.count) of \(expected.count), lost 0")
        )
        let lines = expected.map { "\(1_000_000_000 + $0) \(8 + $0 % 1_000) 0 3 \($0)" }
        #expect(read.output.split(separator: "\n").map(String.init) == lines)
    }

    @Test func `is read in Swift, from the packets' own ring`() throws {
        let owner = try RingOwner()
        let writer = try CProgram(Tree.examples + "/select.c").start([
            owner.data, RingOwner.ring, "short", "50",
        ])
        #expect(writer.waitFor("attached") && owner.waitForReaders(1))
        let attached = try AttachedRing("short", in: owner.data + "/run", as: "test")
        #expect(attached.ring.kind == .index && attached.map.known(3) != nil)
        var reader = try RingReader(attached.ring, as: EntryLayout.self)
        owner.append(checked: 0..<1_000)
        owner.end()
        #expect(writer.wait().status == 0)
        let expected = chosen(below: 1_000, shorterThan: 50)
        var found: [UInt64] = []
        while let entry = reader.nextEntry() {
            let buffer = try attached.map.buffer(entry.buffer)
            let descriptor = try #require(buffer.memory.descriptor(of: entry))
            found.append(buffer.memory.withPacket(descriptor) { $0.unsafeLoad(as: UInt64.self) })
        }
        #expect(found == expected && attached.owner == .ended)
    }

    @Test func `counts as lost what was overwritten before it was looked at`() throws {
        let owner = try RingOwner(capacity: 65_536)
        let select = try CProgram(Tree.examples + "/select.c")
        let writer = try select.start([owner.data, RingOwner.ring, "all", "9999"])
        #expect(writer.waitFor("attached") && owner.waitForReaders(1))
        let reader = try select.start([owner.data, "all"])
        #expect(reader.waitFor("attached"))
        reader.signal(SIGSTOP)
        // Ten times what the ring holds, in steps that the writer keeps up with.
        for start in stride(from: UInt64(0), to: 1_200, by: 20) {
            owner.append(checked: start..<start + 20)
            let end = ContinuousClock.now + .seconds(10)
            while owner.server.readers.first(where: { $0.status.name == "select" })?.status.lag ?? 0 > 0,
                ContinuousClock.now < end
            { usleep(1_000) }
        }
        owner.end()
        let written = writer.wait()
        reader.signal(SIGCONT)
        let read = reader.wait()
        #expect(
            written.status == 0 && written.errors.contains("selected 1200 of 1200, lost 0"),
            "\(written.errors)"
        )
        #expect(read.status == 0)
        let words = read.errors.split(whereSeparator: { " ,\n".contains($0) }).compactMap { UInt64($0) }
        try #require(words.count == 3, "\(read.errors)")
        #expect(words[1] == 1_200 && words[0] + words[2] == 1_200 && words[2] > 500, "\(read.errors)")
    }

    @Test func `gives no packets of an owner that does not let its reader in`() throws {
        guard geteuid() == 0, isInstalled("setpriv") else { try Test.cancel("needs root and setpriv") }
        let owner = try RingOwner()
        // The index's socket is for root and its group; nobody gets neither it nor, by it, the packets.
        let select = try CProgram(Tree.examples + "/select.c")
        let writer = try select.start([owner.data, RingOwner.ring, "short", "100"])
        #expect(writer.waitFor("attached"))
        let stranger = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        let read = try select.run([owner.data, "short"], under: stranger)
        #expect(read.status != 0, "\(read)")
        owner.end()
        #expect(writer.wait().status == 0)
    }
}

@Suite(
    .serialized,
    .enabled(if: Tree.isBuilt && Tree.compiler != nil, Tree.absence),
    .timeLimit(.minutes(4))
)
struct `A ring without packets` {
    @Test func `is read in C block by block, in slots`() throws { try check(SlotLayout.self, .slots) }

    @Test func `is read in C block by block, with markers, while it is resized`() throws {
        try check(MarkedLayout.self, .marked, resizing: .replacing)
    }

    private func check<Layout: BlockLayout>(
        _ layout: Layout.Type,
        _ kind: BufferKind,
        resizing: Resizing = .fixed
    ) throws {
        let owner = try RingOwner()
        let options = RingOptions(
            kind: kind,
            policy: .fastReader,
            capacity: 1 << 20,
            slotLength: 256,
            resizing: resizing
        )
        let ring = try Ring(name: "pipe", options: options)
        try owner.server.share(ring, policy: AccessPolicy(owner: geteuid(), group: getegid()))
        var producer = ring.makeProducer(layout)
        let reader = try CProgram(Tree.examples + "/select.c").start([owner.data, "pipe"])
        #expect(reader.waitFor("attached") && owner.waitForReaders(1))
        var expected: [String] = []
        for number in 0..<1_000 {
            if number == 300 { producer.resize(to: 1 << 19) }
            let block = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1 + number % 200)
            let isAppended = producer.append(block.span.bytes)
            #expect(isAppended)
            expected.append("0 \(block.count) 0 0 \(number)")
            if number % 100 == 99 { producer.publish() }
        }
        producer.close()
        let outcome = reader.wait()
        #expect(
            outcome.status == 0 && outcome.errors.contains("printed 1000 of 1000, lost 0"),
            "\(outcome.errors)"
        )
        #expect(outcome.output.split(separator: "\n").map(String.init) == expected)
    }
}
