// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes: no trap, no read outside the span (run it under AddressSanitizer to see that), and
// nothing reported that lies beyond the packet.
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `Decoding hostile bytes` {
    @Test(arguments: samplePackets.indices)
    func `never reaches beyond any prefix of a packet`(index: Int) {
        let (name, packet) = samplePackets[index]
        for count in 0...packet.bytes.count {
            let headers = withExactCopy(of: packet.bytes, count: count) {
                PacketDecoder.decode($0, linkType: packet.linkType)
            }
            #expect(complaint(about: headers, count: count) == nil, "\(name) cut to \(count)")
        }
    }

    @Test(.enabled(if: Corpus.root != nil, "\(Corpus.absence)"))
    func `never reaches beyond any prefix of the corpus's packets`() {
        let packets = Corpus.sample(everyCapture: 40, packetsEach: 4)
        #expect(packets.count > 100)
        for packet in packets {
            // Headers lie in front: beyond them only every 97th length is tried.
            for count in 0...packet.bytes.count where count < 160 || count % 97 == 0 {
                let headers = withExactCopy(of: packet.bytes, count: count) {
                    PacketDecoder.decode($0, linkType: packet.linkType)
                }
                if let complaint = complaint(about: headers, count: count) { Issue.record("\(complaint)") }
            }
        }
    }

    @Test(arguments: [UInt64(1), 2])
    func `survives changed bytes`(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        for round in 0..<50_000 {
            var (name, packet) = samplePackets[Int(numbers.next() % UInt64(samplePackets.count))]
            for _ in 0...numbers.next() % 4 {
                // Four times out of five among the first 96 bytes, where the headers are.
                let range = numbers.next() % 5 == 0 ? packet.bytes.count : min(96, packet.bytes.count)
                packet.bytes[Int(numbers.next() % UInt64(range))] = UInt8(truncatingIfNeeded: numbers.next())
            }
            let count =
                numbers.next() % 3 == 0
                ? Int(numbers.next() % UInt64(packet.bytes.count + 1)) : packet.bytes.count
            let headers = withExactCopy(of: packet.bytes, count: count) {
                let headers = PacketDecoder.decode($0, linkType: packet.linkType)
                let inside = $0.extracting(first: max(0, $0.byteCount - 20))
                _ = PacketDecoder.decodeEmbedded(in: inside, isVersion6: round % 2 == 0)
                return headers
            }
            if let complaint = complaint(about: headers, count: count) {
                Issue.record("seed \(seed), round \(round), \(name): \(complaint)")
            }
        }
    }

    @Test func `survives bytes without any sense under every link type`() {
        var numbers = SeededNumbers(seed: 3)
        for round in 0..<10_000 {
            let bytes = (0..<Int(numbers.next() % 80)).map { _ in UInt8(truncatingIfNeeded: numbers.next()) }
            let linkType = LinkType(
                rawValue: [0, 1, 9, 50, 101, 104, 105, 108, 113, 127, 129, 192, 228, 229, 276][round % 15]
            )
            let headers = withExactCopy(of: bytes, count: bytes.count) {
                PacketDecoder.decode($0, linkType: linkType)
            }
            if let complaint = complaint(about: headers, count: bytes.count) {
                Issue.record("round \(round): \(complaint)")
            }
        }
    }

    @Test func `follows a chain of extension headers only so far`() {
        var packet = PacketBuilder().ethernet().ipv6()
        for _ in 0..<200 { packet = packet.extensionHeader(60) }
        let headers = decode(packet.tcp().bytes)
        #expect(headers.trouble == .invalidNetwork)
        #expect(headers.layers.contains(.ip))
        #expect(!headers.layers.contains(.tcp))
    }

    @Test func `follows a chain of VLAN tags only so far`() {
        var packet = PacketBuilder().ethernet()
        for identifier in 0..<200 { packet = packet.vlan(UInt16(identifier)) }
        let headers = decode(packet.ipv4().tcp().bytes)
        #expect(headers.trouble == .unsupportedNetwork)
        #expect(headers.vlanCount == 8)
    }
}
