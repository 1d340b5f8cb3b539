// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire
import Foundation

/// A packet as a capture file holds it.
public struct CapturedPacket: Sendable {
    /// What its first byte belongs to.
    public var linkType: LinkType
    /// What was captured.
    public var bytes: [UInt8]
    /// Bytes on the wire.
    public var originalLength: UInt32

    /// Makes a packet; whole unless `originalLength` says otherwise.
    public init(linkType: LinkType, bytes: [UInt8], originalLength: UInt32? = nil) {
        self.linkType = linkType
        self.bytes = bytes
        self.originalLength = originalLength ?? UInt32(bytes.count)
    }
}

extension Corpus {
    /// The first packets of a classic pcap file; none of any other kind of file, and only up to damage.
    public static func packets(ofPcap path: String, limit: Int = .max) -> [CapturedPacket] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        let file = [UInt8](data)
        let bytes = file.span.bytes
        guard let header = try? PcapFileHeader(bytes) else { return [] }
        var packets: [CapturedPacket] = []
        var position = PcapFileHeader.length
        while packets.count < limit, position + header.recordHeaderLength <= file.count,
            let record = try? PcapRecordHeader(bytes.extracting(droppingFirst: position), in: header)
        {
            let start = position + header.recordHeaderLength
            let end = start + Int(record.capturedLength)
            guard end <= file.count else { break }
            packets.append(
                CapturedPacket(
                    linkType: header.linkType,
                    bytes: Array(file[start..<end]),
                    originalLength: record.originalLength
                )
            )
            position = end
        }
        return packets
    }

    /// The first packets of every `step`-th capture that is a classic pcap file.
    public static func sample(everyCapture step: Int, packetsEach limit: Int) -> [CapturedPacket] {
        captures.enumerated().filter { $0.offset % step == 0 }
            .flatMap { packets(ofPcap: $0.element.path, limit: limit) }
    }
}

/// Calls `body` with the first `count` bytes in memory of exactly that size, so that AddressSanitizer sees
/// any read beyond them.
public func withExactCopy<Result>(
    of bytes: [UInt8],
    count: Int,
    _ body: (RawSpan) throws -> Result
) rethrows -> Result {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { memory.deallocate() }
    bytes.withUnsafeBytes { memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    return try body(UnsafeRawBufferPointer(memory).bytes)
}

/// Numbers that are the same in every run (splitmix64).
public struct SeededNumbers: RandomNumberGenerator, Sendable {
    var state: UInt64

    /// Makes the sequence of a seed.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
