// SPDX-License-Identifier: Apache-2.0
// Readers in processes of their own, by the socket. The child of an exit test is the reader.
import BeltwayBuffers
import BeltwayTestSupport
import Foundation
import Testing

@Suite(.serialized, .tags(.slow), .timeLimit(.minutes(4)))
struct `A reader in another process` {
    @Test func `attaches by the ring's socket, reads whole packets and counts what it lost`() async throws {
        let shared = try SharedRingFixture()
        shared.write()
        await #expect(processExitsWith: .success) { [folder = shared.folder.path as String] in
            let attached = try AttachedBuffer("test.0", in: folder, as: "child")
            #expect(attached.process == getppid() && attached.owner == .running)
            #expect(attached.buffer.linkType.rawValue == 1 && attached.buffer.name == "test.0")
            let outcome = try readToEnd(attached, limit: 200_000)
            #expect(outcome.isExact && outcome.read == 200_000, "\(outcome)")
            let own = try #require(try attached.description().readers.first)
            #expect(own.process == getpid() && own.name == "child" && own.user == geteuid())
            #expect(own.read == outcome.read && own.lost == outcome.lost)
            #expect(own.published == outcome.published)
        }
        #expect(eventually { shared.server.readers.isEmpty })
        let ledger = try #require(shared.server.ledgers.first)
        #expect(ledger.status.published == ledger.status.read + ledger.status.lost)
        #expect(ledger.status.read == 200_000 && !ledger.isAttached)
    }

    @Test func `learns that the producer has ended`() async throws {
        let shared = try SharedRingFixture()
        shared.write()
        let ender = TestThread {
            _ = eventually { shared.server.readers.count == 1 }
            shared.end()
        }
        await #expect(processExitsWith: .success) { [folder = shared.folder.path as String] in
            let attached = try AttachedBuffer("test.0", in: folder, as: "child")
            let outcome = try readToEnd(attached)
            #expect(outcome.isExact, "\(outcome)")
            #expect(attached.owner == .ended)
        }
        #expect(ender.join())
    }
}
