// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@testable import BeltwayFlow

/// Bare deflate of bytes.
@Sendable private func deflated(_ bytes: [UInt8]) -> [UInt8] { deflated(bytes, -15) }

private let text = String(repeating: "what is said again and again, ", count: 40)

@Suite struct `A compressed datagram` {
    private func decode(_ bytes: [UInt8]) -> PacketHeaders {
        var headers = PacketHeaders()
        PacketDecoder.decode(bytes.span.bytes, linkType: .ethernet, into: &headers)
        return headers
    }

    private func inflate(_ frame: [UInt8], _ packets: inout CompressedPackets) -> [UInt8]? {
        packets.inflate(decode(frame), in: frame.span.bytes)
    }

    private func inside(_ frame: [UInt8], _ packets: inout CompressedPackets) -> PacketHeaders? {
        guard let bytes = inflate(frame, &packets) else { return nil }
        var headers = PacketHeaders()
        PacketDecoder.decode(reassembled: bytes.span.bytes, of: decode(frame), into: &headers)
        return headers
    }

    @Test(arguments: [(false, false), (false, true), (true, false), (true, true)], [UInt16(2), 256, 61_440])
    func `is the packet that was compressed`(kind: (isVersion6: Bool, isAuthenticated: Bool), index: UInt16) {
        let (isVersion6, isAuthenticated) = kind
        func frame(_ isCompressed: Bool) -> [UInt8] {
            var packet = PacketBuilder().ethernet()
            packet = isVersion6 ? packet.ipv6() : packet.ipv4()
            if isAuthenticated { packet = packet.authentication() }
            if isCompressed { packet = packet.compressed(index: index, deflated) }
            return packet.tcp(from: 1000, to: 80, sequence: 7).payload(text).bytes
        }
        #expect(frame(true).count < frame(false).count - 500)
        var packets = CompressedPackets()
        let (found, plain) = (inside(frame(true), &packets), decode(frame(false)))
        #expect(found?.source == plain.source && found?.destination == plain.destination)
        #expect(found?.sourcePort == 1000 && found?.destinationPort == 80 && found?.sequence == 7)
        #expect(found?.payloadLength == plain.payloadLength)
        #expect(found?.capturedPayloadLength == plain.payloadLength)
        #expect(found?.tunnelDepth == 0 && found?.trouble == PacketHeaders.Trouble.none)
        #expect(packets.statistics.inflated == 1)
    }

    @Test func `may hold a whole packet, as in tunnel mode`() {
        let frame = PacketBuilder().ethernet().ipv6().compressed(index: 40_000)
            .ipv6(from: "2001:db8::7", to: "2001:db8::8").udp(to: 53).payload("question").bytes
        var packets = CompressedPackets()
        let found = inside(frame, &packets)
        #expect(found?.tunnelDepth == 1 && found?.tunnelKind == .ipInIP && found?.destinationPort == 53)
    }

    @Test(arguments: [
        (UInt16(1), IPComp.Algorithm.oui), (3, .lzs), (4, .lzjh), (0, .reserved), (5, .reserved),
        (255, .reserved),
    ])
    func `of another algorithm stays as it is, and is counted by name`(
        index: UInt16,
        algorithm: IPComp.Algorithm
    ) {
        var packets = CompressedPackets()
        let frame = PacketBuilder().ethernet().ipv4().compressed(index: index).udp().payload(text).bytes
        #expect(inflate(frame, &packets) == nil)
        #expect(packets.statistics.seen[Int(algorithm.rawValue)] == 1)
        #expect(packets.statistics.json?.contains("\"\(algorithm)\":1") == true)
    }

    @Test func `by an agreed index is taken for deflate only if it ends where the datagram does`() {
        var packets = CompressedPackets()
        for tail in [[0], [1, 2, 3]] as [[UInt8]] {
            let frame = PacketBuilder().ethernet().ipv4()
                .compressed(index: 300) { PacketBuilder.storedBlock($0) + tail }.udp().payload(text).bytes
            #expect(inflate(frame, &packets) == nil)
        }
        let foreign = PacketBuilder().ethernet().ipv4().compressed(index: 300) { _ in [0xff, 0xfe, 0x12] }
            .udp()
        #expect(inflate(foreign.bytes, &packets) == nil)
        let wrong = PacketBuilder().ethernet().ipv4()
            .compressed(index: 300) { _ in PacketBuilder.storedBlock([0x60, 1, 2, 3]) }.ipv4().udp()
        #expect(inflate(wrong.bytes, &packets) == nil)
        #expect(packets.statistics.inflated == 0)
    }

    @Test func `that was cut by the snap length is counted, not inflated`() {
        let whole = PacketBuilder().ethernet().ipv4().compressed().udp().payload(text).bytes
        var packets = CompressedPackets()
        for length in 38..<whole.count { #expect(inflate(Array(whole[..<length]), &packets) == nil) }
        #expect(packets.statistics.notCaptured == UInt64(whole.count - 38))
        #expect(inflate(whole, &packets) != nil)
    }

    @Test(arguments: [(65_000, true), (65_515, true), (65_516, false), (200_000, false)])
    func `grows to what an IP packet holds at most`(count: Int, isInflated: Bool) {
        let zeros = [UInt8](repeating: 0, count: count)
        let frame = PacketBuilder().ethernet().ipv4().compressed { _ in deflated(zeros) }.bytes
        var packets = CompressedPackets()
        #expect(inflate(frame, &packets)?.count == (isInflated ? count + 20 : nil))
        #expect(packets.statistics.tooLong == (isInflated ? 0 : 1))
    }

    @Test func `grows 40-fold only when all of them together have grown too much`() {
        let zeros = [UInt8](repeating: 0, count: 60_000)
        let bomb = PacketBuilder().ethernet().ipv4().compressed { _ in deflated(zeros) }.bytes
        let honest = PacketBuilder().ethernet().ipv4().compressed(index: 2, deflated).udp().payload(text)
            .bytes
        var packets = CompressedPackets()
        for _ in 0..<1500 { _ = inflate(bomb, &packets) }
        let done = packets.statistics.inflated
        #expect(1000..<1500 ~= done)
        #expect(inflate(bomb, &packets) == nil)
        #expect(inflate(honest, &packets) != nil)
    }

    @Test func `is paid for when it shows itself damaged only at its end`() {
        let zeros = [UInt8](repeating: 0, count: 60_000)
        let bomb = PacketBuilder().ethernet().ipv4().compressed(index: 2) { _ in deflated(zeros) + [0] }.bytes
        let sound = PacketBuilder().ethernet().ipv4().compressed(index: 2) { _ in deflated(zeros) }.bytes
        var packets = CompressedPackets()
        for _ in 0..<1500 { _ = inflate(bomb, &packets) }
        let done = packets.statistics
        #expect(done.inflated == 0 && done.tooLong > 0 && done.damaged >= 1000)
        #expect(inflate(sound, &packets) == nil)
    }

    @Test func `does no harm when it is damaged`() {
        var packets = CompressedPackets()
        var random = SeededNumbers(seed: 108)
        let whole = PacketBuilder().ethernet().ipv4().compressed(index: 2, deflated).tcp().payload(text).bytes
        for round in 0..<4000 {
            var frame = whole
            for _ in 0...(round & 3) {
                frame[34 + Int(random.next() % UInt64(frame.count - 34))] = UInt8(
                    truncatingIfNeeded: random.next()
                )
            }
            guard let bytes = inflate(frame, &packets) else { continue }
            #expect(bytes.count <= 65_535)
            var headers = PacketHeaders()
            PacketDecoder.decode(reassembled: bytes.span.bytes, of: decode(frame), into: &headers)
            #expect(headers.layers.contains(.ip))
        }
        #expect(packets.statistics.damaged > 1000)
    }
}
