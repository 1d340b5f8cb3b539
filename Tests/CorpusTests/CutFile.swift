// SPDX-License-Identifier: Apache-2.0
// A capture file that ends too early, and the packets of one that does not.
import BeltwayCapture
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Glibc

/// A packet, and where in its file its record begins.
struct WholePacket: Sendable {
    var packet: FilePacket
    var linkType: LinkType
    var bytes: [UInt8]
    var offset: UInt64
}

/// How a file ended: as its reader says, or with what it threw.
enum Ending: Equatable, Sendable {
    case end(CaptureFileEnd)
    case error(CaptureFileError)
}

/// Reads a capture file as `run -r` does.
///
/// - Parameters:
///   - path: The file.
///   - take: Takes each packet with its link type, its bytes, and where its record begins.
/// - Returns: How it ended.
func readCapture(
    _ path: String,
    _ take: (FilePacket, LinkType, RawSpan, UInt64) -> Void
) -> Ending {
    do throws(CaptureFileError) {
        var reader = try CaptureFileReader(path: path)
        while true {
            switch try reader.next() {
            case .packet(let packet):
                let linkType = reader.interfaces[Int(packet.interface)].linkType
                take(packet, linkType, reader.packetBytes, reader.recordOffset)
            case .needsBytes: continue
            case .end(let end): return .end(end)
            }
        }
    } catch {
        return .error(error)
    }
}

func holds(_ bytes: RawSpan, _ expected: [UInt8]) -> Bool {
    bytes.byteCount == expected.count && expected.indices.allSatisfy { bytes.byte(at: $0) == expected[$0] }
}

/// Every packet of a file, and how the file ended.
func wholePackets(_ path: String) -> (packets: [WholePacket], ending: Ending) {
    var packets: [WholePacket] = []
    let ending = readCapture(path) { packet, linkType, bytes, offset in
        let copy = (0..<bytes.byteCount).map { bytes.byte(at: $0) }
        packets.append(WholePacket(packet: packet, linkType: linkType, bytes: copy, offset: offset))
    }
    return (packets, ending)
}

/// One capture file, cut short at each of its bytes, or at 200 if it is large.
struct CutFile: Sendable {
    var lengths = 0
    var packets = 0
    /// Cuts that lie between two records, inside one, and before which nothing made sense.
    var (whole, cut, errors) = (0, 0, 0)
    var problems: [String] = []

    init(_ path: String, in folder: String) {
        let copy = folder + "/" + UUID().uuidString
        defer { unlink(copy) }
        let all = wholePackets(path)
        guard let data = FileManager.default.contents(atPath: path),
            FileManager.default.createFile(atPath: copy, contents: data)
        else {
            problems = ["could not be copied"]
            return
        }
        let isCompressed = data.starts(with: [0x1f, 0x8b])
        let step = data.count <= 4096 ? 1 : Double(data.count) / 200
        // From the longest to the shortest: the copy loses its end each time.
        for length in stride(from: Double(data.count) - step, through: 0, by: -step).map({ Int($0) }) {
            guard truncate(copy, length) == 0 else {
                problems = ["could not be cut to \(length)"]
                return
            }
            check(copy, cutTo: length, isCompressed, all.packets, all.ending)
        }
    }

    private mutating func check(
        _ copy: String,
        cutTo length: Int,
        _ isCompressed: Bool,
        _ whole: [WholePacket],
        _ wholeEnding: Ending
    ) {
        var (count, different) = (0, 0)
        let ending = readCapture(copy) { packet, linkType, bytes, offset in
            let known = count < whole.count ? whole[count] : nil
            let isSame = known?.packet == packet && known?.offset == offset && known?.linkType == linkType
            if !isSame || !holds(bytes, known?.bytes ?? []) { different += 1 }
            count += 1
        }
        lengths += 1
        packets += count
        if different > 0 { note("cut to \(length): \(different) of \(count) packets are not the file's") }
        if !isCompressed {
            // Records that end before the cut are there, and none that begin behind it.
            let most = whole.count { $0.offset < length }
            let least = whole.dropFirst().count { $0.offset <= length }
            let isRight = least <= count && count <= most
            if !isRight { note("cut to \(length): \(count) packets of \(least) to \(most)") }
        }
        switch ending {
        case .end(.whole): self.whole += 1
        case .end(.cut(let record, let end)):
            cut += 1
            let isRight = record <= end && (isCompressed || end == length)
            if !isRight { note("cut to \(length): cut at \(end) in the record at \(record)") }
        case .error(let error):
            errors += 1
            // Less than a magic number is of no format; else nothing is wrong that is right in the whole file.
            if length >= 4, ending != wholeEnding { note("cut to \(length): \(error)") }
            if "\(error)".isEmpty { note("cut to \(length): no word of what is wrong") }
        }
    }

    private mutating func note(_ problem: String) {
        if problems.count < 4 { problems.append(problem) }
    }
}
