// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayBuffers

/// A channel that damages what it receives: flips bits, and may hang up in the middle.
struct DamagingChannel: ~Copyable, RemoteChannel {
    var base: MemoryChannel
    var random: RandomSource
    /// Bytes received before the damage begins.
    var spared: Int
    var hangsUp: Bool

    init(_ base: consuming MemoryChannel, seed: UInt64) {
        self.base = base
        random = RandomSource(seed: seed)
        spared = Int.random(in: 0..<3_000, using: &random)
        hangsUp = random.oneIn(4)
    }

    mutating func send(_ bytes: RawSpan, nanoseconds: Int64) throws(RemoteError) {
        try base.send(bytes, nanoseconds: nanoseconds)
    }

    mutating func receive(into bytes: inout MutableRawSpan, nanoseconds: Int64) throws(RemoteError) -> Int {
        let count = try base.receive(into: &bytes, nanoseconds: nanoseconds)
        if count > spared, hangsUp, random.oneIn(3) { throw .closed }
        for _ in 0..<3 where count > spared {
            let index = Int.random(in: spared..<count, using: &random)
            var byte: UInt8 = 0
            bytes.withUnsafeMutableBytes { byte = $0[index] }
            bytes.storeBytes(of: byte ^ (1 << UInt8(random.next() & 7)), toByteOffset: index, as: UInt8.self)
        }
        spared = max(0, spared - count)
        return count
    }
}

/// Bytes of messages, built by hand.
struct Script {
    var bytes: [UInt8] = []

    mutating func append(_ value: UInt64, _ count: Int) {
        for index in (0..<count).reversed() {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
        }
    }
    mutating func message(_ type: UInt8, tag: UInt64 = 0, length: Int? = nil, _ body: [UInt8] = []) {
        append(UInt64(length ?? 16 + body.count), 4)
        append(UInt64(type) << 24, 4)
        append(tag, 4)
        append(0, 4)
        bytes += body
    }
    static func body(_ fields: (UInt64, Int)...) -> [UInt8] {
        var script = Script()
        for (value, count) in fields { script.append(value, count) }
        return script.bytes
    }
    static func welcome(capacity: UInt64 = 32_768, version: UInt64 = 1, order: UInt64 = 1) -> [UInt8] {
        body(
            (0x4245_4c54_5741_5952, 8),
            (version, 2),
            (order, 1),
            (1, 1),
            (1, 2),
            (0, 2),
            (capacity, 8),
            (7, 8),
            (0, 8),
            (0, 8),
            (0, 2),
            (0, 4)
        )
    }
    static func hello() -> [UInt8] { body((0x4245_4c54_5741_5952, 8), (1, 2), (0, 2)) }
    /// A batch of records that say they are at these positions.
    static func batch(first: UInt64, tail: UInt64, count: UInt64, descriptors: [UInt8] = []) -> [UInt8] {
        body((first, 8), (tail, 8), (1 << 20, 8), (0, 8), (count, 4), (0, 4)) + descriptors
    }
    static func descriptor(position: UInt64, captured: UInt32, length: UInt32) -> [UInt8] {
        var descriptor = Descriptor(
            position: Position(position),
            time: .zero,
            capturedLength: captured,
            originalLength: captured,
            recordLength: length,
            interface: 0,
            flags: []
        )
        return withUnsafeBytes(of: &descriptor) { Array($0) }
    }
}

/// Answers a client with a script, message by message: what it says first, then one more after each message that comes.
func scripted(
    _ answers: [[UInt8]],
    strategy: RemoteStrategy = .cachedCopy,
    options: RemoteReaderOptions = RemoteReaderOptions(),
    hangsUp: Bool = true
) throws -> (error: RemoteError?, seen: Sighting?) {
    let pair = try MemoryChannel.pair()
    var held: (Held<MemoryChannel>, Held<MemoryChannel>)?
    pair.split { held = (Held($0), Held($1)) }
    let (client, server) = try #require(held)
    nonisolated(unsafe) let end = server
    let thread = TestThread {
        guard var channel = try? end.take() else { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var come: [UInt8] = []
        for answer in answers {
            var waited = 0
            // One message of the client, however they come.
            while come.count < 16 || come.count < Int(come[2]) << 8 | Int(come[3]), waited < 250 {
                var whole = buffer.mutableSpan
                var span = whole.mutableBytes
                guard let count = try? channel.receive(into: &span, nanoseconds: 20_000_000) else { return }
                come += buffer[..<count]
                waited += 1
            }
            if come.count >= 4 { come.removeFirst(min(come.count, Int(come[2]) << 8 | Int(come[3]))) }
            guard (try? channel.send(answer.span.bytes, nanoseconds: 1_000_000_000)) != nil else { return }
        }
        if !hangsUp { usleep(3_000_000) }
    }
    var consumer = Reading()
    var options = options
    options.helloSeconds = hangsUp ? 20 : 1
    options.silenceSeconds = hangsUp ? 20 : 1
    let result: (RemoteError?, Sighting?)
    do {
        let seen = try strategy.open(try client.take(), options, &consumer)
        result = (seen.failure, seen)
    } catch let error as RemoteError {
        result = (error, nil)
    }
    #expect(thread.join())
    return result
}

func message(_ type: UInt8, tag: UInt64 = 0, length: Int? = nil, _ body: [UInt8] = []) -> [UInt8] {
    var script = Script()
    script.message(type, tag: tag, length: length, body)
    return script.bytes
}
