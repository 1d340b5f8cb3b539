// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import BeltwayWire

/// One file per direction of each stream, named as tcpflow names them.
///
/// That is `010.000.000.001.01234-192.168.000.001.00080`, with `c1`, `c2` and so on behind it for further connections
/// of the same ends, in the order in which they began.
///
/// A name is made of numbers alone, so nothing in a capture can choose one. A direction without bytes has no file; a
/// gap leaves nothing in it.
struct StreamFiles: ~Copyable, StreamOutput {
    /// One direction's file, and what is not yet written to it.
    private struct Direction {
        var name: String
        var isBegun = false
        var pending: [UInt8] = []
    }

    private let folder: OutputFolder
    /// By slot * 2 + direction (0: to the responder).
    private var directions: [Direction?] = []
    /// Connections of a pair of ends so far.
    private var connections: [String: Int] = [:]
    private(set) var trouble: String?

    /// Bytes that are kept per direction before they are written.
    private static var pendingLimit: Int { 4096 }

    /// Uses a folder, and makes it if need be.
    init(folder path: String) throws(ApplianceError) { folder = try OutputFolder(path) }

    mutating func began(_ flow: FlowView, _ headers: borrowing PacketHeaders) {
        let source = Self.text(headers.source, headers.ipVersion, headers.sourcePort)
        let destination = Self.text(headers.destination, headers.ipVersion, headers.destinationPort)
        let pair = source < destination ? source + "-" + destination : destination + "-" + source
        let number = connections[pair, default: 0]
        connections[pair] = number + 1
        let ending = number == 0 ? "" : "c\(number)"
        let there = Direction(name: source + "-" + destination + ending)
        let back = Direction(name: destination + "-" + source + ending)
        let first = Int(flow.slot) * 2
        while directions.count < first + 2 { directions.append(nil) }
        directions[first] = flow.toResponder ? there : back
        directions[first + 1] = flow.toResponder ? back : there
    }

    mutating func bytes(_ bytes: RawSpan, of stream: StreamView) {
        let index = Int(stream.slot) * 2 + (stream.toResponder ? 0 : 1)
        guard index < directions.count, directions[index] != nil else { return }
        for offset in 0..<bytes.byteCount {
            directions[index]?.pending.append(bytes.byte(at: offset))
        }
        if let count = directions[index]?.pending.count, count >= Self.pendingLimit { flush(index) }
    }

    mutating func gap(_ length: UInt64, of stream: StreamView) {}
    mutating func ended(_ stream: StreamView, _ reason: StreamEnd) {}

    mutating func closed(slot: UInt32, flowID: UInt64) {
        for index in [Int(slot) * 2, Int(slot) * 2 + 1] where index < directions.count {
            flush(index)
            directions[index] = nil
        }
    }

    mutating func record(_ fact: Fact) {}
    mutating func finish() {}

    private mutating func flush(_ index: Int) {
        guard var direction = directions[index], !direction.pending.isEmpty else { return }
        let problem = folder.append(direction.pending, to: direction.name, isNew: !direction.isBegun)
        if let problem, trouble == nil { trouble = problem }
        direction.isBegun = true
        direction.pending.removeAll(keepingCapacity: true)
        directions[index] = direction
    }

    /// An end as tcpflow writes it: numbers of a fixed width, so that names sort.
    private static func text(_ address: IPAddress, _ version: UInt8, _ port: UInt16) -> String {
        func padded(_ number: some BinaryInteger, _ width: Int, radix: Int = 10) -> String {
            let digits = String(number, radix: radix)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        var parts: [String] = []
        if version == 4 {
            for shift in [24, 16, 8, 0] { parts.append(padded(address.v4 >> UInt32(shift) & 0xff, 3)) }
            return parts.joined(separator: ".") + "." + padded(port, 5)
        }
        for half in [address.high, address.low] {
            for shift in [48, 32, 16, 0] {
                parts.append(padded(half >> UInt64(shift) & 0xffff, 4, radix: 16))
            }
        }
        return parts.joined(separator: ":") + "." + padded(port, 5)
    }
}
