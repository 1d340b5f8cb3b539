// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayCapture
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@Suite(
    .serialized,
    .enabled(if: NetworkNamespace.absence == nil, Comment(rawValue: NetworkNamespace.absence ?? ""))
)
struct `A packet socket` {
    /// Both directions of 256 flows, in turn.
    private func conversation(_ count: Int) -> [[UInt8]] {
        let frames: [[UInt8]] = (0..<512).map { index in
            let port = UInt16(10_000 + index / 2)
            let packet = PacketBuilder().ethernet()
            return index % 2 == 0
                ? packet.ipv4(from: "10.0.0.1", to: "10.0.0.2").tcp(from: port, to: 443).payload("to").bytes
                : packet.ipv4(from: "10.0.0.2", to: "10.0.0.1").tcp(from: 443, to: port).payload("fro").bytes
        }
        return (0..<count).map { frames[$0 % frames.count] }
    }

    private func pair() throws -> (NetworkNamespace, FrameSender) {
        let namespace = try NetworkNamespace()
        try namespace.addPair()
        return (namespace, try namespace.run { try FrameSender(interface: "sender0") })
    }

    @Test func `receives what was sent, every byte and in order, and drops nothing`() throws {
        let (namespace, sender) = try pair()
        let capture = try LiveCapture(namespace, interface: "capture0")
        let frames = conversation(20_000)
        let before = UInt64(Date().timeIntervalSince1970 * 1e9)
        let sent = sender.send(frames, perSecond: 50_000)
        let result = capture.finish()[0]
        let after = UInt64(Date().timeIntervalSince1970 * 1e9)
        #expect(result.end == .stopped)
        #expect(sent == frames.count)
        #expect(result.counts.received == UInt64(sent))
        #expect(result.counts.dropped == 0)
        #expect(result.counts.bytes == UInt64(frames.reduce(0) { $0 + $1.count }))
        #expect(result.stage.packets.map(\.bytes) == frames)
        #expect(result.stage.packets.allSatisfy { $0.time > before - 1_000_000_000 && $0.time < after })
        #expect(result.stage.packets.allSatisfy { $0.flags.contains(.inbound) })
        #expect(result.stage.opened == 1)
        #expect(result.stage.isFinished)
        #expect(result.buffer.interfaces == ["capture0"])
    }

    @Test func `shares packets between two queues, both directions of a flow in one`() throws {
        let (namespace, sender) = try pair()
        var options = PacketSocketOptions()
        options.queues = 2
        let capture = try LiveCapture(namespace, interface: "capture0", options)
        let sent = sender.send(conversation(20_000), perSecond: 50_000)
        let results = capture.finish()
        #expect(results.reduce(0) { $0 + $1.counts.received } == UInt64(sent))
        #expect(results.reduce(0) { $0 + $1.counts.dropped } == 0)
        #expect(results.allSatisfy { $0.counts.received > 2_000 })
        // The flow's client port is at 34 or 36, whichever is not 443.
        let flows = results.map { result in
            Set(
                result.stage.packets.map { packet in
                    let source = UInt16(packet.bytes[34]) << 8 | UInt16(packet.bytes[35])
                    return source == 443 ? UInt16(packet.bytes[36]) << 8 | UInt16(packet.bytes[37]) : source
                }
            )
        }
        #expect(flows[0].isDisjoint(with: flows[1]))
        #expect(flows[0].union(flows[1]).count == 256)
    }

    @Test func `puts the outer VLAN tag back where it was`() throws {
        let (namespace, sender) = try pair()
        let capture = try LiveCapture(namespace, interface: "capture0")
        let ip = { (packet: PacketBuilder) in
            packet.ipv4(from: "10.0.0.1", to: "10.0.0.2").udp().payload("tagged").bytes
        }
        let frames = [
            ip(PacketBuilder().ethernet().vlan(7, priority: 5)), ip(PacketBuilder().ethernet().vlan(0)),
            ip(PacketBuilder().ethernet().vlan(300, tpid: 0x88a8).vlan(42)), ip(PacketBuilder().ethernet()),
        ]
        for frame in frames { sender.send(frame) }
        capture.waitFor(frames.count)
        let result = capture.finish()[0]
        #expect(result.stage.packets.map(\.bytes) == frames)
        #expect(result.stage.packets.map(\.originalLength) == frames.map(\.count))
    }

    @Test func `marks what this host sends`() throws {
        let (namespace, _) = try pair()
        let capture = try LiveCapture(namespace, interface: "capture0")
        try namespace.run {
            _ = try FrameSender(interface: "capture0").send(
                PacketBuilder().ethernet().arp(from: "10.0.0.1", to: "10.0.0.2").bytes
            )
        }
        capture.waitFor(1)
        #expect(capture.finish()[0].stage.packets.map(\.flags.rawValue) == [RecordFlags.outbound.rawValue])
    }

    @Test func `lets in only what the kernel's filter keeps`() throws {
        let (namespace, sender) = try pair()
        var options = PacketSocketOptions()
        // ldh [12]; jeq #0x806, keep, drop; ret #262144; ret #0
        options.filter = [
            KernelInstruction(code: 0x28, operand: 12),
            KernelInstruction(code: 0x15, jumpTrue: 0, jumpFalse: 1, operand: 0x0806),
            KernelInstruction(code: 0x06, operand: 262_144), KernelInstruction(code: 0x06, operand: 0),
        ]
        let capture = try LiveCapture(namespace, interface: "capture0", options)
        let arp = PacketBuilder().ethernet().arp(from: "10.0.0.1", to: "10.0.0.2").bytes
        for frame in conversation(100) { sender.send(frame) }
        sender.send(arp)
        capture.waitFor(1)
        let result = capture.finish()[0]
        #expect(result.stage.packets.map(\.bytes) == [arp])
        #expect(result.counts.received == 1)
        #expect(result.counts.filtered == 0)
    }

    @Test func `leaves packets with a VLAN tag to the filter that sees the tag`() throws {
        let (namespace, sender) = try pair()
        var options = PacketSocketOptions()
        // Untagged ARP only.
        options.filter = [
            KernelInstruction(code: 0x28, operand: 12),
            KernelInstruction(code: 0x15, jumpTrue: 0, jumpFalse: 1, operand: 0x0806),
            KernelInstruction(code: 0x06, operand: 262_144), KernelInstruction(code: 0x06, operand: 0),
        ]
        options.letsTaggedPass = true
        let capture = try LiveCapture(namespace, interface: "capture0", options, tag: 7)
        let ip = { (packet: PacketBuilder) in packet.ipv4(from: "10.0.0.1", to: "10.0.0.2").udp().bytes }
        let arp = PacketBuilder().ethernet().arp(from: "10.0.0.1", to: "10.0.0.2").bytes
        let tagged = ip(PacketBuilder().ethernet().vlan(7))
        for frame in [ip(PacketBuilder().ethernet()), ip(PacketBuilder().ethernet().vlan(8)), tagged, arp] {
            sender.send(frame)
        }
        capture.waitFor(2)
        let result = capture.finish()[0]
        #expect(result.stage.packets.map(\.bytes) == [tagged, arp])
        #expect(result.counts.filtered == 1)
    }

    @Test func `goes on when its interface has been down`() throws {
        let (namespace, sender) = try pair()
        let capture = try LiveCapture(namespace, interface: "capture0")
        let frames = conversation(20)
        for frame in frames[..<10] { sender.send(frame) }
        capture.waitFor(10)
        try namespace.ip("link set capture0 down")
        usleep(100_000)
        try namespace.ip("link set capture0 up")
        usleep(50_000)
        for frame in frames[10...] { sender.send(frame) }
        capture.waitFor(20)
        let result = capture.finish()[0]
        #expect(result.end == .stopped)
        #expect(result.stage.packets.map(\.bytes) == frames)
    }

    @Test func `ends when its interface vanishes, after everything it had`() throws {
        let (namespace, sender) = try pair()
        let capture = try LiveCapture(namespace, interface: "capture0")
        for frame in conversation(10) { sender.send(frame) }
        usleep(50_000)
        try namespace.ip("link del capture0")
        let result = capture.finish(asking: false)[0]
        #expect(result.end == .interfaceVanished("capture0"))
        #expect(result.counts.received == 10)
        #expect(result.stage.isFinished)
    }

    @Test func `ends when its interface goes down and then vanishes`() throws {
        let (namespace, _) = try pair()
        let capture = try LiveCapture(namespace, interface: "capture0")
        try namespace.ip("link set capture0 down")
        usleep(50_000)
        try namespace.ip("link del capture0")
        #expect(capture.finish(asking: false)[0].end == .interfaceVanished("capture0"))
    }

    @Test func `waits for an interface that is down at first`() throws {
        let (namespace, sender) = try pair()
        try namespace.ip("link set capture0 down")
        let capture = try LiveCapture(namespace, interface: "capture0")
        usleep(50_000)
        try namespace.ip("link set capture0 up")
        usleep(50_000)
        for frame in conversation(10) { sender.send(frame) }
        capture.waitFor(10)
        #expect(capture.finish()[0].counts.received == 10)
    }

    @Test func `counts what the kernel drops while its stage is slow`() throws {
        let (namespace, sender) = try pair()
        let capture = try LiveCapture(namespace, interface: "capture0", ringBytes: 2 << 20, delay: 1_000_000)
        let large = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2").udp()
            .payload([UInt8](repeating: 7, count: 1_400)).bytes
        let sent = sender.send(Array(repeating: large, count: 6_000), perSecond: 60_000)
        let result = capture.finish()[0]
        #expect(result.counts.dropped > 0)
        #expect(result.counts.received + result.counts.dropped == UInt64(sent))
    }

    @Test func `says while nothing comes that nothing earlier will come`() throws {
        let (namespace, _) = try pair()
        let capture = try LiveCapture(namespace, interface: "capture0")
        let start = UInt64(Date().timeIntervalSince1970 * 1e9)
        usleep(300_000)
        let result = capture.finish()[0]
        let end = UInt64(Date().timeIntervalSince1970 * 1e9)
        #expect(result.stage.idleThrough.nanoseconds > start)
        #expect(result.stage.idleThrough.nanoseconds < end)
    }

    @Test func `gives a cooked header to what it sees on all interfaces`() throws {
        let (namespace, sender) = try pair()
        let capture = try LiveCapture(namespace, interface: "any")
        let frame = PacketBuilder().ethernet().vlan(9).ipv4(from: "10.0.0.1", to: "10.0.0.2").udp().payload(
            "x"
        ).bytes
        sender.send(frame)
        capture.waitFor(2)
        let result = capture.finish()[0]
        #expect(result.buffer.linkType == .linuxCooked)
        // Once as it leaves sender0, with its tag in the payload; once as it arrives, the tag put back.
        let arrived = result.stage.packets.filter { $0.flags.contains(.inbound) }
        #expect(arrived.count == 1)
        let expected: [UInt8] = [0x81, 0x00, 0x00, 0x09, 0x08, 0x00]
        #expect(arrived.first.map { Array($0.bytes[14..<20]) } == expected)
        #expect(arrived.first.map { Array($0.bytes[20...]) } == Array(frame[18...]))
        #expect(result.stage.packets.contains { $0.flags.contains(.outbound) && $0.bytes[1] == 4 })
    }

    @Test func `sees large segments whole, their checksums marked, and loopback once`() throws {
        let namespace = try NetworkNamespace()
        try namespace.ip("link set lo mtu 1500 up")
        let capture = try LiveCapture(namespace, interface: "lo")
        let length = 2_000_000
        try namespace.run { try sendOverLoopback(length) }
        usleep(50_000)
        let packets = capture.finish()[0].stage.packets
        let largest = packets.max { $0.bytes.count < $1.bytes.count }
        #expect((largest?.bytes.count ?? 0) > 30_000)
        #expect(packets.allSatisfy { $0.bytes.count == $0.originalLength })
        #expect(largest?.flags.contains(.checksumNotReady) == true)
        // Ethernet 14, IPv4 20, TCP's header as it says: each payload byte exactly once.
        let payload = packets.reduce(0) { $0 + $1.bytes.count - 34 - Int($1.bytes[46] >> 4) * 4 }
        #expect(payload == length)
    }

    @Test func `of an unknown interface names the known ones`() throws {
        let (namespace, _) = try pair()
        try namespace.run {
            #expect(throws: LiveCaptureError.unknownInterface("eth9", known: ["lo", "sender0", "capture0"])) {
                _ = try CaptureInterface(named: "eth9")
            }
            let loopback = try CaptureInterface(named: "lo")
            #expect(loopback.isLoopback)
        }
    }

    private func sendOverLoopback(_ length: Int) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try #require(bind(listener, $0, size) == 0 && listen(listener, 1) == 0)
                try #require(getsockname(listener, $0, &size) == 0)
                try #require(connect(client, $0, size) == 0)
            }
        }
        let server = accept(listener, nil, nil)
        let drained = DispatchSemaphore(value: 0)
        let thread = Thread {
            var sink = [UInt8](repeating: 0, count: 1 << 16)
            while read(server, &sink, sink.count) > 0 {}
            drained.signal()
        }
        thread.start()
        let data = [UInt8](repeating: 0x5a, count: length)
        try #require(data.withUnsafeBytes { write(client, $0.baseAddress, $0.count) } == length)
        close(client)
        drained.wait()
        close(server)
        close(listener)
    }
}

@Suite struct `An error of live capture` {
    @Test func `without permission gives the command that grants it`() {
        let error = LiveCaptureError.noPermission(interface: "eth0", program: "/usr/bin/beltway")
        #expect(
            error.description
                == "no permission to capture on eth0; "
                + "grant it: sudo setcap cap_net_raw,cap_net_admin+ep /usr/bin/beltway"
        )
    }

    @Test func `of a name says which names there are`() {
        let error = LiveCaptureError.unknownInterface("eth9", known: ["lo", "eth0"])
        #expect(error.description == "no interface eth9; there are: lo, eth0, any")
    }
}
