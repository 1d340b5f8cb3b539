// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayAppliance

/// Several rings of another host, read together; the hosts are threads, the connections are in memory.
@Suite(.timeLimit(.minutes(3))) struct `A tap of several rings of another host` {
    private typealias Lane = RemoteLane<CachedCopyReader<MemoryChannel>>

    private func makeRings(_ count: Int) throws -> [DataBuffer] {
        try (0..<count).map { number in
            try DataBuffer(
                name: "eth0.\(number)",
                number: UInt16(number),
                linkType: .ethernet,
                capacity: 1 << 20,
                policy: .fastReader
            )
        }
    }

    /// Reads rings, each of which has a server of its own for one client.
    private func serve(
        _ rings: [DataBuffer]
    ) throws -> RemoteTapSource<CachedCopyReader<MemoryChannel>> {
        var lanes = OwnedArray<Lane>(capacity: rings.count)
        for ring in rings {
            var failure: (any Error)?
            try MemoryChannel.pair().split { client, server in
                let carried = Carried(server)
                Thread {
                    guard let channel = carried.take(),
                        var session = try? RemoteSession(channel, limits: RemoteServerLimits())
                    else { return }
                    _ = session.run(stop: { false }) { _ in .ring(ring) }
                }.start()
                do { lanes.append(Lane(try CachedCopyReader(client))) } catch { failure = error }
            }
            if let failure { throw failure }
        }
        return RemoteTapSource(
            lanes,
            bytes: .max,
            totals: RemoteTapTotals(),
            patience: .milliseconds(100)
        )
    }

    private func append(_ time: UInt64, to producer: inout DataBufferProducer) {
        let isAppended = producer.append(
            [UInt8](repeating: UInt8(truncatingIfNeeded: time), count: 60 + Int(time % 200)).span.bytes,
            time: Timestamp(nanoseconds: time),
            originalLength: 60 + UInt32(time % 200),
            interface: 0,
            flags: []
        )
        #expect(isAppended)
    }

    /// Takes packets until there are so many, or nothing more comes.
    private func times(
        _ count: Int,
        of source: inout RemoteTapSource<CachedCopyReader<MemoryChannel>>
    ) -> [(time: UInt64, ring: Int)] {
        var found: [(time: UInt64, ring: Int)] = []
        let deadline = Date().addingTimeInterval(20)
        while found.count < count, Date() < deadline {
            guard let packet = source.next() else {
                source.wait(nanoseconds: 5_000_000)
                continue
            }
            let time = packet.descriptor.time.nanoseconds
            let isRight = source.withBytes(of: packet) { span in
                span.byteCount == 60 + Int(time % 200)
                    && span.byte(at: 59)
                        == UInt8(truncatingIfNeeded: time)
            }
            #expect(isRight, "packet of time \(time)")
            found.append((UInt64(time), packet.ring))
        }
        return found
    }

    @Test func `gets all their packets in order of time`() throws {
        let rings = try makeRings(3)
        var source = try serve(rings)
        var producers = OwnedArray<DataBufferProducer>(capacity: 3)
        for ring in rings { producers.append(ring.makeProducer()) }
        // In bursts: ring k has times of 100 k to 100 k + 99 of each 300.
        for time in UInt64(1)..<3_000 { append(time, to: &producers[Int(time / 100 % 3)]) }
        for index in 0..<3 {
            producers[index].publish()
            producers[index].close()
        }
        let found = times(2_999, of: &source)
        #expect(found.map(\.time) == Array(1..<3_000))
        #expect(found.allSatisfy { $0.ring == Int($0.time / 100 % 3) })
        let ledgers = source.ledgers
        #expect(ledgers.allSatisfy { $0.published == $0.read + $0.lost && $0.lost == 0 })
        #expect(ledgers.map(\.read).reduce(0, +) == 2_999)
    }

    @Test func `waits for a ring that says nothing a bounded time only`() throws {
        let rings = try makeRings(2)
        var source = try serve(rings)
        var busy = rings[0].makeProducer()
        var silent = rings[1].makeProducer()
        for time in UInt64(1_000)..<1_100 { append(time, to: &busy) }
        busy.publish()
        let first = times(100, of: &source)
        #expect(first.map(\.time) == Array(1_000..<1_100))
        // What comes late is not lost, only late.
        append(1_050, to: &silent)
        silent.publish()
        silent.close()
        busy.close()
        let late = times(1, of: &source)
        #expect(late.map(\.time) == [1_050] && late.first?.ring == 1)
    }
}

/// Carries a channel into a thread.
private final class Carried: @unchecked Sendable {
    private var channel: MemoryChannel?
    init(_ channel: consuming MemoryChannel) { self.channel = consume channel }
    func take() -> MemoryChannel? { channel.take() }
}
