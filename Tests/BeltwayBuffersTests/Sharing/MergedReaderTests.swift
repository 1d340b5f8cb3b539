// SPDX-License-Identifier: Apache-2.0
// Rings read together, and sleeping for a batch of them.
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Synchronization
import Testing

@testable import BeltwayBuffers

@Suite(.timeLimit(.minutes(3))) struct `A merged reader` {
    /// Two rings behind sockets, and their producers.
    private struct Rings: ~Copyable {
        let folder: TemporaryFolder
        let server: BufferServer
        let rings: [DataBuffer]
        var producers = OwnedArray<DataBufferProducer>(capacity: 2)

        init() throws {
            let folder = TemporaryFolder()
            let server = try BufferServer(folder: folder.path)
            let rings = try (0..<2).map { number in
                try DataBuffer(
                    name: "eth0.\(number)",
                    number: UInt16(number),
                    linkType: .ethernet,
                    capacity: 1 << 20,
                    policy: .fastReader
                )
            }
            let policy = AccessPolicy(owner: geteuid(), group: getegid())
            for ring in rings {
                try server.share(ring, policy: policy)
                var producer = ring.makeProducer()
                _ = try producer.addInterface(named: "eth0")
                producers.append(producer)
            }
            self.folder = folder
            self.server = server
            self.rings = rings
        }

        func reader(of count: Int) throws -> MergedReader {
            try MergedReader(
                rings.prefix(count).map { try AttachedBuffer($0.name, in: folder.path, as: "test") }
            )
        }

        /// Appends packets of 100 bytes (record: 144) and publishes them.
        mutating func append(_ times: Range<UInt64>, to ring: Int) {
            let bytes = [UInt8](repeating: 7, count: 100)
            for time in times {
                let isTaken = producers[ring].append(
                    bytes.span.bytes,
                    time: Timestamp(nanoseconds: time),
                    originalLength: 100,
                    interface: 0,
                    flags: []
                )
                #expect(isTaken)
            }
            producers[ring].publish()
        }
    }

    fileprivate static func drain(_ reader: inout MergedReader) -> [UInt64] {
        var times: [UInt64] = []
        while let packet = reader.next() {
            #expect(reader.withBytes(of: packet) { $0.byteCount } == 100 && reader.wasWhole(packet))
            times.append(packet.descriptor.time.nanoseconds)
        }
        return times
    }

    @Test func `takes a single ring as it comes, and accounts for it`() throws {
        var rings = try Rings()
        var reader = try rings.reader(of: 1)
        rings.append(1..<101, to: 0)
        #expect(Self.drain(&reader) == Array(1..<101))
        let ledgers = reader.ledgers
        #expect(ledgers == [MergedLedger(ring: "eth0.0", published: 100, read: 100, lost: 0)])
    }

    @Test func `takes two rings in order of time once both have told theirs`() throws {
        var rings = try Rings()
        var reader = try rings.reader(of: 2)
        rings.append(1..<50, to: 0)
        rings.append(50..<101, to: 1)
        rings.append(101..<150, to: 0)
        for ring in 0..<2 { rings.producers[ring].close() }
        #expect(Self.drain(&reader) == Array(1..<150))
        let state = reader.state()
        #expect(state == .ended)
    }

    @Test func `does not sleep for a batch that is there, nor for a ring that has ended`() throws {
        var rings = try Rings()
        var reader = try rings.reader(of: 1)
        rings.append(0..<1_000, to: 0)
        let start = ContinuousClock.now
        reader.wait(forBytes: 100_000, unless: nil, nanoseconds: 30_000_000_000)
        #expect(Self.drain(&reader).count == 1_000)
        rings.producers[0].close()
        reader.wait(forBytes: 100_000, unless: nil, nanoseconds: 30_000_000_000)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func `sleeps its time for less than a batch`() throws {
        var rings = try Rings()
        var reader = try rings.reader(of: 1)
        rings.append(0..<100, to: 0)
        let start = ContinuousClock.now
        reader.wait(forBytes: 100_000, unless: nil, nanoseconds: 50_000_000)
        #expect(ContinuousClock.now - start >= .milliseconds(50))
        #expect(Self.drain(&reader).count == 100)
    }

    /// A reader on a thread of its own.
    private final class Sleeper: @unchecked Sendable {
        private var reader: MergedReader
        private let done = Atomic<Int>(0)
        init(_ reader: consuming MergedReader) { self.reader = reader }

        /// Packets that it found when it woke; 0 while it sleeps.
        var taken: Int { done.load(ordering: .acquiring) }

        func sleep(forBytes bytes: Int) {
            reader.wait(forBytes: bytes, unless: nil, nanoseconds: 30_000_000_000)
            done.store(`A merged reader`.drain(&reader).count, ordering: .releasing)
        }
    }

    @Test func `is woken by the packet that makes a batch`() throws {
        var rings = try Rings()
        let sleeper = Sleeper(try rings.reader(of: 1))
        Thread { sleeper.sleep(forBytes: 100_000) }.start()
        let start = ContinuousClock.now
        var count: UInt64 = 0
        while sleeper.taken == 0, ContinuousClock.now - start < .seconds(20) {
            // 695 records make 100,000 bytes.
            if count < 700 {
                rings.append(count..<count + 10, to: 0)
                count += 10
            }
            usleep(1_000)
        }
        #expect(count == 700 && sleeper.taken >= 690)
    }

    @Test func `is called from its sleep, and by a call that came before it`() throws {
        let rings = try Rings()
        var reader = try rings.reader(of: 2)
        let call = WakeCall()
        call.raise()
        let start = ContinuousClock.now
        reader.wait(forBytes: 1, unless: call, nanoseconds: 30_000_000_000)
        call.clear()
        let thread = Thread {
            usleep(20_000)
            call.raise()
        }
        thread.start()
        reader.wait(forBytes: 1, unless: call, nanoseconds: 30_000_000_000)
        #expect(call.isRaised && ContinuousClock.now - start < .seconds(20))
    }
}

@Suite struct `The name of a ring` {
    @Test(arguments: [
        ("eth0.1", "eth0", 1, nil), ("eth0.100.0", "eth0.100", 0, nil), ("eth0.0-113", "eth0", 0, 113),
        ("file.0", "file", 0, nil),
    ])
    func `is an interface, a queue and perhaps a link type`(
        name: String,
        interface: String,
        queue: Int,
        linkType: Int?
    ) throws {
        let ring = try #require(RingName(name))
        #expect(ring.interface == interface && ring.queue == queue && ring.linkType == linkType)
    }

    @Test(arguments: ["", "eth0", ".0", "eth0.", "eth0.x", "eth0.1-", "eth0.1-x", "eth0.-1", "a.9999999999"])
    func `is none if it is made otherwise`(name: String) {
        #expect(RingName(name) == nil)
    }
}
