// SPDX-License-Identifier: Apache-2.0
// Walks capture files through Capture and Wire, for AddressSanitizer: every record is copied to a block of exactly its
// length before it is decoded, so that a read one byte too far is an error and not luck.
//
//     beltway-asan FILE|FOLDER ...

import BeltwayCapture
import BeltwayWire
import Foundation

@main struct BeltwayASan {
    static func main() {
        var totals = (files: 0, whole: 0, cut: 0, refused: 0, packets: 0)
        for path in CommandLine.arguments.dropFirst().flatMap(files(at:)) {
            totals.files += 1
            do {
                let (packets, end) = try walk(path)
                totals.packets += packets
                if end == .whole { totals.whole += 1 } else { totals.cut += 1 }
            } catch {
                totals.refused += 1
            }
        }
        guard totals.files > 0 else {
            print("no capture files in \(CommandLine.arguments.dropFirst().joined(separator: " "))")
            exit(1)
        }
        print(
            "\(totals.files) files: \(totals.whole) whole, \(totals.cut) cut, \(totals.refused) refused; "
                + "\(totals.packets) packets decoded"
        )
    }

    /// Files below a path, in order of name.
    static func files(at path: String) -> [String] {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return [] }
        guard isDirectory.boolValue else { return [path] }
        let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        return names.sorted().map { path + "/" + $0 }.filter {
            FileManager.default.fileExists(atPath: $0, isDirectory: &isDirectory) && !isDirectory.boolValue
        }
    }

    /// Decodes every packet of a file as its own link type, and as a few others: a link type may lie.
    static func walk(_ path: String) throws -> (packets: Int, end: CaptureFileEnd) {
        var reader = try CaptureFileReader(path: path)
        var packets = 0
        while true {
            switch try reader.step() {
            case .end(let end): return (packets, end)
            case .needsBytes: _ = try reader.refill(waitingAtMost: 1000)
            case .packet(let packet):
                packets += 1
                let linkType = reader.interfaces[Int(packet.interface)].linkType
                let bytes = reader.packetBytes
                var copy = [UInt8](repeating: 0, count: bytes.byteCount)
                for index in 0..<bytes.byteCount { copy[index] = bytes.byte(at: index) }
                for linkType in [linkType, .ethernet, .raw, .linuxCooked, .linuxCooked2, .ppp, .null] {
                    decode(copy.span.bytes, linkType)
                }
            }
        }
    }

    static func decode(_ packet: RawSpan, _ linkType: LinkType) {
        let headers = PacketDecoder.decode(packet, linkType: linkType)
        let end = Int(headers.payloadOffset) + Int(headers.capturedPayloadLength)
        precondition(end <= packet.byteCount, "a payload beyond its packet")
        if !headers.layers.isDisjoint(with: [.icmp, .icmpv6]), end > Int(headers.transportOffset) {
            _ = PacketDecoder.decodeEmbedded(
                in: packet.extracting(Int(headers.transportOffset)..<end),
                isVersion6: headers.layers.contains(.icmpv6)
            )
        }
    }
}
