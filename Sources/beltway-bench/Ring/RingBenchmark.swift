// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire
internal import CRingPeer
internal import Glibc

/// The ring alone: what one packet costs its producer, against the same loop in C.
///
/// Each configuration runs in pairs (Beltway, C, Beltway, C ...), so that whatever else the machine does falls on
/// both; the figures are medians, and the ratio is the median of the pairs' ratios (``PairedCosts``). The time is the thread's own
/// processor time, since a busy machine takes the processor away in the middle of a run. No reader runs.
struct RingBenchmark {
    /// One line of the table.
    struct Result: Sendable {
        /// Bytes of a packet.
        var packetLength: Int
        /// Packets per `publish()`.
        var batch: Int
        /// Bytes of the data ring.
        var ringCapacity: Int
        /// Median nanoseconds per packet.
        var nanoseconds: Double
        /// The same for the loop in C.
        var peerNanoseconds: Double
        /// Median over the pairs of Beltway's time by that of C.
        var ratio: Double
        /// Pairs of rings that were measured.
        var pairs: Int
    }

    /// Why a run gives no figures.
    enum Failure: Error, CustomStringConvertible {
        case noMemory(Int)
        case differentRings(packetLength: Int, batch: Int, ringCapacity: Int)

        var description: String {
            switch self {
            case .noMemory(let size): "no shared memory for a second ring of \(size) bytes"
            case .differentRings(let length, let batch, let capacity):
                "Beltway and C wrote different rings: packets of \(length) bytes, batch \(batch), ring \(capacity)"
            }
        }
    }

    /// Packet lengths, batches and ring sizes of the table.
    static let packetLengths = [64, 576, 1500]
    static let batches = [1, 32]
    static let ringCapacities = [1 << 20, 16 << 20, 64 << 20]

    /// Runs every configuration.
    ///
    /// - Parameters:
    ///   - pairs: Pairs of rings per configuration.
    ///   - laps: How often each run goes round the ring, at least; small rings go round oftener.
    /// - Returns: A result per configuration, by ring, length and batch.
    /// - Throws: ``Failure``, or ``BufferError`` for want of memory.
    static func run(pairs: Int = 7, laps: Int = 4) throws -> [Result] {
        var results: [Result] = []
        for capacity in ringCapacities {
            for length in packetLengths {
                for batch in batches {
                    results.append(
                        try measure(length, batch: batch, capacity: capacity, pairs: pairs, laps: laps)
                    )
                }
            }
        }
        return results
    }

    /// Measures one configuration.
    static func measure(_ length: Int, batch: Int, capacity: Int, pairs: Int, laps: Int) throws -> Result {
        let packet = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        let record = RecordLayout.recordLength(capturedLength: length, needsFlags: false)
        let count = max(laps * capacity, 64 << 20) / record
        var costs = PairedCosts()
        for _ in 0..<pairs {
            let buffer = try DataBuffer(
                name: "bench.0",
                number: 0,
                linkType: .ethernet,
                capacity: capacity,
                policy: .fastReader
            )
            var producer = buffer.makeProducer()
            guard let peer = unsafe ring_peer_create(UInt64(capacity)) else {
                throw Failure.noMemory(capacity)
            }
            defer { unsafe ring_peer_destroy(peer) }
            costs.measure {
                let start = threadSeconds()
                unsafe produce(packet.span.bytes, count: count, batch: batch, into: &producer)
                return (threadSeconds() - start) * 1e9 / Double(count)
            } peer: {
                let start = threadSeconds()
                unsafe packet.withUnsafeBufferPointer {
                    _ = unsafe ring_peer_run(
                        peer,
                        $0.baseAddress,
                        UInt32(length),
                        UInt64(count),
                        UInt64(batch)
                    )
                }
                return (threadSeconds() - start) * 1e9 / Double(count)
            }
            // Both wrote the same bytes.
            let written = unsafe ring_peer_checksum(peer)
            guard checksum(buffer) == written else {
                throw Failure.differentRings(packetLength: length, batch: batch, ringCapacity: capacity)
            }
        }
        return Result(
            packetLength: length,
            batch: batch,
            ringCapacity: capacity,
            nanoseconds: costs.nanoseconds,
            peerNanoseconds: costs.peerNanoseconds,
            ratio: costs.ratio,
            pairs: pairs
        )
    }

    /// The loop that is measured: append, publish per batch.
    @inline(never)
    static func produce(
        _ packet: RawSpan,
        count: Int,
        batch: Int,
        into shared: inout DataBufferProducer
    ) {
        let length = UInt32(packet.byteCount)
        var time: UInt64 = 1_700_000_000_000_000_000
        var inside = 0
        for _ in 0..<count {
            while !shared.append(
                packet,
                time: Timestamp(nanoseconds: time),
                originalLength: length,
                interface: 0,
                flags: []
            ) {
                shared.publish()
                inside = 0
            }
            time &+= 1
            inside &+= 1
            if inside == batch {
                shared.publish()
                inside = 0
            }
        }
        shared.publish()
    }

    private static func checksum(_ buffer: DataBuffer) -> UInt64 {
        buffer.memory.withBytes(at: .zero, offset: 0, length: buffer.geometry.capacity) { bytes in
            var sum: UInt64 = 0
            for offset in stride(from: 0, to: bytes.byteCount, by: 8) {
                sum = sum &* 31 &+ bytes.littleEndian64(at: offset)
            }
            return sum
        }
    }
}
