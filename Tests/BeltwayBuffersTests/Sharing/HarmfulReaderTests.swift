// SPDX-License-Identifier: Apache-2.0
// Readers that are killed, stopped, or lie: nothing changes for the producer and the other readers.
import BeltwayTestSupport
import Foundation
import Synchronization
import Testing

@testable import BeltwayBuffers

@Suite(.serialized, .tags(.slow), .timeLimit(.minutes(3)))
struct `A harmful reader` {
    /// What it writes into the page that is its own.
    static func forge(_ cursor: ReaderCursor, _ kind: Int, _ random: inout RandomSource) {
        for offset in stride(from: 0, to: ReaderCursor.length, by: 8) {
            switch kind {
            case 0: cursor.store(offset - cursor.start, 0)
            case 1: cursor.store(offset - cursor.start, .max)
            default: cursor.store(offset - cursor.start, random.next())
            }
        }
    }

    @Test(arguments: [0, 1, 2])
    func `that forges its page changes nothing for the others`(kind: Int) throws {
        let shared = try SharedRingFixture(capacity: 4 << 20)
        let steady = try AttachedBuffer("test.0", in: shared.folder.path, as: "steady")
        let liar = try AttachedBuffer("test.0", in: shared.folder.path, as: "liar")
        let cursor = try #require(liar.buffer.coordination.cursor)
        let reading = SteadyReader(steady)
        let lying = TestThread {
            var random = RandomSource(seed: 7)
            for _ in 0..<2_000 {
                Self.forge(cursor, kind, &random)
                usleep(100)
            }
        }
        shared.write(batch: 20, pauseMicroseconds: 500)
        #expect(lying.join())
        for ledger in shared.server.readers {
            // Whatever it says of itself, no more is believed than was published.
            #expect(ledger.status.published == ledger.status.read + ledger.status.lost)
            #expect(ledger.status.published + ledger.status.lag <= shared.ring.memory.tailOrdinal)
        }
        shared.end()
        let outcome = try #require(reading.finish())
        #expect(outcome.isExact && outcome.lost == 0 && outcome.read == shared.packets, "\(outcome)")
    }

    @Test(arguments: [0, 1, 2])
    func `that forges its page while it is waited for holds nothing up for longer than the limit`(kind: Int)
        throws
    {
        var limits = SharingLimits()
        limits.patienceMilliseconds = 200
        let shared = try SharedRingFixture(
            ringPolicy: .blocking,
            capacity: 65_536,
            waits: true,
            limits: limits
        )
        let liar = try AttachedBuffer("test.0", in: shared.folder.path, as: "liar", holds: true)
        let steady = try AttachedBuffer("test.0", in: shared.folder.path, as: "steady", holds: true)
        let cursor = try #require(liar.buffer.coordination.cursor)
        let reading = SteadyReader(steady)
        var random = RandomSource(seed: 11)
        Self.forge(cursor, kind, &random)
        shared.write(batch: 100, pauseMicroseconds: 0)
        // Many times what the ring holds.
        #expect(eventually(seconds: 30) { shared.packets > 50_000 })
        shared.end()
        let outcome = try #require(reading.finish())
        #expect(outcome.isExact && outcome.lost == 0 && outcome.read == shared.packets, "\(outcome)")
    }

    /// A process that attaches and then does nothing.
    private func idleProcess(_ folder: String, holds: Bool) throws -> RunningProgram {
        let peer = try #require(builtProgram("beltway-peer"))
        return try RunningProgram([peer, "idle", folder, holds ? "holds" : "lets"])
    }

    private func pid(of name: String, _ server: BufferServer) -> Int32? {
        var found: Int32?
        _ = eventually(seconds: 30) {
            found = server.readers.first { $0.status.name == name }?.status.process
            return found != nil
        }
        return found
    }

    @Test func `that is killed while it is waited for is forgotten at once`() throws {
        var limits = SharingLimits()
        limits.patienceMilliseconds = 600_000
        let shared = try SharedRingFixture(
            ringPolicy: .blocking,
            capacity: 65_536,
            waits: true,
            limits: limits
        )
        let child = try idleProcess(shared.folder.path, holds: true)
        let victim = try #require(pid(of: "idle", shared.server))
        shared.write(batch: 100, pauseMicroseconds: 0)
        // The producer comes to wait for it: the ring is full.
        var last: UInt64 = .max
        #expect(
            eventually {
                defer { last = shared.packets }; usleep(50_000); return shared.packets == last
            }
        )
        #expect(kill(victim, SIGKILL) == 0)
        let stalled = shared.packets
        #expect(eventually { shared.packets > stalled + 5_000 })
        // The hold is gone before the list says so.
        #expect(eventually { shared.server.readers.isEmpty })
        shared.end()
        #expect(child.wait().status == 128 + SIGKILL)
    }

    @Test func `that is stopped while it is waited for loses its hold after the limit`() throws {
        var limits = SharingLimits()
        limits.patienceMilliseconds = 300
        let shared = try SharedRingFixture(
            ringPolicy: .blocking,
            capacity: 65_536,
            waits: true,
            limits: limits
        )
        let child = try idleProcess(shared.folder.path, holds: true)
        let victim = try #require(pid(of: "idle", shared.server))
        #expect(kill(victim, SIGSTOP) == 0)
        defer {
            kill(victim, SIGKILL)
            #expect(child.wait().status == 128 + SIGKILL)
        }
        let steady = try AttachedBuffer("test.0", in: shared.folder.path, as: "steady", holds: true)
        let reading = SteadyReader(steady)
        shared.write(batch: 100, pauseMicroseconds: 0)
        #expect(eventually(seconds: 30) { shared.packets > 50_000 })
        shared.end()
        let outcome = try #require(reading.finish())
        #expect(outcome.isExact && outcome.lost == 0 && outcome.read == shared.packets, "\(outcome)")
    }

    @Test func `that is stopped, or killed, is not noticed where nobody is waited for`() throws {
        let shared = try SharedRingFixture(capacity: 4 << 20)
        let child = try idleProcess(shared.folder.path, holds: false)
        let victim = try #require(pid(of: "idle", shared.server))
        let steady = try AttachedBuffer("test.0", in: shared.folder.path, as: "steady")
        let reading = SteadyReader(steady)
        shared.write(batch: 20, pauseMicroseconds: 500)
        #expect(kill(victim, SIGSTOP) == 0)
        #expect(eventually { shared.packets > 10_000 })
        let idle = try #require(shared.server.readers.first { $0.status.name == "idle" })
        #expect(idle.status.lag > 0 && idle.status.read == 0)
        #expect(kill(victim, SIGKILL) == 0)
        #expect(child.wait().status == 128 + SIGKILL)
        #expect(eventually { shared.server.readers.count == 1 })
        shared.end()
        let outcome = try #require(reading.finish())
        #expect(outcome.isExact && outcome.lost == 0 && outcome.read == shared.packets, "\(outcome)")
    }
}

@Suite(.serialized, .tags(.slow), .timeLimit(.minutes(4)))
struct `An owner that dies` {
    /// A process that owns a ring and writes it until it is killed.
    private func owner(_ folder: String, generation: UInt64) throws -> RunningProgram {
        let peer = try #require(builtProgram("beltway-peer"))
        return try RunningProgram([peer, "owner", folder, "\(generation)"])
    }

    private func attach(_ folder: String) -> AttachedBuffer? {
        var attached: AttachedBuffer?
        _ = eventually(seconds: 30) {
            attached = try? AttachedBuffer("test.0", in: folder, as: "reader")
            return attached != nil
        }
        return attached
    }

    @Test func `is noticed, what it wrote can be read on, and its successor is found`() throws {
        let folder = TemporaryFolder()
        let first = try owner(folder.path, generation: 41)
        let attached = try #require(attach(folder.path))
        var reader = try DescriptorReader(attached.buffer)
        #expect(attached.generation == 41 && attached.owner == .running)
        let beginning = reader.ordinal
        #expect(eventually { attached.buffer.memory.tailOrdinal > beginning + 100 })
        #expect(kill(attached.process, SIGKILL) == 0)
        #expect(first.wait().status == 128 + SIGKILL)
        #expect(attached.owner == .gone)
        var read = 0
        while let descriptor = reader.next() {
            let ordinal = reader.ordinal - 1
            let isWhole = try? reader.packet(descriptor) { CheckedPacket.isWhole($0, ordinal: ordinal) }
            #expect(isWhole != false)
            read += 1
        }
        #expect(read > 0)
        #expect(throws: SharingError.nobodyListens(path: folder / "test.0")) {
            _ = try attached.reconnected()
        }

        let second = try owner(folder.path, generation: 42)
        let again = try #require(attach(folder.path))
        let reconnected = try attached.reconnected()
        #expect(reconnected.generation == 42 && again.generation == 42 && reconnected.owner == .running)
        #expect(attached.owner == .gone && attached.generation == 41)
        kill(again.process, SIGKILL)
        #expect(second.wait().status == 128 + SIGKILL)
    }
}
