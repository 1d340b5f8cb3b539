// SPDX-License-Identifier: Apache-2.0
import BeltwayCapture
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@Suite struct `A capture file reader` {
    @Test(arguments: [UInt32(0xa1b2_c3d4), 0xa1b2_3c4d, 0xa1b2_cd34], [false, true])
    func `reads pcap of every magic and byte order`(magic: UInt32, isBigEndian: Bool) {
        let unit: UInt64 = magic == 0xa1b2_3c4d ? 1 : 1_000
        let reading = Reading(samplePcap(magic: magic, isBigEndian: isBigEndian))
        #expect(reading.end == .whole)
        #expect(
            reading.packets
                == samplePackets.enumerated().map { index, bytes in
                    ReadPacket(
                        bytes: bytes,
                        time: 1_700_000_000_000_000_000 + UInt64(index) * unit,
                        originalLength: UInt32(bytes.count + 4)
                    )
                }
        )
    }

    @Test(arguments: [false, true])
    func `reads pcapng of both byte orders with every kind of block`(isBigEndian: Bool) {
        let reading = Reading(samplePcapng(isBigEndian: isBigEndian))
        #expect(reading.error == nil)
        #expect(reading.end == .whole)
        #expect(reading.packets == samplePcapngPackets)
    }

    @Test func `reads gzip of either format, and members one after the other`() {
        let pcap = samplePcap()
        let expected = Reading(pcap)
        #expect(Reading(gzip(pcap)) == expected)
        #expect(Reading(gzip(Array(pcap[..<100])) + gzip(Array(pcap[100...]))) == expected)
        #expect(Reading(gzip(pcap) + [0, 0, 0, 0]) == expected)
        #expect(Reading(gzip(samplePcapng())).packets == samplePcapngPackets)
    }

    @Test(arguments: [UInt16(2), 3])
    func `believes the version about which length comes first`(minor: UInt16) {
        var builder = PcapBuilder(minor: minor)
        builder.add([1, 2, 3], captured: 90, original: 3)
        let reading = Reading(builder.bytes)
        #expect(reading.packets.map(\.bytes) == [[1, 2, 3]])
        #expect(reading.packets.first?.originalLength == 90)
    }

    @Test func `gives a packet longer than the file's snap length whole`() {
        var builder = PcapBuilder(snapLength: 60)
        builder.add(Array(repeating: 1, count: 100))
        #expect(Reading(builder.bytes).packets.first?.bytes.count == 100)
    }

    @Test func `cuts packets at 262,144 bytes, marks them, and keeps the original length`() {
        let large = [UInt8](repeating: 5, count: 300_001)
        var builder = PcapngBuilder()
        builder.section()
        builder.interface()
        builder.enhanced(large)
        builder.enhanced([1])
        var pcap = PcapBuilder(snapLength: 400_000)
        pcap.add(large)
        pcap.add([1])
        for bytes in [builder.bytes, pcap.bytes] {
            let reading = Reading(bytes)
            #expect(reading.end == .whole)
            #expect(reading.packets.map(\.bytes.count) == [262_144, 1])
            #expect(reading.packets.map(\.originalLength) == [300_001, 1])
            #expect(reading.packets.map { $0.flags.contains(.truncated) } == [true, false])
        }
    }

    @Test func `reads a pipe that delivers one byte at a time`() throws {
        for bytes in [samplePcap(), samplePcapng(), gzip(samplePcap())] {
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            let writeEnd = ends[1]
            let thread = Thread {
                for byte in bytes { _ = withUnsafeBytes(of: byte) { write(writeEnd, $0.baseAddress, 1) } }
                close(writeEnd)
            }
            thread.start()
            let reading = Reading(descriptor: ends[0])
            close(ends[0])
            #expect(reading == Reading(bytes))
        }
    }

    @Test func `reads packets across the edges of its window`() {
        var builder = PcapBuilder()
        for index in 0..<2_000 { builder.add(Array(repeating: UInt8(index & 0xff), count: index)) }
        let reading = Reading(builder.bytes)
        #expect(reading.packets.count == 2_000)
        let isIntact = reading.packets.enumerated().allSatisfy { index, packet in
            packet.bytes.count == index && packet.bytes.allSatisfy { $0 == UInt8(index & 0xff) }
        }
        #expect(isIntact)
    }

    @Test func `takes a Simple Packet Block's length from the first interface's snap length`() {
        var builder = PcapngBuilder()
        builder.section()
        builder.interface(snapLength: 3)
        builder.simple([1, 2, 3], original: 77)
        let reading = Reading(builder.bytes)
        #expect(reading.packets.map(\.bytes) == [[1, 2, 3]])
        #expect(reading.packets.map(\.originalLength) == [77])
    }
}

@Suite struct `A damaged capture file` {
    @Test func `is read up to the cut, wherever it is cut`() {
        for whole in [samplePcap(), samplePcap(magic: 0xa1b2_cd34, isBigEndian: true), samplePcapng()] {
            let all = Reading(whole).packets
            var boundaries = 0
            for length in 1..<whole.count {
                let reading = Reading(Array(whole[..<length]))
                #expect(reading.packets == Array(all[..<reading.packets.count]))
                switch reading.end {
                case .whole: boundaries += 1
                case .cut(let recordAt, let endsAt):
                    #expect(endsAt == UInt64(length))
                    #expect(recordAt < endsAt)
                case nil:
                    #expect(length < 4, "no end at length \(length): \(String(describing: reading.error))")
                }
            }
            #expect(boundaries >= all.count)
        }
    }

    @Test func `that is compressed is read up to the cut too`() {
        let whole = gzip(samplePcap())
        let all = Reading(samplePcap()).packets
        for length in 2..<whole.count {
            let reading = Reading(Array(whole[..<length]))
            #expect(reading.packets == Array(all[..<reading.packets.count]))
            #expect(reading.end != .whole, "length \(length)")
            #expect(reading.error == nil || reading.error == .empty)
        }
    }

    @Test func `whose compressed data are changed is an error, after the packets before it`() {
        var bytes = gzip(samplePcap())
        bytes[bytes.count - 6] ^= 1  // the checksum
        let reading = Reading(bytes)
        #expect(reading.packets.count == samplePackets.count)
        #expect(reading.error == .compression(offset: UInt64(samplePcap().count), "incorrect data check"))
    }

    @Test func `never traps the reader, whatever is changed in it`() {
        let samples = [
            samplePcap(), samplePcap(magic: 0xa1b2_3c4d, isBigEndian: true), samplePcapng(),
            samplePcapng(isBigEndian: true), gzip(samplePcap()),
        ]
        for seed in UInt64(0)..<600 {
            var generator = SeededGenerator(seed: seed)
            var bytes = samples[Int(seed) % samples.count]
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 2: bytes[index] = 0xff
                default: bytes.remove(at: index)
                }
            }
            let reading = Reading(bytes)
            #expect((reading.end == nil) != (reading.error == nil), "seed \(seed)")
            #expect(reading.packets.count < 200, "seed \(seed)")
        }
    }

    @Test(arguments: [UInt32(262_145), 1 << 24, 1 << 31, .max])
    func `with a record too long for its file says where`(claim: UInt32) {
        var builder = PcapBuilder(snapLength: 65_535)
        builder.add([1, 2, 3])
        builder.add([4], captured: claim)
        let reading = Reading(builder.bytes)
        #expect(reading.packets.count == 1)
        #expect(reading.error == .invalidCapturedLength(offset: 43, length: UInt64(claim), limit: 262_144))
    }

    @Test(arguments: [UInt32(0), 11, 13, (16 << 20) + 4, .max])
    func `with a block length that none can have says where`(claim: UInt32) {
        var bytes = samplePcapng()
        let start = bytes.count
        var block = FileBytes()
        block.add(UInt32(6).byteSwapped)
        block.add(claim.byteSwapped)
        bytes += block.bytes
        let reading = Reading(bytes)
        #expect(reading.packets.count == 5)
        #expect(reading.error == .invalidBlockLength(offset: UInt64(start), length: UInt64(claim)))
    }

    @Test func `whose last block claims more than there is ends in a cut`() {
        var bytes = samplePcapng()
        let start = UInt64(bytes.count)
        var block = FileBytes(isBigEndian: true)
        block.add(UInt32(6))
        block.add(UInt32(16 << 20))
        bytes += block.bytes
        let reading = Reading(bytes)
        #expect(reading.packets.count == 5)
        #expect(reading.end == .cut(recordAt: start, endsAt: start + 8))
    }

    @Test func `with a packet of an interface that was not described says which`() {
        var builder = PcapngBuilder()
        builder.section()
        builder.interface()
        let start = UInt64(builder.bytes.count)
        builder.enhanced([1], interface: 1)
        #expect(Reading(builder.bytes).error == .unknownInterface(offset: start, id: 1, described: 1))
    }

    @Test func `forgets its interfaces at a new section`() {
        var builder = PcapngBuilder()
        builder.section()
        builder.interface()
        builder.section()
        let start = UInt64(builder.bytes.count)
        builder.enhanced([1])
        #expect(Reading(builder.bytes).error == .unknownInterface(offset: start, id: 0, described: 0))
    }

    @Test(
        arguments: [
            ([], CaptureFileError.empty), (Array("snoop\0\0\0\0\0\0\u{2}".utf8), .unsupportedFormat("snoop")),
            (Array("GET / HTTP/1.1".utf8), .unknownFormat(firstBytes: 0x4745_5420)),
        ] as [([UInt8], CaptureFileError)]
    )
    func `or none at all is refused by name`(bytes: [UInt8], error: CaptureFileError) {
        #expect(Reading(bytes).error == error)
    }

    @Test func `that does not exist says so`() {
        #expect(throws: CaptureFileError.cannotOpen(errno: ENOENT)) {
            _ = try CaptureFileReader(path: "/nowhere/at/all.pcap")
        }
        #expect(throws: CaptureFileError.isDirectory) { _ = try CaptureFileReader(path: "/") }
    }
}
