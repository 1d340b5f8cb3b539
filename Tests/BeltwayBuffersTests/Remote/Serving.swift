// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Foundation
import Synchronization
import Testing

/// Carries what cannot be copied into a thread.
private final class Carrier<Value: ~Copyable>: @unchecked Sendable {
    private var value: Value?
    init(_ value: consuming Value) { self.value = consume value }
    func take() -> Value {
        guard let taken = value.take() else { preconditionFailure("taken twice") }
        return taken
    }
}

/// A server of one ring for one client, in a thread of its own, until it is told to stop or the client leaves.
final class Serving: @unchecked Sendable {
    private let isStopped = Atomic<Bool>(false)
    private let done = DispatchSemaphore(value: 0)
    private let outcome = Mutex<RemoteSessionReport?>(nil)

    init<Channel: RemoteChannel & ~Copyable>(
        _ channel: consuming Channel,
        _ buffers: [DataBuffer],
        limits: RemoteServerLimits = RemoteServerLimits()
    ) {
        let service = Service(channel, buffers, limits)
        let thread = Thread { [self] in
            let report = service.run { isStopped.load(ordering: .relaxed) }
            outcome.withLock { $0 = report }
            done.signal()
        }
        thread.start()
    }

    /// What the thread does, whatever the channel.
    private struct Service: @unchecked Sendable {
        let run: (() -> Bool) -> RemoteSessionReport?

        init<Channel: RemoteChannel & ~Copyable>(
            _ channel: consuming Channel,
            _ buffers: [DataBuffer],
            _ limits: RemoteServerLimits
        ) {
            let carrier = Carrier(channel)
            run = { stop in
                var session = try? RemoteSession(carrier.take(), limits: limits)
                return session?.run(stop: stop) { name in
                    if let found = buffers.first(where: { name.isEmpty || $0.name == name }) {
                        return .ring(found)
                    }
                    return .none(known: buffers.map(\.name))
                }
            }
        }
    }

    /// Tells it to stop.
    func stop() { isStopped.store(true, ordering: .relaxed) }

    /// Waits for its end; nil if it does not come within a minute.
    func report() -> RemoteSessionReport? {
        guard done.wait(timeout: .now() + 60) == .success else { return nil }
        done.signal()
        return outcome.withLock { $0 }
    }
}

/// A reader in memory and what serves it.
func serveInMemory(
    _ buffer: DataBuffer,
    limits: RemoteServerLimits = RemoteServerLimits()
) throws -> (client: Held<MemoryChannel>, serving: Serving) {
    let pair = try MemoryChannel.pair()
    var result: (Held<MemoryChannel>, Serving)?
    pair.split { client, server in
        result = (Held(client), Serving(server, [buffer], limits: limits))
    }
    return try #require(result)
}

/// Keeps a channel until a reader takes it.
final class Held<Channel: ~Copyable> {
    private var channel: Channel?
    init(_ channel: consuming Channel) { self.channel = consume channel }
    func take() throws -> Channel {
        guard let taken = channel.take() else { throw RemoteError.closed }
        return taken
    }
}

/// What a consumer saw of a ring, by whichever reader.
struct Sighting: Equatable {
    var packets: [UInt64] = []
    var wrong = 0
    var lapped = 0
    var read: UInt64 = 0
    var lost: UInt64 = 0
    var published: UInt64 = 0
    var failure: RemoteError?

    /// Reads to the end of the ring, looking at so many bytes of each packet of ``PacketText``.
    static func of<Reader: RecordReader & ~Copyable>(
        _ reader: inout Reader,
        bytes: Int = .max,
        seconds: Double = 60
    ) -> Sighting {
        var seen = Sighting()
        let deadline = Date().addingTimeInterval(seconds)
        while !reader.isAtEnd, Date() < deadline {
            guard let descriptor = reader.next() else {
                reader.wait(nanoseconds: 50_000_000)
                continue
            }
            let ordinal = reader.ordinal - 1
            let length = min(bytes, Int(descriptor.capturedLength))
            let isRight =
                descriptor.time.nanoseconds == 1_000_000_000 + ordinal
                && descriptor.originalLength == descriptor.capturedLength
            do {
                let matches = try reader.withBytes(of: descriptor, offset: 0, length: length) {
                    $0.byteCount == length && PacketText.matches($0, ordinal: ordinal)
                }
                if !matches || !isRight { seen.wrong += 1 }
                seen.packets.append(ordinal)
            } catch {
                seen.lapped += 1
            }
            if reader.published != reader.read + reader.lost { seen.wrong += 1 }
        }
        (seen.read, seen.lost, seen.published) = (reader.read, reader.lost, reader.published)
        seen.failure = reader.failure
        return seen
    }
}

/// Lengths of packets as in traffic: many short, some full, few long.
func trafficLength(_ ordinal: UInt64) -> Int {
    switch ordinal % 10 {
    case 0..<4: 60 + Int(ordinal % 7)
    case 4..<6: 300 + Int(ordinal % 131)
    case 6: 0
    default: 1_400 + Int(ordinal % 100)
    }
}

extension DataBufferProducer {
    /// Appends packets of ``PacketText`` and publishes them in batches.
    mutating func produce(
        _ ordinals: Range<UInt64>,
        batch: UInt64 = 16,
        length: (UInt64) -> Int = trafficLength
    ) {
        for ordinal in ordinals {
            while !append(ordinal: ordinal, length: length(ordinal)) { publish() }
            if ordinal % batch == 0 { publish() }
        }
        publish()
    }
}

/// Reads to the end of the ring by whichever strategy, after something was done first.
struct Reading: RemoteReaderUse {
    var bytes = Int.max
    var before: () -> Void = {}
    var counters = RemoteCounters()
    var ring: RemoteRing?

    mutating func use<Reader: RemoteRecordReader & ~Copyable>(_ reader: inout Reader) -> Sighting {
        before()
        let seen = Sighting.of(&reader, bytes: bytes)
        counters = reader.counters
        ring = reader.ring
        return seen
    }
}
