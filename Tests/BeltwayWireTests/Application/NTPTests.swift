// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

/// An answer of stratum 1 from a GPS clock.
private let answer =
    bytes("e4 01 03 ea 00000100 00000200 47505300 e100000000000000")
    + bytes("e100000000000001 e100000100000000 e100000100000010")

@Suite struct `An NTP packet` {
    @Test func `has the fields of RFC 5905`() throws {
        let packet = try NTPPacket(answer.span.bytes)
        let head = [packet.leap, packet.version, packet.mode, packet.stratum]
        #expect(head == [3, 4, 4, 1])
        let powers = [packet.poll, packet.precision]
        #expect(powers == [3, -22])
        let words = [packet.rootDelay, packet.rootDispersion, packet.referenceID]
        #expect(words == [0x100, 0x200, 0x4750_5300])
        let times = [packet.origin, packet.receive, packet.transmit]
        #expect(times == [0xe100_0000_0000_0001, 0xe100_0001_0000_0000, 0xe100_0001_0000_0010])
    }

    @Test(arguments: [(UInt8(0x24), 48), (0x26, 12), (0x27, 8)])
    func `needs the bytes of its mode`(first: UInt8, need: Int) {
        let packet = [first] + [UInt8](repeating: 0, count: need - 1)
        #expect(throws: Never.self) { _ = try NTPPacket(packet.span.bytes) }
        #expect(throws: WireError.truncated(need: need, have: need - 1)) {
            _ = try NTPPacket(packet.span.bytes.extracting(first: need - 1))
        }
    }

    @Test(arguments: [UInt8(0x04), 0x2c, 0x3c])
    func `of a version that does not exist is refused`(first: UInt8) {
        let packet = [first] + answer.dropFirst()
        #expect(throws: WireError.self) { _ = try NTPPacket(packet.span.bytes) }
    }

    @Test func `is told from other datagrams on any port`() {
        #expect(NTPPacket.probe(answer.span.bytes) == .yes)
        let others = [answer + [0], [UInt8](repeating: 0, count: 48)]
        #expect(others.allSatisfy { NTPPacket.probe($0.span.bytes) == .no })
        var numbers = SeededNumbers(seed: 1)
        var found = 0
        for _ in 0..<20_000 {
            let random = (0..<48).map { _ in UInt8(truncatingIfNeeded: numbers.next()) }
            if NTPPacket.probe(random.span.bytes) == .yes { found += 1 }
        }
        #expect(found == 0)
    }

    @Test(arguments: [UInt64(1), 2]) func `never reaches beyond its bytes`(seed: UInt64) {
        survives(answer, seed: seed) { span in
            _ = NTPPacket.probe(span)
            _ = NTPPacket.isLikely(span)
            guard let packet = try? NTPPacket(span) else { return .notThisProtocol }
            let sum = packet.origin | packet.receive | packet.transmit | UInt64(packet.referenceID)
            return sum == 1 ? .notThisProtocol : .complete(length: span.byteCount)
        }
    }
}
