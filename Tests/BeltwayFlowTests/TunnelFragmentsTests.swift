// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@testable import BeltwayFlow

@Suite struct `Fragments that may carry tunnels` {
    /// The fragments of an IPv4 packet behind Ethernet, each with so many bytes of payload.
    private func pieces(_ packet: [UInt8], of length: Int, number: UInt16 = 1) -> [[UInt8]] {
        let (link, header, payload) = (packet[..<14], packet[14..<34], Array(packet[34...]))
        return stride(from: 0, to: payload.count, by: length).map { start in
            let part = payload[start..<min(start + length, payload.count)]
            var head = Array(header)
            let field = start >> 3 | (start + length < payload.count ? 0x2000 : 0)
            let total = 20 + part.count
            head.replaceSubrange(
                2..<8,
                with: [total >> 8, total & 255, Int(number >> 8), Int(number & 255), field >> 8, field & 255]
                    .map { UInt8($0) }
            )
            return link + head + part
        }
    }

    private static let inside = PacketBuilder().ipv4(from: "192.168.0.1", to: "192.168.0.2").udp(to: 53)
        .payload("a question of some length, so that it needs pieces")
    private static let gre = PacketBuilder().ethernet().ipv4(ipProtocol: 47).payload([0, 0, 8, 0])
        .ipv4(from: "192.168.0.1", to: "192.168.0.2").udp(to: 53).payload("a question of some length").bytes
    private static let gtp: [UInt8] = {
        let bytes = inside.bytes
        let head: [UInt8] = [0x30, 255, UInt8(bytes.count >> 8), UInt8(bytes.count & 255), 0, 0, 0, 7]
        return PacketBuilder().ethernet().ipv4().udp(from: 2152, to: 2152).payload(head + bytes).bytes
    }()
    private static let plain = PacketBuilder().ethernet().ipv4().udp(from: 40_000, to: 9)
        .payload([UInt8](repeating: 7, count: 200)).bytes

    private func take(
        _ frames: [[UInt8]],
        _ tunnels: inout TunnelFragments,
        found: (FragmentedDatagram) -> Void = { _ in }
    ) {
        for (ordinal, bytes) in frames.enumerated() {
            var headers = PacketHeaders()
            PacketDecoder.decode(bytes.span.bytes, linkType: .ethernet, into: &headers)
            guard headers.isFragment else { continue }
            let frame = FragmentFrame(
                headers: headers,
                hash: 1,
                time: Timestamp(nanoseconds: UInt64(ordinal) * 1000),
                originalLength: UInt32(bytes.count),
                ordinal: UInt64(ordinal),
                buffer: 0,
                interface: 0
            )
            tunnels.take(frame, packet: bytes.span.bytes)
            while let datagram = tunnels.next() { found(datagram) }
        }
    }

    @Test(arguments: [8, 16, 24, 48], [false, true])
    func `give the packet inside, in whatever order they come`(length: Int, isReversed: Bool) {
        for (packet, kind) in [(Self.gre, TunnelKind.gre), (Self.gtp, .gtp)] {
            var tunnels = TunnelFragments()
            var found: [FragmentedDatagram] = []
            let frames = pieces(packet, of: length)
            take(isReversed ? frames.reversed() : frames, &tunnels) { found.append($0) }
            #expect(found.count == 1)
            guard let datagram = found.first else { continue }
            #expect(datagram.headers.tunnelKind == kind && datagram.carries == kind)
            #expect(datagram.headers.tunnelDepth == 1 && datagram.own.tunnelDepth == 0)
            #expect(datagram.headers.destinationPort == 53)
            #expect(datagram.headers.source == PacketBuilder.address("192.168.0.1"))
            #expect(datagram.headers.outer.source == PacketBuilder.address("10.0.0.1"))
            #expect(tunnels.weight == 0)
        }
    }

    @Test func `hold nothing of datagrams whose first fragment names no tunnel`() {
        var tunnels = TunnelFragments()
        for number in UInt16(0)..<2000 {
            take(pieces(Self.plain, of: 64, number: number), &tunnels) { _ in Issue.record("no tunnel") }
        }
        #expect(tunnels.weight == 0)
        #expect(tunnels.otherCount == 0)
        #expect(tunnels.statistics.fragments == 0)
    }

    @Test func `remember only so many of them whose last fragment does not come`() {
        var tunnels = TunnelFragments()
        for number in UInt16(0)..<20_000 { take([pieces(Self.plain, of: 64, number: number)[0]], &tunnels) }
        #expect(tunnels.otherCount <= 4096)
        // An identification that is used again, by a tunnel now.
        var found = 0
        take(pieces(Self.gtp, of: 16, number: 19_999), &tunnels) { _ in found += 1 }
        #expect(found == 1)
    }

    @Test func `remember little of an identification that is used again and again`() {
        var tunnels = TunnelFragments()
        let frames = pieces(Self.plain, of: 64, number: 7)
        guard let first = frames.first, let last = frames.last else { return }
        for _ in 0..<10_000 {
            take([first, last], &tunnels)
            #expect(tunnels.orderCount <= 200)
        }
        #expect(tunnels.otherCount == 0)
    }

    @Test func `keep to the budget when firsts never come`() {
        var configuration = FragmentConfiguration()
        configuration.budget = 64 << 10
        var tunnels = TunnelFragments(configuration)
        for number in UInt16(0)..<5000 {
            take(Array(pieces(Self.plain, of: 64, number: number).dropFirst()), &tunnels)
            #expect(tunnels.weight <= configuration.budget)
        }
        tunnels.expire(through: Timestamp(nanoseconds: 1_000_000_000_000))
        #expect(tunnels.weight == 0)
    }

    @Test func `survive every cut and changed bytes`() {
        var numbers = Dice(state: 5)
        for round in 0..<3000 {
            var tunnels = TunnelFragments()
            var frames = pieces(round % 2 == 0 ? Self.gre : Self.gtp, of: 24)
            for _ in 0...numbers.next() % 3 {
                let index = Int(numbers.next() % UInt64(frames.count))
                if numbers.next() % 3 == 0 {
                    frames[index] = Array(
                        frames[index].prefix(Int(numbers.next() % UInt64(frames[index].count + 1)))
                    )
                } else if !frames[index].isEmpty {
                    let place = Int(numbers.next() % UInt64(frames[index].count))
                    frames[index][place] = UInt8(truncatingIfNeeded: numbers.next())
                }
            }
            take(frames, &tunnels) {
                let (own, innermost) = ($0.own, $0.headers)
                #expect(own.tunnelDepth < innermost.tunnelDepth)
                let end = Int(innermost.payloadOffset) + Int(innermost.capturedPayloadLength)
                #expect(end <= $0.bytes.count)
            }
        }
    }
}
