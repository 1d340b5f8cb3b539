// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `A pcap file header` {
    struct Magic: Sendable {
        var magic: UInt32
        var nanosecondsPerUnit: UInt32
        var recordHeaderLength: Int
    }

    @Test(
        arguments: [
            Magic(magic: 0xa1b2_c3d4, nanosecondsPerUnit: 1000, recordHeaderLength: 16),
            Magic(magic: 0xa1b2_3c4d, nanosecondsPerUnit: 1, recordHeaderLength: 16),
            Magic(magic: 0xa1b2_cd34, nanosecondsPerUnit: 1000, recordHeaderLength: 24),
        ],
        [false, true]
    )
    func `tells byte order, unit and the form of records by its magic`(_ magic: Magic, isBigEndian: Bool)
        throws
    {
        let bytes = PcapBuilder(
            magic: magic.magic,
            isBigEndian: isBigEndian,
            snapLength: 0x1234,
            linkType: 113
        ).bytes
        let header = try PcapFileHeader(bytes.span.bytes)
        #expect(header.order == (isBigEndian ? .big : .little))
        #expect(header.nanosecondsPerUnit == magic.nanosecondsPerUnit)
        #expect(header.recordHeaderLength == magic.recordHeaderLength)
        #expect(header.snapLength == 0x1234)
        #expect(header.linkType == .linuxCooked)
    }

    @Test func `masks the frame-check bits above the link type`() throws {
        let bytes = PcapBuilder(linkType: 0x2400_0001 | 0x5000_0000).bytes
        #expect(try PcapFileHeader(bytes.span.bytes).linkType == .ethernet)
    }

    @Test func `refuses a link type that no record can hold`() {
        let bytes = PcapBuilder(linkType: 0x1_0000).bytes
        #expect(throws: WireError.invalid(field: .linkType, value: 0x1_0000)) {
            _ = try PcapFileHeader(bytes.span.bytes)
        }
    }

    @Test(arguments: [
        (UInt16(2), UInt16(4), PcapFileHeader.LengthOrder.capturedFirst), (2, 3, .smallerIsCaptured),
        (2, 2, .originalFirst), (2, 0, .originalFirst), (543, 0, .originalFirst),
    ])
    func `tells by its version which length comes first`(
        major: UInt16,
        minor: UInt16,
        order: PcapFileHeader.LengthOrder
    ) throws {
        let bytes = PcapBuilder(isBigEndian: true, major: major, minor: minor).bytes
        #expect(try PcapFileHeader(bytes.span.bytes).lengthOrder == order)
    }

    @Test(arguments: [false, true])
    func `refuses a major version that was never in use`(isBigEndian: Bool) {
        let bytes = PcapBuilder(isBigEndian: isBigEndian, major: 1, minor: 4).bytes
        #expect(throws: WireError.invalid(field: .version, value: 0x1_0004)) {
            _ = try PcapFileHeader(bytes.span.bytes)
        }
    }

    @Test(arguments: 0..<24) func `shorter than its 24 bytes is refused`(count: Int) {
        let bytes = PcapBuilder().bytes
        #expect(throws: WireError.truncated(need: 24, have: count)) {
            _ = try PcapFileHeader(bytes.span.bytes.extracting(0..<count))
        }
    }
}

@Suite struct `A pcap record header` {
    @Test(arguments: [false, true]) func `gives time and lengths`(isBigEndian: Bool) throws {
        var builder = PcapBuilder(isBigEndian: isBigEndian)
        builder.add([1, 2, 3], seconds: 1_700_000_000, fraction: 999_999, original: 1_500)
        let file = try PcapFileHeader(builder.bytes.span.bytes)
        let record = try PcapRecordHeader(builder.bytes.span.bytes.extracting(24...), in: file)
        #expect(record.time.nanoseconds == 1_700_000_000_999_999_000)
        #expect(record.capturedLength == 3)
        #expect(record.originalLength == 1_500)
    }

    @Test func `carries a fraction beyond a second over, and cannot overflow`() throws {
        var builder = PcapBuilder()
        builder.add([], seconds: .max, fraction: .max)
        let file = try PcapFileHeader(builder.bytes.span.bytes)
        let record = try PcapRecordHeader(builder.bytes.span.bytes.extracting(24...), in: file)
        #expect(record.time.nanoseconds == 4_294_967_295_000_000_000 + 4_294_967_295_000)
    }

    @Test(arguments: [0, 15, 16, 23]) func `shorter than the file's records is refused`(count: Int) throws {
        var builder = PcapBuilder(magic: 0xa1b2_cd34)
        builder.add([1])
        let file = try PcapFileHeader(builder.bytes.span.bytes)
        #expect(throws: WireError.truncated(need: 24, have: count)) {
            _ = try PcapRecordHeader(builder.bytes.span.bytes.extracting(24..<(24 + count)), in: file)
        }
    }
}

@Suite struct `A capture format` {
    @Test(
        arguments: [
            ([0x0a, 0x0d, 0x0d, 0x0a], CaptureFormat.pcapng), ([0xd4, 0xc3, 0xb2, 0xa1], .pcap),
            ([0x34, 0xcd, 0xb2, 0xa1], .pcap), ([0x1f, 0x8b], .gzip),
            (Array("snoop\0\0\0".utf8), .unsupported("snoop")),
            ([0x28, 0xb5, 0x2f, 0xfd], .unsupported("Zstandard-compressed data")),
            (Array("BZh9".utf8), .unsupported("bzip2-compressed data")), ([], .unknown),
            ([0xd4, 0xc3, 0xb2], .unknown),
            (Array("<html>".utf8), .unknown),
        ] as [([UInt8], CaptureFormat)]
    )
    func `is told by the first bytes`(bytes: [UInt8], format: CaptureFormat) {
        #expect(CaptureFormat(bytes.span.bytes) == format)
    }
}
