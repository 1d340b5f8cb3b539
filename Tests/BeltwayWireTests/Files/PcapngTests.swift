// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `A pcapng block` {
    @Test(arguments: [UInt32(0), 4, 8, 11, 13, 14, (16 << 20) + 4, .max])
    func `of a length that no block can have is refused`(length: UInt32) {
        var block = FileBytes()
        block.add(UInt32(6))
        block.add(length)
        #expect(throws: WireError.invalid(field: .blockLength, value: UInt64(length))) {
            _ = try PcapngBlockHeader(block.bytes.span.bytes, .little)
        }
    }

    @Test func `that ends with another length than it begins with is refused`() throws {
        var block = FileBytes(isBigEndian: true)
        for number: UInt32 in [4, 12, 16] { block.add(number) }
        let header = try PcapngBlockHeader(block.bytes.span.bytes, .big)
        #expect(throws: WireError.invalid(field: .blockLength, value: 16)) {
            try header.checkTrailer(of: block.bytes.span.bytes, .big)
        }
    }

    @Test(arguments: [false, true]) func `of a section tells its byte order`(isBigEndian: Bool) throws {
        var builder = PcapngBuilder()
        builder.section(isBigEndian: isBigEndian)
        let section = try PcapngSection(prefix: builder.bytes.span.bytes)
        #expect(section.order == (isBigEndian ? .big : .little))
        try section.check(builder.bytes.span.bytes)
    }

    @Test(arguments: [
        (UInt16(1), UInt16(0), true), (1, 2, true), (1, 1, false), (2, 0, false), (0, 1, false),
    ])
    func `of a section is read in versions 1.0 and 1.2`(major: UInt16, minor: UInt16, isRead: Bool) throws {
        var builder = PcapngBuilder()
        builder.section(major: major, minor: minor)
        let section = try PcapngSection(prefix: builder.bytes.span.bytes)
        let accepted = (try? section.check(builder.bytes.span.bytes)) != nil
        #expect(accepted == isRead)
    }
}

@Suite struct `An interface description` {
    @Test(arguments: [false, true]) func `gives its name, clock and snap length`(isBigEndian: Bool) throws {
        var builder = PcapngBuilder()
        builder.section(isBigEndian: isBigEndian)
        let start = builder.bytes.count
        builder.interface(linkType: 276, snapLength: 96, name: "eth0", resolution: 9, offset: -7)
        let interface = try PcapngInterface(
            builder.bytes.span.bytes.extracting(start...),
            isBigEndian ? .big : .little
        )
        #expect(
            interface
                == PcapngInterface(
                    linkType: .linuxCooked2,
                    snapLength: 96,
                    name: "eth0",
                    resolution: TimeResolution(rawValue: 9, offsetSeconds: -7)
                )
        )
    }

    @Test func `without options counts microseconds and has no name`() throws {
        var builder = PcapngBuilder()
        builder.interface()
        let interface = try PcapngInterface(builder.bytes.span.bytes, .little)
        #expect(interface.resolution == .microseconds)
        #expect(interface.name == nil)
    }

    @Test func `keeps at most 256 bytes of its name`() throws {
        var builder = PcapngBuilder()
        builder.interface(name: String(repeating: "x", count: 60_000))
        let interface = try PcapngInterface(builder.bytes.span.bytes, .little)
        #expect(interface.name == String(repeating: "x", count: 256))
    }

    @Test func `with an option that runs past its end is refused`() {
        var builder = PcapngBuilder()
        builder.add(type: 1) {
            $0.add(UInt64(1))
            $0.add(UInt16(2))
            $0.add(UInt16(5))
            $0.add([1, 2, 3, 4])
        }
        #expect(throws: WireError.invalid(field: .optionLength, value: 5)) {
            _ = try PcapngInterface(builder.bytes.span.bytes, .little)
        }
    }
}

@Suite struct `A pcapng packet` {
    @Test(arguments: [false, true]) func `of an enhanced block gives interface, time, lengths and flags`(
        isBigEndian: Bool
    ) throws {
        var builder = PcapngBuilder()
        builder.section(isBigEndian: isBigEndian)
        let start = builder.bytes.count
        builder.enhanced(
            [1, 2, 3, 4, 5],
            interface: 7,
            time: 0x1234_5678_9abc_def0,
            original: 99,
            flags: 0x201
        )
        let block = builder.bytes.span.bytes.extracting(start...)
        let packet = try PcapngPacket(enhanced: block, isBigEndian ? .big : .little)
        #expect(packet.interface == 7)
        #expect(packet.time == 0x1234_5678_9abc_def0)
        #expect(packet.capturedLength == 5)
        #expect(packet.originalLength == 99)
        #expect(packet.flags == 0x201)
        #expect(block.byte(at: packet.dataOffset) == 1)
    }

    @Test func `of a simple block is cut at the first interface's snap length`() throws {
        var builder = PcapngBuilder()
        builder.simple([1, 2, 3, 4], original: 1_000)
        let packet = try PcapngPacket(simple: builder.bytes.span.bytes, snapLength: 4, .little)
        #expect(packet.capturedLength == 4)
        #expect(packet.originalLength == 1_000)
    }

    @Test(arguments: [UInt32(5), 1 << 31, .max])
    func `that claims more bytes than its block has is refused`(claim: UInt32) {
        var builder = PcapngBuilder()
        builder.enhanced([1, 2, 3, 4], captured: claim)
        #expect(throws: WireError.invalid(field: .capturedLength, value: UInt64(claim))) {
            _ = try PcapngPacket(enhanced: builder.bytes.span.bytes, .little)
        }
        #expect(throws: WireError.invalid(field: .capturedLength, value: UInt64(claim))) {
            _ = try PcapngPacket(obsolete: builder.bytes.span.bytes, .little)
        }
    }

    @Test func `makes no parser trap, whatever its block holds`() {
        for seed in UInt64(0)..<3_000 {
            var generator = SeededGenerator(seed: seed)
            let length = Int.random(in: 0...80, using: &generator)
            // Small numbers, so that lengths are often nearly right.
            let bytes = (0..<length).map { _ in
                Bool.random(using: &generator) ? 0 : UInt8.random(in: 0...255, using: &generator) & 0x1f
            }
            let block = bytes.span.bytes
            let snapLength = UInt32.random(in: 0...100, using: &generator)
            for order in [ByteOrder.little, .big] {
                _ = try? PcapngInterface(block, order)
                let packets = [
                    try? PcapngPacket(enhanced: block, order), try? PcapngPacket(obsolete: block, order),
                    try? PcapngPacket(simple: block, snapLength: snapLength, order),
                ]
                for case let packet? in packets {
                    let isInside = packet.dataOffset + Int(packet.capturedLength) + 4 <= block.byteCount
                    #expect(isInside, "seed \(seed)")
                }
            }
        }
    }
}
