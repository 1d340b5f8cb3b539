// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Foundation
import Testing

/// Code that takes any reader of blocks: it knows nothing of packets, of hosts, or of strategies.
private func digest<Reader: BlockReader & ~Copyable>(
    _ reader: inout Reader,
    firstBytes: Int = .max
) -> (sum: UInt64, bytes: Int) {
    var (sum, bytes) = (UInt64(0), 0)
    let deadline = Date().addingTimeInterval(60)
    while !reader.isAtEnd, Date() < deadline {
        guard let block = reader.nextBlock(atMost: .max) else {
            reader.wait(nanoseconds: 50_000_000)
            continue
        }
        let part = reader.withBytes(of: block) { span in
            (0..<min(firstBytes, span.byteCount)).reduce(block.ordinal &* 31) { sum, index in
                (sum ^ UInt64(span.unsafeLoad(fromByteOffset: index, as: UInt8.self))) &* 0x100_0000_01B3
            }
        }
        if reader.isWhole(block) {
            (sum, bytes) = (sum &+ part, bytes + block.length)
        } else {
            reader.giveBackLapped(block)
        }
        if reader.published != reader.read + reader.lost { return (0, -1) }
        reader.release()
    }
    return (sum, bytes)
}

@Suite struct `Code for any reader of blocks` {
    private static let packets: UInt64 = 800

    /// What it makes of a ring on this machine.
    private func local(firstBytes: Int) throws -> (sum: UInt64, bytes: Int) {
        let buffer = try makeBuffer(1 << 20, .fastReader)
        var reader = try DescriptorReader(buffer)
        var producer = buffer.makeProducer()
        producer.produce(0..<Self.packets)
        producer.close()
        return digest(&reader, firstBytes: firstBytes)
    }

    /// What it makes of the same ring on another host.
    private func remote<Reader: RemoteRecordReader & ~Copyable>(
        bytes: Int,
        capacity: Int = 1 << 20,
        _ open: (consuming MemoryChannel) throws -> Reader
    ) throws -> (digest: (sum: UInt64, bytes: Int), ledger: [UInt64], moved: UInt64) {
        let buffer = try makeBuffer(capacity, .fastReader)
        let (client, serving) = try serveInMemory(buffer)
        var blocks = try RecordBlocks(open(try client.take()), bytes: bytes)
        var producer = buffer.makeProducer()
        producer.produce(0..<Self.packets)
        producer.close()
        let result = digest(&blocks, firstBytes: bytes)
        let ledger = [blocks.published, blocks.read, blocks.lost]
        let moved = blocks.records.counters.ringBytesReceived
        blocks.records.close()
        #expect(serving.report()?.error == nil)
        return (result, ledger, moved)
    }

    private func remote(
        _ strategy: RemoteStrategy,
        bytes: Int,
        capacity: Int = 1 << 20
    ) throws -> (digest: (sum: UInt64, bytes: Int), ledger: [UInt64], moved: UInt64) {
        switch strategy {
        case .zeroCopy: try remote(bytes: bytes, capacity: capacity) { try ZeroCopyReader($0) }
        case .copyOnce: try remote(bytes: bytes, capacity: capacity) { try CopyOnceReader($0) }
        case .cachedCopy: try remote(bytes: bytes, capacity: capacity) { try CachedCopyReader($0) }
        case .copyOnDemand: try remote(bytes: bytes, capacity: capacity) { try CopyOnDemandReader($0) }
        }
    }

    @Test(arguments: RemoteStrategy.allCases)
    func `reads a ring of another host as one of this machine`(strategy: RemoteStrategy) throws {
        let expected = try local(firstBytes: .max)
        let found = try remote(strategy, bytes: .max)
        #expect(found.digest == expected && expected.bytes > 100_000)
        #expect(found.ledger == [Self.packets, Self.packets, 0])
    }

    @Test(arguments: [RemoteStrategy.zeroCopy, .cachedCopy, .copyOnDemand])
    func `that looks at headers only moves headers only`(strategy: RemoteStrategy) throws {
        let expected = try local(firstBytes: 40)
        let found = try remote(strategy, bytes: 40)
        #expect(found.digest.sum == expected.sum)
        let whole = try remote(strategy, bytes: .max)
        #expect(found.moved < whole.moved / 3, "\(found.moved) of \(whole.moved)")
    }

    @Test(arguments: RemoteStrategy.allCases)
    func `is told what was overwritten before it could be fetched`(strategy: RemoteStrategy) throws {
        let found = try remote(strategy, bytes: .max, capacity: 65_536)
        #expect(found.ledger[0] == Self.packets && found.ledger[2] > 0)
        #expect(found.ledger[0] == found.ledger[1] + found.ledger[2])
    }
}
