// SPDX-License-Identifier: Apache-2.0
import Foundation

// A second reader of capture files, and a second decoder, written for the tests alone: what Beltway reads, stores and
// writes is compared with what this one sees. Plain and slow on purpose.

/// One packet of a capture file.
struct CapturedPacket: Hashable, Sendable {
    /// Nanoseconds since 1970.
    var time: UInt64
    var linkType: Int
    var originalLength: Int
    var bytes: Data
}

/// A whole pcap or pcapng file in memory.
struct CaptureFile {
    enum Failure: Error { case unknownFormat(String), gzip(String) }

    var packets: [CapturedPacket] = []

    init(_ path: String) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        if data.starts(with: [0x1f, 0x8b]) {
            guard let gzip = Program.installed("gzip") else { throw Failure.gzip(path) }
            data = try withTemporaryFolder { Program.run(gzip, ["-dc", path], in: $0).output }
        }
        let bytes = Bytes(data: data)
        switch data.prefix(4).map({ $0 }) {
        case [0xd4, 0xc3, 0xb2, 0xa1]: readPcap(bytes, bigEndian: false, unit: 1000)
        case [0xa1, 0xb2, 0xc3, 0xd4]: readPcap(bytes, bigEndian: true, unit: 1000)
        case [0x4d, 0x3c, 0xb2, 0xa1]: readPcap(bytes, bigEndian: false, unit: 1)
        case [0xa1, 0xb2, 0x3c, 0x4d]: readPcap(bytes, bigEndian: true, unit: 1)
        case [0x0a, 0x0d, 0x0d, 0x0a]: readPcapng(bytes)
        default: throw Failure.unknownFormat(path)
        }
    }

    private struct Bytes {
        var data: Data
        var count: Int { data.count }
        func u16(_ at: Int, _ big: Bool) -> Int { number(at, 2, big) }
        func u32(_ at: Int, _ big: Bool) -> Int { number(at, 4, big) }
        private func number(_ at: Int, _ size: Int, _ big: Bool) -> Int {
            guard at + size <= data.count else { return 0 }
            var result = 0
            for i in 0..<size {
                result = result << 8 | Int(data[data.startIndex + at + (big ? i : size - 1 - i)])
            }
            return result
        }
        func part(_ at: Int, _ length: Int) -> Data {
            Data(data[data.startIndex + at..<data.startIndex + at + length])
        }
    }

    private mutating func readPcap(_ bytes: Bytes, bigEndian big: Bool, unit: Int) {
        let linkType = bytes.u32(20, big) & 0xffff
        var at = 24
        while at + 16 <= bytes.count {
            let captured = bytes.u32(at + 8, big)
            guard captured <= 262_144, at + 16 + captured <= bytes.count else { return }
            packets.append(
                CapturedPacket(
                    time: UInt64(bytes.u32(at, big) * 1_000_000_000 + bytes.u32(at + 4, big) * unit),
                    linkType: linkType,
                    originalLength: bytes.u32(at + 12, big),
                    bytes: bytes.part(at + 16, captured)
                )
            )
            at += 16 + captured
        }
    }

    private mutating func readPcapng(_ bytes: Bytes) {
        var at = 0
        var big = false
        var interfaces: [(linkType: Int, snapLength: Int, resolution: UInt8, offset: Int)] = []
        while at + 12 <= bytes.count {
            if bytes.u32(at, false) == 0x0a0d_0d0a {
                big = bytes.u32(at + 8, true) == 0x1a2b_3c4d
                interfaces = []
            }
            let (type, length) = (bytes.u32(at, big), bytes.u32(at + 4, big))
            guard length >= 12, length % 4 == 0, at + length <= bytes.count else { return }
            let body = at + 8
            if type == 1 {
                var interface = (bytes.u16(body, big), bytes.u32(body + 4, big), UInt8(6), 0)
                var option = body + 8
                while option + 4 <= at + length - 4 {
                    let (code, size) = (bytes.u16(option, big), bytes.u16(option + 2, big))
                    if code == 0 { break }
                    if code == 9 { interface.2 = bytes.part(option + 4, 1)[0] }
                    if code == 14 {
                        interface.3 =
                            big
                            ? bytes.u32(option + 4, big) << 32 | bytes.u32(option + 8, big)
                            : bytes.u32(option + 8, big) << 32 | bytes.u32(option + 4, big)
                    }
                    option += 4 + (size + 3) / 4 * 4
                }
                interfaces.append(interface)
            } else if type == 6 || type == 2 {
                let number = type == 6 ? bytes.u32(body, big) : bytes.u16(body, big)
                let captured = bytes.u32(body + 12, big)
                guard number < interfaces.count, 20 + captured <= length - 12 else { return }
                let ticks = UInt64(bytes.u32(body + 4, big)) << 32 | UInt64(bytes.u32(body + 8, big))
                let interface = interfaces[number]
                packets.append(
                    CapturedPacket(
                        time: Self.nanoseconds(ticks, interface.resolution, interface.offset),
                        linkType: interface.linkType,
                        originalLength: bytes.u32(body + 16, big),
                        bytes: bytes.part(body + 20, captured)
                    )
                )
            } else if type == 3, let interface = interfaces.first {
                let original = bytes.u32(body, big)
                let kept = interface.snapLength == 0 ? original : min(original, interface.snapLength)
                let captured = min(kept, length - 16)
                packets.append(
                    CapturedPacket(
                        time: 0,
                        linkType: interface.linkType,
                        originalLength: original,
                        bytes: bytes.part(body + 4, captured)
                    )
                )
            }
            at += length
        }
    }

    private static func nanoseconds(_ ticks: UInt64, _ resolution: UInt8, _ offset: Int) -> UInt64 {
        var perSecond: UInt64 = 1
        if resolution & 0x80 != 0 {
            perSecond = 1 << UInt64(resolution & 0x3f)
        } else {
            for _ in 0..<min(resolution, 19) { perSecond *= 10 }
        }
        let (seconds, rest) = ticks.quotientAndRemainder(dividingBy: perSecond)
        let part = perSecond.dividingFullWidth(rest.multipliedFullWidth(by: 1_000_000_000)).quotient
        return (seconds &+ UInt64(truncatingIfNeeded: offset)) &* 1_000_000_000 &+ part
    }
}

extension CapturedPacket {
    /// The tuple of a TCP or UDP packet over plain or tagged Ethernet or raw IP; nil for everything else, later
    /// fragments among it.
    var tuple: Tuple? {
        let b = Array(bytes)
        var at = 0
        var type = 0
        switch linkType {
        case 1:
            guard b.count >= 14 else { return nil }
            at = 12
            type = Int(b[12]) << 8 | Int(b[13])
            while type == 0x8100 || type == 0x88a8, at + 6 <= b.count {
                at += 4
                type = Int(b[at]) << 8 | Int(b[at + 1])
            }
            at += 2
        case 12, 101, 228, 229:
            guard let first = b.first else { return nil }
            type = first >> 4 == 4 ? 0x0800 : 0x86dd
        default: return nil
        }
        var number: UInt8
        var (from, to): ([UInt8], [UInt8])
        if type == 0x0800, at + 20 <= b.count {
            guard b[at + 6] & 0x1f == 0, b[at + 7] == 0 else { return nil }
            (number, from, to) = (b[at + 9], Array(b[at + 12..<at + 16]), Array(b[at + 16..<at + 20]))
            at += Int(b[at] & 15) * 4
        } else if type == 0x86dd, at + 40 <= b.count {
            (number, from, to) = (b[at + 6], Array(b[at + 8..<at + 24]), Array(b[at + 24..<at + 40]))
            at += 40
        } else {
            return nil
        }
        guard number == 6 || number == 17, at + 8 <= b.count else { return nil }
        let source = Tuple.End(address: from, port: Int(b[at]) << 8 | Int(b[at + 1]))
        let destination = Tuple.End(address: to, port: Int(b[at + 2]) << 8 | Int(b[at + 3]))
        return Tuple(
            proto: number == 6 ? "TCP" : "UDP",
            lower: min(source, destination),
            upper: max(source, destination)
        )
    }
}
