// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayAppliance

@Suite(.timeLimit(.minutes(3))) struct `A tap of several rings` {
    /// Rings behind sockets, and their producers.
    private struct Rings: ~Copyable {
        let folder: TemporaryFolder
        let server: BufferServer
        let rings: [DataBuffer]
        var first: DataBufferProducer
        var second: DataBufferProducer

        init() throws {
            let folder = TemporaryFolder()
            let server = try BufferServer(folder: folder.path)
            let rings = try (0..<2).map { number in
                try DataBuffer(
                    name: "eth0.\(number)",
                    number: UInt16(number),
                    linkType: .ethernet,
                    capacity: 65_536,
                    policy: .fastReader
                )
            }
            let policy = AccessPolicy(owner: geteuid(), group: getegid())
            for ring in rings { try server.share(ring, policy: policy) }
            var first = rings[0].makeProducer()
            var second = rings[1].makeProducer()
            _ = try first.addInterface(named: "eth0")
            _ = try second.addInterface(named: "eth0")
            self.folder = folder
            self.server = server
            self.rings = rings
            self.first = first
            self.second = second
        }

        func source(patience: Duration = .milliseconds(250)) throws -> LocalTapSource {
            try LocalTapSource(
                rings.map { try AttachedBuffer($0.name, in: folder.path, as: "tap") },
                coalescing: .immediate,
                patience: patience
            )
        }

        static func append(_ time: UInt64, to producer: inout DataBufferProducer) {
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: time), count: 60)
            let isTaken = producer.append(
                bytes.span.bytes,
                time: Timestamp(nanoseconds: time),
                originalLength: 60,
                interface: 0,
                flags: []
            )
            #expect(isTaken)
        }
    }

    private func times(_ source: inout LocalTapSource) -> [UInt64] {
        var times: [UInt64] = []
        while let packet = source.next() {
            let byte = source.withBytes(of: packet) { $0.byteCount == 60 ? $0.firstByte() : 0 }
            #expect(byte == UInt8(truncatingIfNeeded: packet.descriptor.time.nanoseconds))
            #expect(source.interfaceName(of: packet) == "eth0" && source.wasWhole(packet))
            times.append(packet.descriptor.time.nanoseconds)
        }
        return times
    }

    @Test func `takes them in order of time, as far as no earlier packet may come`() throws {
        var rings = try Rings()
        var source = try rings.source(patience: .seconds(60))
        for time in [UInt64(10), 20, 30, 40] { Rings.append(time, to: &rings.first) }
        for time in [UInt64(15), 25] { Rings.append(time, to: &rings.second) }
        rings.first.publish()
        rings.second.publish()
        // The second ring may still bring a 26.
        #expect(times(&source) == [10, 15, 20, 25])
        rings.second.setTimeThrough(Timestamp(nanoseconds: 35))
        #expect(times(&source) == [30])
        #expect(source.state() == .running)
        rings.second.close()
        #expect(times(&source) == [40])
        rings.first.close()
        #expect(source.next() == nil && source.state() == .ended)
        #expect(
            source.ledgers == [
                TapLedger(ring: "eth0.0", published: 4, read: 4, lost: 0),
                TapLedger(ring: "eth0.1", published: 2, read: 2, lost: 0),
            ]
        )
    }

    @Test func `waits for a silent ring only so long`() throws {
        var rings = try Rings()
        var source = try rings.source(patience: .milliseconds(50))
        for time in [UInt64(10), 20] { Rings.append(time, to: &rings.first) }
        rings.first.publish()
        #expect(source.next() == nil)
        var found: [UInt64] = []
        let deadline = ContinuousClock.now + .seconds(20)
        while found.count < 2, ContinuousClock.now < deadline {
            source.wait(nanoseconds: 10_000_000)
            found += times(&source)
        }
        #expect(found == [10, 20])
        // What comes too late is not held back for ever, and not lost.
        Rings.append(5, to: &rings.second)
        rings.second.publish()
        #expect(times(&source) == [5])
    }

    @Test func `counts what it lost of each, exactly`() throws {
        var rings = try Rings()
        var source = try rings.source()
        for time in 1...UInt64(5_000) {
            Rings.append(time, to: &rings.first)
            rings.first.publish()
        }
        rings.first.close()
        rings.second.close()
        let read = times(&source)
        let ledger = source.ledgers[0]
        #expect(ledger.published == 5_000 && ledger.read + ledger.lost == 5_000 && ledger.lost > 0)
        #expect(UInt64(read.count) == ledger.read && read.last == 5_000)
    }

    @Test func `says that the owner has gone`() throws {
        var rings = try Rings()
        var source = try rings.source()
        Rings.append(1, to: &rings.first)
        rings.first.publish()
        rings.server.stop()
        var found: [UInt64] = []
        let deadline = ContinuousClock.now + .seconds(20)
        while found.isEmpty, ContinuousClock.now < deadline {
            found += times(&source)
            source.wait(nanoseconds: 10_000_000)
        }
        #expect(found == [1])
        guard case .broken(let what) = source.state() else {
            Issue.record("it still waits")
            return
        }
        #expect(what.contains("eth0.0 (process \(getpid())), eth0.1"))
    }
}

extension RawSpan {
    /// The first byte.
    fileprivate func firstByte() -> UInt8 { withUnsafeBytes { $0[0] } }
}
