// SPDX-License-Identifier: Apache-2.0
// Compressed datagrams (IPComp, RFC 3173): inflated by the producer of packets, before they are shared out; those that came
// in fragments by who puts these together.
//
//     IP | IPComp | deflate ..   -->   IP, its protocol the one of what was compressed | ..
//
// The packet stands for itself, as if it had not been compressed: it counts in the flow of what it holds, where its
// neighbours are that were too short to be compressed. Those that cannot be inflated stay packets of protocol 108.
//
// Where the hosts negotiated how (an index from 256 on), deflate is tried: it has to end exactly where the datagram does,
// and a header of IP inside has to have the version that the next header says.
//
// Invariant. What comes out of one is at most an IP payload; of all together what InflationAccount allows.
public import BeltwayWire

/// Inflates compressed datagrams.
public struct CompressedPackets: ~Copyable {
    /// What was done since it was made, or since these were taken.
    public private(set) var statistics = CompressionStatistics()
    private var hasNews = false
    /// Made for the first datagram: most traffic has none.
    private var inflater: DatagramInflater?
    private let account = InflationAccount()

    /// Makes one.
    public init() {}

    /// Takes the counters of what was done; nil if nothing was.
    public mutating func takeStatistics() -> CompressionStatistics? {
        guard hasNews else { return nil }
        hasNews = false
        defer { statistics = CompressionStatistics() }
        return statistics
    }

    /// Inflates a datagram.
    ///
    /// - Parameters:
    ///   - headers: Its headers, as decoding left them: of protocol 108, and no fragment.
    ///   - packet: The captured bytes; headers' offsets count from their start.
    /// - Returns: The IP packet that was compressed, from a header without options on; nil if it is not to be had.
    public mutating func inflate(_ headers: PacketHeaders, in packet: RawSpan) -> [UInt8]? {
        hasNews = true
        let start = Int(headers.payloadOffset)
        let end = start + Int(headers.capturedPayloadLength)
        guard end <= packet.byteCount, let head = try? IPComp(packet.extracting(start..<end)) else {
            statistics.damaged &+= 1
            return nil
        }
        guard headers.capturedPayloadLength == headers.payloadLength else {
            statistics.notCaptured &+= 1
            return nil
        }
        statistics.seen[Int(head.algorithm.rawValue)] &+= 1
        guard head.algorithm == .deflate || head.algorithm == .negotiated else { return nil }
        let body = packet.extracting(start + IPComp.headerLength..<end)
        account.take(body.byteCount)
        let most = DatagramInflater.mostBytes - (headers.ipVersion == 4 ? IPv4.minimumHeaderLength : 0)
        let inflater = self.inflater ?? DatagramInflater()
        self.inflater = inflater
        switch inflater.inflate(body, most: account.bound(of: body.byteCount, most: most)) {
        case .whole(let payload):
            _ = account.give(payload.count)
            guard head.algorithm == .deflate || isPlausible(payload, of: head.nextHeader) else {
                statistics.damaged &+= 1
                return nil
            }
            statistics.inflated &+= 1
            return DatagramHeader.make(headers, nextHeader: head.nextHeader, payloadLength: payload.count)
                + payload
        case .damaged(let produced):
            _ = account.give(produced)
            if head.algorithm == .deflate { statistics.damaged &+= 1 }
            return nil
        case .tooLong:
            _ = account.give(most)
            statistics.tooLong &+= 1
            return nil
        }
    }

    /// Whether a packet inside has the version that it should.
    private func isPlausible(_ payload: [UInt8], of number: UInt8) -> Bool {
        guard let first = payload.first else { return false }
        return switch number {
        case IPProtocol.ipv4: first >> 4 == 4
        case IPProtocol.ipv6: first >> 4 == 6
        case IPProtocol.compression: false
        default: true
        }
    }
}

/// What became of compressed datagrams.
public struct CompressionStatistics: Equatable, Sendable {
    /// Datagrams by ``IPComp/Algorithm``.
    public internal(set) var seen = [UInt64](repeating: 0, count: IPComp.Algorithm.allCases.count)
    /// Inflated.
    public internal(set) var inflated: UInt64 = 0
    /// Cut by the snap length.
    public internal(set) var notCaptured: UInt64 = 0
    /// Neither a header nor deflate.
    public internal(set) var damaged: UInt64 = 0
    /// Left as they are, since too much would have come out.
    public internal(set) var tooLong: UInt64 = 0

    /// Makes counters at zero.
    public init() {}

    /// Adds others.
    public mutating func add(_ other: CompressionStatistics) {
        for index in seen.indices { seen[index] &+= other.seen[index] }
        inflated &+= other.inflated
        notCaptured &+= other.notCaptured
        damaged &+= other.damaged
        tooLong &+= other.tooLong
    }

    /// What summaries and events say: a member `ipcomp` with algorithms by name; nothing if there were no such datagrams.
    public var json: String? {
        guard self != CompressionStatistics() else { return nil }
        var members: [String] = []
        for algorithm in IPComp.Algorithm.allCases where seen[Int(algorithm.rawValue)] > 0 {
            members.append("\"\(algorithm)\":\(seen[Int(algorithm.rawValue)])")
        }
        return "\"ipcomp\":{\"inflated\":\(inflated),\"not_captured\":\(notCaptured),\"damaged\":\(damaged),"
            + "\"too_long\":\(tooLong),\"algorithms\":{\(members.joined(separator: ","))}}"
    }
}
