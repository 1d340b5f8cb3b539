// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import BeltwayTrace
internal import BeltwayWire
internal import Crypto

/// One JSON object per stream and line: length, SHA-256 and number of gaps of each direction.
///
/// A gap adds nothing to the length or the digest. Lines come when streams end: at the latest when the capture does.
struct StreamDigests: ~Copyable, StreamOutput {
    /// What is known of one direction.
    private struct Direction {
        var bytes: UInt64 = 0
        var gaps: UInt64 = 0
        var hash = SHA256()
    }

    /// By slot, then by direction (0: to the responder).
    private var directions: [(Direction, Direction)?] = []
    /// Of the flow whose record comes next.
    private var closed: (Direction, Direction)?
    private var line = TextBuffer(capacity: 65_536)
    private let console: Console
    private(set) var trouble: String?

    init(_ console: Console) { self.console = console }

    mutating func began(_ flow: FlowView, _ headers: borrowing PacketHeaders) {}

    mutating func bytes(_ bytes: RawSpan, of stream: StreamView) {
        prepare(stream.slot)
        // Safe: the hash reads the bytes during the call and keeps no pointer.
        unsafe bytes.withUnsafeBytes { memory in
            if stream.toResponder {
                unsafe directions[Int(stream.slot)]?.0.hash.update(bufferPointer: memory)
                directions[Int(stream.slot)]?.0.bytes += UInt64(bytes.byteCount)
            } else {
                unsafe directions[Int(stream.slot)]?.1.hash.update(bufferPointer: memory)
                directions[Int(stream.slot)]?.1.bytes += UInt64(bytes.byteCount)
            }
        }
    }

    mutating func gap(_ length: UInt64, of stream: StreamView) {
        prepare(stream.slot)
        if stream.toResponder {
            directions[Int(stream.slot)]?.0.gaps += 1
        } else {
            directions[Int(stream.slot)]?.1.gaps += 1
        }
    }

    mutating func ended(_ stream: StreamView, _ reason: StreamEnd) {}

    mutating func closed(slot: UInt32, flowID: UInt64) {
        guard Int(slot) < directions.count else { return }
        closed = directions[Int(slot)]
        directions[Int(slot)] = nil
    }

    mutating func record(_ fact: Fact) {
        guard case .flow(let flow) = fact, flow.transportProtocol == 6 else { return }
        let (forward, back) = closed ?? (Direction(), Direction())
        closed = nil
        line.append("{\"src_ip\":\"")
        line.append(flow.originator, version: flow.ipVersion)
        line.append("\",\"src_port\":")
        line.append(decimal: UInt64(flow.originatorPort))
        line.append(",\"dest_ip\":\"")
        line.append(flow.responder, version: flow.ipVersion)
        line.append("\",\"dest_port\":")
        line.append(decimal: UInt64(flow.responderPort))
        line.append(",\"originator\":")
        append(forward)
        line.append(",\"responder\":")
        append(back)
        // A SYN+ACK alone shows where both directions begin, but the SYN itself was not seen.
        let isSeen = flow.originatorFlags & TCPFlag.syn != 0
        line.append(",\"syn_seen\":")
        line.append(isSeen ? "true" : "false")
        line.append("}\n")
        if line.count > 60_000 { flush() }
    }

    mutating func finish() { flush() }

    private mutating func prepare(_ slot: UInt32) {
        while directions.count <= Int(slot) { directions.append(nil) }
        if directions[Int(slot)] == nil { directions[Int(slot)] = (Direction(), Direction()) }
    }

    private mutating func append(_ direction: Direction) {
        line.append("{\"bytes\":")
        line.append(decimal: direction.bytes)
        line.append(",\"sha256\":\"")
        for byte in direction.hash.finalize() { line.append(hexadecimal: byte) }
        line.append("\",\"gaps\":")
        line.append(decimal: direction.gaps)
        line.append("}")
    }

    private mutating func flush() {
        if !console.print(line.bytes), trouble == nil { trouble = "standard output takes no more" }
        line.removeAll()
    }
}
