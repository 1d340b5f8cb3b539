// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayClassify
internal import BeltwayFlow
internal import BeltwayTrace
internal import BeltwayWire

/// Follows flows of a running instance, from a process of its own: it may be slow, and counts what it lost.
struct RunningTrace: ~Copyable {
    private let classifier = PacketClassifier(share: .addressPair, vlansSeparateFlows: true, workers: 1)
    private var source: LocalTapSource
    private var follower: FlowFollower
    private var headers = PacketHeaders()
    private var packets: UInt64 = 0
    private var latest = Timestamp.zero
    private var lastExpiry = Timestamp.zero

    private static var batch: Int { 512 }
    private static var longestSleepNanoseconds: Int64 { 100_000_000 }

    init(_ source: consuming LocalTapSource, _ follower: consuming FlowFollower) {
        self.source = source
        self.follower = follower
    }

    var ledgers: [TapLedger] { source.ledgers }
    var summary: [String] { follower.summary }

    /// Runs until the producers have ended, or it is to stop.
    mutating func run(until isStopped: () -> Bool) -> TapState {
        var state = TapState.running
        while !isStopped() {
            let taken = drain()
            follower.flush()
            guard taken == 0 else { continue }
            state = source.state()
            guard state == .running else { break }
            source.wait(nanoseconds: Self.longestSleepNanoseconds)
        }
        follower.finish(at: latest)
        return state
    }

    private mutating func drain() -> Int {
        var taken = 0
        while taken < Self.batch, let packet = source.next() {
            taken += 1
            let descriptor = packet.descriptor
            let linkType = source.linkType(of: packet.ring)
            var decoded = headers
            var copy: [UInt8] = []
            let (excerpt, hash) = source.withBytes(of: packet) { bytes in
                PacketDecoder.decode(bytes, linkType: linkType, into: &decoded)
                if FlowFollower.needsCopy(decoded) { copy = FlowFollower.copy(bytes) }
                let hash = classifier.classify(decoded, packet: bytes).flowHash
                return (PayloadExcerpt(decoded, of: bytes), hash)
            }
            guard source.wasWhole(packet) else { continue }
            headers = decoded
            packets &+= 1
            if descriptor.time > latest { latest = descriptor.time }
            if latest.nanoseconds(since: lastExpiry) > 1_000_000_000 {
                // The rings are merged in order of time, but for what came too late to wait for.
                follower.expire(through: lastExpiry)
                lastExpiry = latest
            }
            let name = source.interfaceName(of: packet)
            follower.take(
                decoded,
                FlowFollower.Packet(
                    hash: hash,
                    time: descriptor.time,
                    originalLength: descriptor.originalLength,
                    ordinal: packets,
                    buffer: UInt16(clamping: packet.ring),
                    interface: descriptor.interface
                ),
                excerpt: excerpt,
                copy: copy
            ) { name }
        }
        return taken
    }
}
