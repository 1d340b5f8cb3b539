// SPDX-License-Identifier: Apache-2.0
// What the tests of sharing have in common: a folder of sockets, a ring that is written, readers that check.
import BeltwayBuffers
import BeltwayTestSupport
import Foundation
import Synchronization
import Testing

/// A server with one ring, in a folder of its own, and a thread that writes the ring until it is told to end.
final class SharedRingFixture: @unchecked Sendable {
    let folder = TemporaryFolder()
    let ring: DataBuffer
    let server: BufferServer
    private let stopFlag = Atomic<Bool>(false)
    private let written = Atomic<UInt64>(0)
    private var writer: TestThread?

    init(
        policy: AccessPolicy = .forTests,
        ringPolicy: BufferPolicy = .fastReader,
        capacity: Int = 262_144,
        waits: Bool = false,
        limits: SharingLimits = SharingLimits(),
        generation: UInt64 = 1
    ) throws {
        ring = try DataBuffer(
            name: "test.0",
            number: 3,
            linkType: .ethernet,
            capacity: capacity,
            policy: ringPolicy,
            generation: generation
        )
        server = try BufferServer(folder: folder.path, limits: limits)
        try server.share(ring, policy: policy, waitsForReaders: waits)
    }

    deinit {
        end()
        server.stop()
    }

    /// Writes packets of ``CheckedPacket``, in batches, until ``end()``; ends by itself after five minutes.
    func write(batch: Int = 100, pauseMicroseconds: UInt32 = 50) {
        writer = TestThread { [self] in
            var producer = ring.makeProducer()
            var words: [UInt64] = []
            var ordinal: UInt64 = 0
            let deadline = ContinuousClock.now + .seconds(300)
            while !stopFlag.load(ordering: .relaxed), ContinuousClock.now < deadline {
                filling: for _ in 0..<batch {
                    while !producer.append(checked: ordinal, &words) {
                        producer.publish()
                        producer.waitForRoom()
                        if stopFlag.load(ordering: .relaxed) { break filling }
                    }
                    ordinal += 1
                }
                producer.publish()
                written.store(ordinal, ordering: .relaxed)
                if pauseMicroseconds > 0 { usleep(pauseMicroseconds) }
            }
            producer.publish()
            producer.close()
        }
    }

    /// Packets written so far.
    var packets: UInt64 { written.load(ordering: .relaxed) }

    /// Ends the writer.
    func end() {
        stopFlag.store(true, ordering: .relaxed)
        if let writer { #expect(writer.join()) }
        writer = nil
    }
}

extension AccessPolicy {
    /// The tests' own user and group.
    static var forTests: AccessPolicy { AccessPolicy(owner: geteuid(), group: getegid()) }
}

/// What a reader saw until its producer ended or it had enough.
struct ReadingOutcome: Equatable {
    var torn: UInt64 = 0
    var read: UInt64 = 0
    var lost: UInt64 = 0
    var published: UInt64 = 0
    var isExact: Bool { torn == 0 && published == read + lost }
}

/// Reads an attached ring until its producer has ended, or `limit` packets were read.
func readToEnd(
    _ attached: AttachedBuffer,
    limit: UInt64 = .max,
    seconds: Double = 60,
    attachedSignal: DispatchSemaphore? = nil
) throws -> ReadingOutcome {
    defer { attachedSignal?.signal() }
    var reader = try DescriptorReader(attached.buffer)
    attachedSignal?.signal()
    reader.coalescing = .relaxed
    var outcome = ReadingOutcome()
    let deadline = ContinuousClock.now + .seconds(seconds)
    while reader.read < limit, ContinuousClock.now < deadline {
        guard let descriptor = reader.next() else {
            if reader.isAtEnd || attached.owner == .gone { break }
            reader.wait(nanoseconds: 20_000_000)
            continue
        }
        let ordinal = reader.ordinal - 1
        if let isWhole = try? reader.packet(descriptor, { CheckedPacket.isWhole($0, ordinal: ordinal) }),
            !isWhole
        {
            outcome.torn += 1
        }
    }
    reader.release()
    (outcome.read, outcome.lost, outcome.published) = (reader.read, reader.lost, reader.published)
    return outcome
}

/// Waits for something, for a bounded time.
///
/// - Returns: Whether it came true.
func eventually(seconds: Double = 10, _ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if condition() { return true }
        usleep(2_000)
    }
    return condition()
}

/// A reader in a thread of its own that has begun before the initializer returns: it is offered all that follows.
final class SteadyReader: @unchecked Sendable {
    private var outcome: ReadingOutcome?
    private var thread: TestThread?

    init(_ attached: AttachedBuffer) {
        let begun = DispatchSemaphore(value: 0)
        thread = TestThread { [self] in outcome = try? readToEnd(attached, attachedSignal: begun) }
        begun.wait()
    }

    /// What it saw, once the producer has ended.
    func finish() -> ReadingOutcome? {
        #expect(thread?.join() == true)
        return outcome
    }
}
