// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayClassify
internal import BeltwayFlow
internal import BeltwayTrace
internal import BeltwayWire

/// Follows flows in the thread that reads a capture file.
struct TraceStage: ~Copyable, BatchStage {
    private let classifier = PacketClassifier(share: .addressPair, vlansSeparateFlows: true, workers: 1)
    var follower: FlowFollower
    private var rings: [DataBuffer] = []
    /// The chunk that each ring's last packet was in, by its place in `rings`.
    private var chunks: [UInt64] = []
    /// Greatest time of the packets so far.
    private var clock = Timestamp.zero

    init(_ follower: consuming FlowFollower) { self.follower = follower }

    mutating func open(_ buffer: DataBuffer) {
        rings.append(buffer)
        chunks.append(0)
    }

    mutating func process(_ batch: PublishedBatch, of buffer: DataBuffer) {
        let memory = buffer.memory
        let linkType = buffer.linkType
        let number = buffer.number
        let classifier = self.classifier
        guard let place = rings.lastIndex(where: { $0.number == number }) else { return }
        let chunkLength = UInt64(memory.geometry.chunkLength)
        var headers = PacketHeaders()
        memory.forEachPacket(in: batch) { descriptor, ordinal, packet in
            // Time is told where a run tells it, so that flows end, and are called, as there.
            let chunk = descriptor.position.bytes / chunkLength
            if chunk > chunks[place] {
                chunks[place] = chunk
                follower.expire(through: clock)
            }
            if descriptor.time > clock { clock = descriptor.time }
            PacketDecoder.decode(packet, linkType: linkType, into: &headers)
            follower.take(
                headers,
                FlowFollower.Packet(
                    hash: classifier.classify(headers, packet: packet).flowHash,
                    time: descriptor.time,
                    originalLength: descriptor.originalLength,
                    ordinal: ordinal,
                    buffer: number,
                    interface: descriptor.interface
                ),
                excerpt: PayloadExcerpt(headers, of: packet),
                copy: FlowFollower.needsCopy(headers) ? FlowFollower.copy(packet) : []
            ) {
                let names = buffer.interfaces
                return Int(descriptor.interface) < names.count ? names[Int(descriptor.interface)] : ""
            }
            if follower.tracer.lines.count > 1 << 16 { follower.flush() }
        }
        follower.flush()
    }

    mutating func idle(through time: Timestamp) {}

    mutating func finish() { follower.finish(at: clock) }
}
