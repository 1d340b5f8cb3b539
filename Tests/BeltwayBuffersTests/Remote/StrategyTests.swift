// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Testing

@testable import BeltwayBuffers

/// Publishes packets once a reader has attached, reads them by a strategy, and says what was seen.
private func read(
    _ strategy: RemoteStrategy,
    packets: UInt64,
    capacity: Int = 1 << 20,
    bytes: Int = .max,
    limits: RemoteServerLimits = RemoteServerLimits(),
    options: RemoteReaderOptions = RemoteReaderOptions(),
    length: @escaping (UInt64) -> Int = trafficLength
) throws -> (seen: Sighting, counters: RemoteCounters, report: RemoteSessionReport) {
    let buffer = try makeBuffer(capacity, .fastReader)
    let (client, serving) = try serveInMemory(buffer, limits: limits)
    var consumer = Reading(bytes: bytes)
    consumer.before = {
        var producer = buffer.makeProducer()
        _ = try? producer.addInterface(named: "eth0")
        producer.produce(0..<packets, length: length)
        producer.close()
    }
    let seen = try strategy.open(try client.take(), options, &consumer)
    let report = try #require(serving.report())
    #expect(consumer.ring?.interfaces == ["eth0"] && consumer.ring?.name == "test.0")
    #expect(report.ring == "test.0" && report.error == nil)
    return (seen, consumer.counters, report)
}

@Suite struct `A reader of a ring on another host` {
    @Test(arguments: RemoteStrategy.allCases)
    func `reads every byte of every packet, as a local one does`(strategy: RemoteStrategy) throws {
        let packets: UInt64 = 1_000
        let (seen, _, report) = try read(strategy, packets: packets)
        #expect(seen.packets == Array(0..<packets))
        #expect(seen.wrong == 0 && seen.lapped == 0 && seen.failure == nil)
        #expect(seen.read == packets && seen.lost == 0 && seen.published == packets)
        #expect(report.read == packets && report.lost == 0)

        let buffer = try makeBuffer(1 << 20, .fastReader)
        var local = try DescriptorReader(buffer)
        var producer = buffer.makeProducer()
        producer.produce(0..<packets)
        producer.close()
        #expect(Sighting.of(&local) == seen)
    }

    @Test(arguments: RemoteStrategy.allCases)
    func `converts the descriptors of a machine of the other byte order`(strategy: RemoteStrategy) throws {
        var limits = RemoteServerLimits()
        limits.descriptorOrder = RemoteWire.nativeOrder == .little ? .big : .little
        let (seen, _, _) = try read(strategy, packets: 500, limits: limits)
        #expect(seen.packets == Array(0..<500) && seen.wrong == 0 && seen.failure == nil)
    }

    @Test(arguments: RemoteStrategy.allCases)
    func `counts exactly what was overwritten before it could be fetched`(strategy: RemoteStrategy) throws {
        let packets: UInt64 = 5_000
        let (seen, _, report) = try read(strategy, packets: packets, capacity: 65_536)
        #expect(seen.published == packets && seen.read + seen.lost == packets && seen.lost > 0)
        #expect(seen.wrong == 0 && seen.failure == nil)
        #expect(UInt64(seen.packets.count) == seen.read && seen.packets.last == packets - 1)
        #expect(report.read + report.lost == packets)
    }

    /// The producer stores the ordinal of its tail first; here it is stopped for good before it stores the tail.
    @Test(arguments: RemoteStrategy.allCases)
    func `gets records whose end the tail has not reached`(strategy: RemoteStrategy) throws {
        let buffer = try makeBuffer(1 << 20, .fastReader)
        let (client, serving) = try serveInMemory(buffer)
        var consumer = Reading()
        consumer.before = {
            var producer = buffer.makeProducer()
            let start = buffer.memory.tail.bytes
            producer.produce(0..<100, batch: 1_000)
            producer.close()
            buffer.memory.storeReleasing(ControlLayout.tail, start)
        }
        let seen = try strategy.open(try client.take(), RemoteReaderOptions(), &consumer)
        #expect(seen.packets == Array(0..<100) && seen.wrong == 0 && seen.failure == nil)
        #expect(serving.report()?.error == nil)
    }

    @Test(arguments: [16, 64, 128, 4_096, 65_536])
    func `fetches blocks of any length`(blockLength: Int) throws {
        var options = RemoteReaderOptions()
        options.blockLength = blockLength
        let (seen, _, _) = try read(.cachedCopy, packets: 600, options: options)
        #expect(seen.packets == Array(0..<600) && seen.wrong == 0 && seen.lapped == 0)
    }

    @Test func `may have a replica smaller than the original`() throws {
        var options = RemoteReaderOptions()
        options.replicaCapacity = 1
        for strategy in [RemoteStrategy.cachedCopy, .copyOnDemand] {
            let (seen, _, _) = try read(strategy, packets: 1_000, options: options)
            #expect(seen.packets == Array(0..<1_000) && seen.wrong == 0 && seen.lapped == 0)
        }
    }

    @Test func `with a need for headers moves headers only`() throws {
        let (packets, header): (UInt64, Int) = (500, 54)
        func moved(_ strategy: RemoteStrategy) throws -> (ring: Int, all: Int) {
            let (seen, counters, _) = try read(strategy, packets: packets, bytes: header) { _ in 1_400 }
            #expect(seen.read == packets && seen.wrong == 0)
            return (Int(counters.ringBytesReceived), Int(counters.bytesReceived))
        }
        let everything = Int(packets) * 1_440
        #expect(try moved(.copyOnce).ring == everything)
        // Zero-copy: the bytes that are touched, and no more; copy on demand rounds them to 16.
        #expect(try moved(.zeroCopy).ring == Int(packets) * header)
        #expect(try moved(.copyOnDemand).ring == Int(packets) * 80)
        // Cached copy: the blocks that hold them, three at most.
        let cached = try moved(.cachedCopy)
        #expect(cached.ring >= Int(packets) * header && cached.ring <= Int(packets) * 3 * 64)
        // With the descriptors and everything around it, still less than a fifth of the ring.
        #expect(cached.all < everything / 5)
    }

    @Test(arguments: [RemoteStrategy.cachedCopy, .copyOnDemand, .copyOnce])
    func `pays a round trip for a batch and not for a record`(strategy: RemoteStrategy) throws {
        for bytes in [54, Int.max] {
            let (seen, counters, _) = try read(strategy, packets: 4_000, capacity: 8 << 20, bytes: bytes)
            #expect(seen.read == 4_000)
            #expect(counters.waits < 60, "\(counters)")
        }
    }

    @Test func `by zero-copy pays for each access`() throws {
        let (_, counters, _) = try read(.zeroCopy, packets: 300, bytes: 20) { _ in 100 }
        #expect(counters.misses == 300 && counters.hits == 0 && counters.ringBytesReceived == 6_000)
    }

    @Test(arguments: RemoteStrategy.allCases)
    func `gets an empty ring's end`(strategy: RemoteStrategy) throws {
        let (seen, _, _) = try read(strategy, packets: 0)
        #expect(seen == Sighting())
    }

    @Test func `learns the rings that there are when it names none of them`() throws {
        let (client, serving) = try serveInMemory(try makeBuffer(32_768, .fastReader))
        var options = RemoteReaderOptions()
        options.ring = "eth7.0"
        var consumer = Reading()
        #expect(throws: RemoteError.refused(.noSuchRing, "test.0")) {
            _ = try RemoteStrategy.cachedCopy.open(try client.take(), options, &consumer)
        }
        #expect(serving.report()?.error == .refused(.noSuchRing, "test.0"))
    }

    @Test func `that reads a part now and the whole of some packets later moves no byte twice`() throws {
        let buffer = try makeBuffer(1 << 20, .fastReader)
        let (client, serving) = try serveInMemory(buffer)
        var reader = try CopyOnDemandReader(try client.take())
        var producer = buffer.makeProducer()
        producer.produce(0..<100) { _ in 1_000 }
        producer.close()
        var whole = 0
        while !reader.isAtEnd {
            guard let descriptor = reader.next() else {
                reader.wait(nanoseconds: 10_000_000)
                continue
            }
            let ordinal = reader.ordinal - 1
            for length in ordinal % 10 == 0 ? [14, 40, 1_000, 1_000, 60] : [14, 40] {
                let isRight = try reader.withBytes(of: descriptor, offset: 0, length: length) {
                    PacketText.matches($0, ordinal: ordinal)
                }
                #expect(isRight)
            }
            if ordinal % 10 == 0 { whole += 1 }
        }
        reader.close()
        let moved = reader.counters.ringBytesReceived
        // Each 16 bytes that hold one of the first 40 of a packet, and the rest of ten records.
        #expect(moved == 100 * 64 + UInt64(whole) * (1_040 - 64) && whole == 10)
        #expect(serving.report()?.error == nil)
    }
}
