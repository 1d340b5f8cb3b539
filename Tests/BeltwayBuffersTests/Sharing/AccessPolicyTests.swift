// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

@testable import BeltwayBuffers

@Suite struct `A policy of access` {
    private func peer(_ user: UInt32, _ group: UInt32 = 50, groups: [UInt32] = [], process: Int32 = 9)
        -> PeerIdentity
    {
        PeerIdentity(process: process, user: user, group: group, groups: groups)
    }

    @Test(
        arguments: [
            (0o400, 10, 99, true), (0o400, 11, 20, false), (0o040, 11, 20, true), (0o040, 11, 21, false),
            (0o004, 11, 21, true), (0o440, 11, 21, false), (0o000, 10, 20, false), (0o777, 11, 21, true),
            // One class decides: what the others may does not help who is in it.
            (0o044, 10, 20, false), (0o404, 11, 20, false),
        ] as [(UInt16, UInt32, UInt32, Bool)]
    )
    func `reads its mode as a file's`(mode: UInt16, user: UInt32, group: UInt32, isAllowed: Bool) {
        let policy = AccessPolicy(owner: 10, group: 20, mode: mode)
        #expect(policy.allows(peer(user, group)) == isAllowed)
    }

    @Test func `counts supplementary groups`() {
        let policy = AccessPolicy(owner: 10, group: 20, mode: 0o040)
        #expect(policy.allows(peer(11, 50, groups: [1, 20])))
        #expect(!policy.allows(peer(11, 50, groups: [1, 21])))
    }

    @Test func `lets in whom its lists name, and the superuser`() {
        let policy = AccessPolicy(owner: 10, group: 20, mode: 0, users: [30], groups: [40], processes: [77])
        #expect(
            policy.allows(peer(30)) && policy.allows(peer(31, 40)) && policy.allows(peer(31, groups: [40]))
        )
        #expect(policy.allows(peer(31, process: 77)) && policy.allows(peer(0)))
        #expect(!policy.allows(peer(10, 20)) && !policy.allows(peer(31, 41, groups: [42], process: 78)))
    }

    @Test(arguments: [(0o440, 0o660), (0o400, 0o600), (0o444, 0o666), (0, 0)] as [(UInt16, UInt16)])
    func `gives its socket a mode that lets only those connect`(mode: UInt16, expected: UInt16) {
        #expect(AccessPolicy(owner: 1, group: 1, mode: mode).socketMode == expected)
        #expect(AccessPolicy(owner: 1, group: 1, mode: mode, users: [5]).socketMode == 0o666)
    }
}

/// Processes that run as nobody, at sockets of rings whose policies know them or do not.
@Suite(
    .serialized,
    .tags(.slow),
    .timeLimit(.minutes(4)),
    .enabled(if: geteuid() == 0, "Changing users needs root.")
)
struct `A process outside a policy` {
    @Test func `cannot even connect where the mode says so`() async throws {
        let shared = try SharedRingFixture()
        await #expect(processExitsWith: .success) { [folder = shared.folder.path as String] in
            try becomeNobody()
            do {
                _ = try AttachedBuffer("test.0", in: folder, as: "child")
                Issue.record("it was let in")
            } catch let error as SharingError {
                #expect(error == .system(call: "connect", path: folder + "/test.0", errno: EACCES))
                #expect(error.description.contains("Permission denied; its owner lets in"))
            }
        }
        #expect(shared.server.counters.accepted == 0)
    }

    @Test func `gets a clear refusal and no descriptor, whatever it asks`() async throws {
        // Somebody else is on the list, so that the socket itself lets everybody connect.
        let policy = AccessPolicy(owner: 0, group: 0, users: [12_345])
        let shared = try SharedRingFixture(policy: policy)
        await #expect(processExitsWith: .success) { [folder = shared.folder.path as String] in
            try becomeNobody()
            let requests: [SharingRequest] = [
                .hello(.init(name: "child")), .describe(first: 0), .buffer(number: 3),
            ]
            for request in requests {
                let peer = try RawPeer(folder, "test.0")
                peer.send(request.encoded(number: 5))
                let answer = try #require(peer.answer())
                #expect(answer.descriptors == 0)
                guard case .refusal(.notAllowed, let text) = answer.message else {
                    Issue.record("\(answer.message)")
                    continue
                }
                #expect(text.contains("user 65534 may not read ring test.0") && text.contains("group 0"))
            }
            #expect(throws: SharingError.self) { _ = try SharedBuffers.describe("test.0", in: folder) }
        }
        #expect(shared.server.counters.notAllowed == 4 && shared.server.counters.attached == 0)
    }

    @Test func `is let in by a supplementary group, by its user, or by its number`() async throws {
        let shared = try SharedRingFixture(
            policy: AccessPolicy(owner: 0, group: 0, mode: 0, groups: [23_456])
        )
        await #expect(processExitsWith: .success) { [folder = shared.folder.path as String] in
            try becomeNobody(groups: [1_000, 23_456])
            #expect(try AttachedBuffer("test.0", in: folder, as: "child").owner == .running)
        }
        await #expect(processExitsWith: .success) {
            let folder = TemporaryFolder()
            chmod(folder.path, 0o777)
            try becomeNobody()
            // It owns these rings itself, so that it knows its own number; owner and mode let nobody in.
            let server = try BufferServer(folder: folder.path)
            let rings = try ["mine.0", "mine.1", "mine.2"].map {
                try DataBuffer(
                    name: $0,
                    number: 0,
                    linkType: .ethernet,
                    capacity: 32_768,
                    policy: .fastReader
                )
            }
            let policies = [
                AccessPolicy(owner: 0, group: 0, mode: 0, processes: [getpid()]),
                AccessPolicy(owner: 0, group: 0, mode: 0, users: [65_534]),
                AccessPolicy(owner: 0, group: 0, mode: 0, processes: [1]),
            ]
            for (ring, policy) in zip(rings, policies) { try server.share(ring, policy: policy) }
            _ = try AttachedBuffer("mine.0", in: folder.path, as: "child")
            _ = try AttachedBuffer("mine.1", in: folder.path, as: "child")
            #expect(throws: SharingError.self) {
                _ = try AttachedBuffer("mine.2", in: folder.path, as: "child")
            }
        }
    }
}

/// Gives up all rights, for good.
func becomeNobody(groups: [gid_t] = []) throws {
    try #require(setgroups(groups.count, groups) == 0 && setgid(65_534) == 0 && setuid(65_534) == 0)
}

/// A peer that sends what it likes.
final class RawPeer {
    let socket: UnixSocket

    init(_ folder: String, _ name: String) throws {
        socket = try SocketFolder(folder).connect(name, milliseconds: 5_000)
    }

    @discardableResult
    func send(_ bytes: [UInt8], descriptors: [Int32] = []) -> Int32 {
        socket.send(bytes, descriptors: descriptors, waits: true)
    }

    /// What comes back; nil if the owner hangs up.
    func answer() -> (message: SharingAnswer, descriptors: Int)? {
        guard
            case .message(let bytes, let files) = socket.receive(limit: 65_536, descriptors: 253, waits: true),
            let (answer, _) = try? SharingAnswer.parse(bytes.span)
        else { return nil }
        return (answer, files.count)
    }
}
