// SPDX-License-Identifier: Apache-2.0
// Programs in C read a ring of the tests' own process, and must come to what was put into it.
import BeltwayTestSupport
import Foundation
import Testing

@Suite(
    .serialized,
    .enabled(if: Tree.isBuilt && Tree.compiler != nil, Tree.absence),
    .timeLimit(.minutes(3))
)
struct `A program in C` {
    @Test func `counts packets and bytes by protocol as they were published`() throws {
        let owner = try RingOwner()
        let program = try CProgram(Tree.examples + "/protocols.c").start([owner.data, RingOwner.ring])
        #expect(program.waitFor("attached") && owner.waitForReaders(1))
        #expect(owner.server.readers.first?.status.name == "protocols")
        var expected: [String: (packets: Int, bytes: Int)] = [:]
        for number in 0..<2_000 {
            let text = String(repeating: "x", count: number % 300)
            let (name, packet): (String, PacketBuilder) =
                switch number % 7 {
                case 0: ("udp", PacketBuilder().ethernet().ipv4().udp().payload(text))
                case 1: ("udp", PacketBuilder().ethernet().vlan(7).ipv6().udp().payload(text))
                case 2: ("icmp", PacketBuilder().ethernet().ipv4().icmp().payload(text))
                case 3: ("icmp", PacketBuilder().ethernet().ipv6().icmpv6().payload(text))
                case 4: ("other", PacketBuilder().ethernet().arp(from: "10.0.0.1", to: "10.0.0.2"))
                default: ("tcp", PacketBuilder().ethernet().ipv4().tcp().payload(text))
                }
            owner.append(packet.bytes)
            expected[name, default: (0, 0)].packets += 1
            expected[name, default: (0, 0)].bytes += packet.bytes.count
            if number % 100 == 99 { owner.publish() }
        }
        owner.end()
        let outcome = program.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        for (name, count) in expected {
            #expect(outcome.output.contains("\(name) \(count.packets) packets \(count.bytes) bytes\n"))
        }
        #expect(outcome.output.contains("published 2000 read 2000 lost 0\n"), "\(outcome.output)")
    }

    @Test(arguments: ["next", "batch", "read", "peek"])
    func `reads every packet as it was written`(way: String) throws {
        let owner = try RingOwner()
        let program = try CProgram(Tree.programs + "/checked.c").start([
            owner.data, RingOwner.ring, way, "0", "9999",
        ])
        #expect(program.waitFor("attached") && owner.waitForReaders(1))
        owner.append(checked: 0..<1_500)
        owner.end()
        let outcome = program.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let ledger = try #require(outcome.ledgers.first)
        #expect(
            ledger == [
                "ended": 1, "generation": 1, "published": 1_500, "read": 1_500, "lost": 0, "torn": 0,
            ]
        )
    }

    @Test(arguments: ["next", "batch", "read", "peek"])
    func `that is overtaken all the time gets whole packets, and counts every other`(way: String) throws {
        let owner = try RingOwner(capacity: 65_536)
        let program = try CProgram(Tree.programs + "/checked.c").start([
            owner.data, RingOwner.ring, way, "200", "9999999",
        ])
        #expect(program.waitFor("attached") && owner.waitForReaders(1))
        let count: UInt64 = 400_000
        for start in stride(from: 0, to: count, by: 50) { owner.append(checked: start..<start + 50) }
        owner.end()
        let outcome = program.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let ledger = try #require(outcome.ledgers.first)
        #expect(ledger["torn"] == 0 && ledger["published"] == count, "\(ledger)")
        let (read, lost) = (ledger["read"] ?? 0, ledger["lost"] ?? 0)
        #expect(read + lost == count && read > 0 && lost > 0, "\(ledger)")
    }

    @Test func `follows a producer that ends and starts again`() throws {
        let folder = TemporaryFolder()
        let checked = try CProgram(Tree.programs + "/checked.c")
        let program: RunningCProgram
        do {
            let first = try RingOwner(in: folder, generation: 41)
            program = try checked.start([first.data, RingOwner.ring, "follow", "0", "1000"])
            #expect(program.waitFor("attached") && first.waitForReaders(1))
            first.append(checked: 0..<100)
            first.end()
            #expect(program.waitFor("waiting"))
        }
        let second = try RingOwner(in: folder, generation: 42)
        #expect(program.waitFor("reconnected") && second.waitForReaders(1))
        second.append(checked: 0..<1_000)
        let outcome = program.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        try #require(outcome.ledgers.count == 2)
        #expect(outcome.ledgers[0]["generation"] == 41 && outcome.ledgers[0]["read"] == 100)
        #expect(outcome.ledgers[1]["generation"] == 42 && outcome.ledgers[1]["read"] == 1_000)
        #expect(outcome.ledgers.allSatisfy { $0["lost"] == 0 && $0["torn"] == 0 })
    }

    @Test func `learns that the owner hung up without an end`() throws {
        let owner = try RingOwner()
        let program = try CProgram(Tree.examples + "/protocols.c").start([owner.data, RingOwner.ring])
        #expect(program.waitFor("attached") && owner.waitForReaders(1))
        owner.append(checked: 0..<10)
        owner.server.withdraw(RingOwner.ring)
        let outcome = program.wait()
        #expect(outcome.errors.contains("has gone without an end"))
        #expect(outcome.output.contains("published 10 read 10 lost 0\n"), "\(outcome.output)")
    }

    @Test func `gets an error, and goes on, whatever it calls wrongly`() throws {
        let owner = try RingOwner()
        let outcome = try CProgram(Tree.programs + "/misuse.c").run([owner.data, RingOwner.ring])
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    @Test func `that writes to a packet is ended by the system, and changes nothing`() throws {
        let owner = try RingOwner()
        let program = try CProgram(Tree.programs + "/writes.c").start([owner.data, RingOwner.ring])
        #expect(program.waitFor("attached") && owner.waitForReaders(1))
        owner.append(checked: 0..<1)
        let outcome = program.wait()
        #expect(outcome.status == 128 + SIGSEGV && outcome.errors.contains("writing"), "\(outcome)")
        let bytes = owner.buffer.memory.withBytes(at: .zero, offset: 28, length: 8) {
            $0.unsafeLoad(as: UInt64.self)
        }
        #expect(bytes == 0)
    }

    @Test func `leaves nothing behind when it attaches and detaches a thousand times`() throws {
        let owner = try RingOwner()
        owner.append(checked: 0..<100)
        let outcome = try CProgram(Tree.programs + "/leaks.c").run(
            [owner.data, RingOwner.ring, "1000"],
            seconds: 120
        )
        #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
        #expect(owner.waitForReaders(0))
    }

    @Test(.enabled(if: isInstalled("valgrind"), "valgrind is not installed"))
    func `reads nothing that it may not, and loses no memory, by Valgrind's account`() throws {
        let owner = try RingOwner()
        let tool = [
            "valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full",
            "--errors-for-leak-kinds=definite",
        ]
        let program = try CProgram(Tree.examples + "/protocols.c", flags: ["-g"])
            .start([owner.data, RingOwner.ring], under: tool)
        #expect(program.waitFor("attached", seconds: 60) && owner.waitForReaders(1))
        owner.append(checked: 0..<500)
        owner.end()
        let outcome = program.wait(seconds: 120)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("published 500 read 500 lost 0\n"))
    }

    @Test func `keeps to its memory, by AddressSanitizer's account`() throws {
        let owner = try RingOwner()
        let flags = ["-fsanitize=address", "-g"]
        guard let program = try? CProgram(Tree.programs + "/checked.c", flags: flags) else {
            try Test.cancel("the C compiler has no AddressSanitizer")
        }
        let running = try program.start([owner.data, RingOwner.ring, "batch", "0", "9999"])
        #expect(running.waitFor("attached") && owner.waitForReaders(1))
        owner.append(checked: 0..<1_000)
        owner.end()
        let outcome = running.wait()
        #expect(outcome.status == 0 && outcome.ledgers.first?["read"] == 1_000, "\(outcome)")
    }
}
