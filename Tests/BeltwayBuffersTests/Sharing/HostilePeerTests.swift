// SPDX-License-Identifier: Apache-2.0
// Peers that send rubbish, or nothing, or too much: after each of them the server serves, and the producer has not
// noticed.
import BeltwayTestSupport
import Foundation
import Testing

@testable import BeltwayBuffers

@Suite(.serialized, .tags(.slow), .timeLimit(.minutes(4)))
struct `A server of buffers` {
    /// Attaches as anybody would, and sees that it works.
    private func attachProperly(_ shared: SharedRingFixture) throws {
        let attached = try AttachedBuffer("test.0", in: shared.folder.path, as: "proper")
        #expect(attached.owner == .running && attached.buffer.number == 3)
    }

    @Test(arguments: [UInt64(1), 2])
    func `refuses rubbish, counts it and goes on`(seed: UInt64) throws {
        let shared = try SharedRingFixture()
        var random = RandomSource(seed: seed)
        let hello = SharingRequest.hello(.init(name: "tap")).encoded(number: 1)
        for round in 0..<400 {
            var bytes = hello
            switch round % 4 {
            case 0:
                bytes = (0..<Int.random(in: 1...600, using: &random)).map { _ in
                    .random(in: 0...255, using: &random)
                }
            case 1: bytes = Array(hello.prefix(Int.random(in: 1..<hello.count, using: &random)))
            case 2: bytes[Int.random(in: 0..<16, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            default: bytes += [0]
            }
            let peer = try RawPeer(shared.folder.path, "test.0")
            peer.send(bytes)
            // A changed request number, or a change that makes it another request, is no rubbish.
            let answer = peer.answer()
            if case .attachment = answer?.message { #expect(round % 4 == 2, "seed \(seed)") }
        }
        #expect(shared.server.counters.malformed > 250, "seed \(seed): \(shared.server.counters)")
        try attachProperly(shared)
        #expect(eventually { shared.server.readers.isEmpty })
    }

    @Test func `tells a peer of another version which one it speaks`() throws {
        let shared = try SharedRingFixture()
        var bytes = SharingRequest.hello(.init(name: "tap")).encoded(number: 1)
        bytes[4] = 9
        let peer = try RawPeer(shared.folder.path, "test.0")
        peer.send(bytes)
        #expect(
            peer.answer()?.message == .refusal(.version, "it speaks version 5 of the protocol, not 9")
        )
    }

    @Test func `waits for a hello only so long, and for so many`() throws {
        var limits = SharingLimits()
        limits.helloMilliseconds = 400
        limits.silentConnections = 16
        let shared = try SharedRingFixture(limits: limits)
        let silent = try (0..<40).map { _ in try RawPeer(shared.folder.path, "test.0") }
        try attachProperly(shared)
        #expect(eventually { silent.allSatisfy(\.socket.isHungUp) })
        let counters = shared.server.counters
        #expect(counters.tooMany >= 24 && counters.tooLate > 0, "\(counters)")
        #expect(counters.tooMany + counters.tooLate == 40, "\(counters)")
        try attachProperly(shared)
    }

    @Test func `serves so many connections, and says so to the next`() throws {
        var limits = SharingLimits()
        limits.connections = 8
        let shared = try SharedRingFixture(limits: limits)
        let readers = try (0..<8).map {
            try AttachedBuffer("test.0", in: shared.folder.path, as: "reader \($0)")
        }
        do {
            try attachProperly(shared)
            Issue.record("one too many was let in")
        } catch let error as SharingError {
            guard case .refused(.tooMany, _) = error else { throw error }
        }
        withExtendedLifetime(readers) {}
    }

    @Test func `lets no peer that is refused anyway end the connection of one that is not`() throws {
        var limits = SharingLimits()
        limits.connections = 2
        limits.silentConnections = 8
        limits.helloMilliseconds = 30_000
        let shared = try SharedRingFixture(limits: limits)
        let reader = try AttachedBuffer("test.0", in: shared.folder.path, as: "reader")
        let quiet = try RawPeer(shared.folder.path, "test.0")
        #expect(eventually { shared.server.counters.accepted == 2 })
        // From here on everybody is one too many, and says nothing.
        let refused = try (0..<40).map { _ in try RawPeer(shared.folder.path, "test.0") }
        #expect(eventually { shared.server.counters.accepted == 42 })
        #expect(!quiet.socket.isHungUp)
        quiet.send(SharingRequest.hello(.init(name: "quiet")).encoded(number: 1))
        guard case .attachment = quiet.answer()?.message else {
            Issue.record("the quiet one was given up")
            return
        }
        #expect(eventually { refused.count(where: \.socket.isHungUp) >= 32 })
        // Those that had to go were told why.
        #expect(
            refused[0].answer()?.message
                == .refusal(.tooMany, "too many connections; 2 are served at one time")
        )
        withExtendedLifetime(reader) {}
    }

    /// In a process of its own, whose descriptors nobody else opens and closes.
    @Test func `takes no descriptor from anybody`() async {
        await #expect(processExitsWith: .success) {
            let shared = try SharedRingFixture()
            let before = openDescriptors()
            let hello = SharingRequest.hello(.init(name: "tap")).encoded(number: 1)
            for _ in 0..<50 {
                let peer = try RawPeer(shared.folder.path, "test.0")
                peer.send(hello, descriptors: [0, 1, 2, 0, 1, 2])
                #expect(peer.answer()?.descriptors == 3)
            }
            #expect(eventually { shared.server.readers.isEmpty && openDescriptors() <= before + 2 })
        }
    }

    @Test func `gives up a peer that asks and does not listen`() throws {
        let shared = try SharedRingFixture()
        let peer = try RawPeer(shared.folder.path, "test.0")
        peer.send(SharingRequest.hello(.init(name: "deaf")).encoded(number: 1))
        var sent = 0
        while sent < 100_000, peer.send(SharingRequest.buffer(number: 3).encoded(number: 2)) == 0 {
            sent += 1
        }
        #expect(sent < 100_000)
        #expect(eventually { shared.server.readers.isEmpty && shared.server.counters.notTaken == 1 })
        try attachProperly(shared)
    }

    @Test func `lets a thousand readers come and go, and nobody else notices`() async {
        await #expect(processExitsWith: .success) {
            let shared = try SharedRingFixture(capacity: 4 << 20)
            let steady = try AttachedBuffer("test.0", in: shared.folder.path, as: "steady")
            let reading = SteadyReader(steady)
            shared.write(batch: 20, pauseMicroseconds: 500)
            let before = openDescriptors()
            for number in 0..<1_000 {
                let attached = try AttachedBuffer("test.0", in: shared.folder.path, as: "passing \(number)")
                #expect(attached.generation == 1)
            }
            #expect(eventually { shared.server.readers.count == 1 })
            // The producer lets go of the last pages when it looks at the list again.
            #expect(eventually { openDescriptors() <= before + 2 })
            shared.end()
            let outcome = try #require(reading.finish())
            #expect(outcome.isExact && outcome.lost == 0 && outcome.read == shared.packets, "\(outcome)")
            #expect(shared.server.counters.attached == 1_001)
        }
    }

    @Test func `takes over from a server that died, but not from one that lives`() throws {
        let shared = try SharedRingFixture()
        let folder = shared.folder.path
        let other = try BufferServer(folder: folder)
        let ring = try makeBuffer(32_768, .fastReader)
        #expect(throws: SharingError.alreadyServed(path: folder + "/test.0")) {
            try other.share(ring, policy: .forTests)
        }
        // A socket at which nobody listens any more.
        do { _ = try SocketFolder(folder).listen("stale.0", .forTests, backlog: 1) }
        #expect(try SharedBuffers.names(in: folder) == ["stale.0", "test.0"])
        BufferServer.removeStaleSockets(in: folder)
        #expect(try SharedBuffers.names(in: folder) == ["test.0"])
        try shared.folder.write("text", to: "plain.0")
        let plain = try DataBuffer(
            name: "plain.0",
            number: 0,
            linkType: .ethernet,
            capacity: 32_768,
            policy: .fastReader
        )
        #expect(throws: SharingError.notASocket(path: folder + "/plain.0")) {
            try other.share(plain, policy: .forTests)
        }
        shared.server.stop()
        #expect(try SharedBuffers.names(in: folder) == [])
        #expect(throws: SharingError.nobodyListens(path: folder + "/test.0")) {
            _ = try AttachedBuffer("test.0", in: folder, as: "late")
        }
    }

    @Test func `is found however long its folder's path is`() throws {
        let folder = TemporaryFolder()
        let deep = folder / (0..<12).map { _ in String(repeating: "d", count: 30) }.joined(separator: "/")
        try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
        let server = try BufferServer(folder: deep)
        let ring = try makeBuffer(32_768, .fastReader)
        try server.share(ring, policy: .forTests)
        #expect(try AttachedBuffer("test.0", in: deep, as: "reader").buffer.number == 3)
        server.stop()
        #expect(try SharedBuffers.names(in: deep) == [])
    }

    @Test(arguments: ["", ".", "..", "a/b", ".hidden", "with space", String(repeating: "n", count: 73)])
    func `refuses a name that could lead elsewhere`(name: String) throws {
        let folder = TemporaryFolder()
        #expect(throws: SharingError.invalidName(name)) {
            _ = try AttachedBuffer(name, in: folder.path, as: "x")
        }
    }

    @Test func `hands over buffers that entries name on first use, once, by each one's own policy`() throws {
        let shared = try SharedRingFixture()
        let second = try DataBuffer(
            name: "b.0",
            number: 9,
            linkType: .raw,
            capacity: 65_536,
            policy: .fastReader
        )
        try shared.server.share(second, policy: .forTests)
        let attached = try AttachedBuffer("test.0", in: shared.folder.path, as: "reader")
        var cache = BufferCache(attached.map)
        let (own, found, again) = try (cache.buffer(3), cache.buffer(9), attached.map.buffer(9))
        #expect(own === attached.buffer && found === again)
        #expect(found.linkType == .raw && found.geometry.capacity == 65_536 && found.name == "b.0")
        do {
            _ = try cache.buffer(8)
            Issue.record("there is no buffer 8")
        } catch {
            #expect(error == .refused(.unknownBuffer, "no buffer is called 8"))
        }
        #expect(attached.owner == .running)
    }
}

/// How many descriptors this process has open.
func openDescriptors() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
}
