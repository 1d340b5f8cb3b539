// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: a file read to its end, and samples of every kind of file.
import BeltwayBuffers
import BeltwayCapture
import BeltwayTestSupport
import BeltwayWire
import CZlib
import Foundation

/// A packet with its bytes, and what its interface said.
struct ReadPacket: Equatable {
    var bytes: [UInt8]
    var time: UInt64
    var originalLength: UInt32
    var flags: RecordFlags = []
    var linkType = LinkType.ethernet
    var interfaceName: String?
}

/// Everything that a reader gave, and how it ended.
struct Reading: Equatable {
    var packets: [ReadPacket] = []
    var end: CaptureFileEnd?
    var error: CaptureFileError?

    init(_ bytes: [UInt8]) { self.init(path: MemoryFile(bytes)) }

    init(path file: MemoryFile) {
        do {
            var reader = try CaptureFileReader(path: file.path)
            try read(&reader)
        } catch { self.error = error }
    }

    init(descriptor: Int32) {
        do {
            var reader = try CaptureFileReader(descriptor: descriptor)
            try read(&reader)
        } catch { self.error = error }
    }

    private mutating func read(_ reader: inout CaptureFileReader) throws(CaptureFileError) {
        while true {
            switch try reader.next() {
            case .packet(let packet):
                let span = reader.packetBytes
                let interface = reader.interfaces[Int(packet.interface)]
                packets.append(
                    ReadPacket(
                        bytes: (0..<span.byteCount).map { span.byte(at: $0) },
                        time: packet.time.nanoseconds,
                        originalLength: packet.originalLength,
                        flags: packet.flags,
                        linkType: interface.linkType,
                        interfaceName: interface.name
                    )
                )
            case .end(let end):
                self.end = end
                return
            case .needsBytes: continue
            }
        }
    }
}

/// Packets that every sample file holds.
let samplePackets: [[UInt8]] = [
    [], [1], Array(0..<60), Array(repeating: 0xab, count: 1_514), [9, 8, 7],
]

func samplePcap(magic: UInt32 = 0xa1b2_c3d4, isBigEndian: Bool = false) -> [UInt8] {
    var builder = PcapBuilder(magic: magic, isBigEndian: isBigEndian)
    for (index, packet) in samplePackets.enumerated() {
        builder.add(
            packet,
            seconds: 1_700_000_000,
            fraction: UInt32(index),
            original: UInt32(packet.count + 4)
        )
    }
    return builder.bytes
}

/// Two sections with opposite byte orders, four interfaces, and blocks of every kind.
func samplePcapng(isBigEndian: Bool = false) -> [UInt8] {
    var builder = PcapngBuilder()
    builder.section(isBigEndian: isBigEndian)
    builder.interface(name: "eth0", resolution: 9)
    builder.interface(linkType: 113, name: "any")
    builder.add(type: 4) { $0.add([1, 0, 8, 0, 10, 0, 0, 1, 97, 46, 98, 0, 0, 0, 0, 0]) }
    builder.enhanced([1, 2, 3], time: 5_000_000_001, original: 60, flags: 0x201)
    builder.enhanced([4, 5, 6, 7], interface: 1, time: 6_000_001, flags: 2)
    builder.simple(Array(0..<21))
    builder.add(type: 10) { $0.add(Array(repeating: 0x41, count: 40)) }
    builder.add(type: 0x0bad) { $0.add([0, 0, 0, 1, 2, 3]) }
    builder.add(type: 0x8000_0bad) { $0.add(Array(repeating: 0, count: 20)) }
    builder.obsolete([8, 8], interface: 1, time: 7_000_000)
    builder.add(type: 5) { $0.add(Array(repeating: 0, count: 12)) }
    builder.section(isBigEndian: !isBigEndian)
    builder.interface(linkType: 101, resolution: 0x80 | 10, offset: 100)
    builder.enhanced([0x45], time: 512)
    return builder.bytes
}

let samplePcapngPackets: [ReadPacket] = [
    ReadPacket(
        bytes: [1, 2, 3],
        time: 5_000_000_001,
        originalLength: 60,
        flags: [.inbound, .checksumNotReady],
        interfaceName: "eth0"
    ),
    ReadPacket(
        bytes: [4, 5, 6, 7],
        time: 6_000_001_000,
        originalLength: 4,
        flags: .outbound,
        linkType: .linuxCooked,
        interfaceName: "any"
    ),
    ReadPacket(bytes: Array(0..<21), time: 0, originalLength: 21, interfaceName: "eth0"),
    ReadPacket(
        bytes: [8, 8],
        time: 7_000_000_000,
        originalLength: 2,
        linkType: .linuxCooked,
        interfaceName: "any"
    ),
    ReadPacket(bytes: [0x45], time: 100_500_000_000, originalLength: 1, linkType: .raw),
]

/// One gzip member.
func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
        &stream,
        6,
        Z_DEFLATED,
        16 + 15,
        8,
        Z_DEFAULT_STRATEGY,
        ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)
    )
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
    let count = input.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(target.count)
            _ = deflate(&stream, Z_FINISH)
            return target.count - Int(stream.avail_out)
        }
    }
    return Array(output[..<count])
}
