// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

@testable import BeltwayBuffers

/// Real threads and processes, a million self-checking blocks for every kind: no torn one is ever taken for whole, and
/// what was published was read or lost.
@Suite(.serialized, .tags(.slow)) struct `A million blocks` {
    @Test(
        arguments: [BufferPolicy.fastReader, .blocking, .slowReader, .mediumReader],
        [Resizing.fixed, .partial, .replacing]
    )
    func `of slots between threads`(policy: BufferPolicy, resizing: Resizing) throws {
        try between(CheckedBlocks<SlotLayout>(kind: .slots), policy, resizing)
    }

    @Test(
        arguments: [BufferPolicy.fastReader, .blocking, .slowReader, .mediumReader],
        [Resizing.fixed, .partial, .replacing]
    )
    func `with markers between threads`(policy: BufferPolicy, resizing: Resizing) throws {
        try between(CheckedBlocks<MarkedLayout>(kind: .marked), policy, resizing)
    }

    @Test(
        arguments: [BufferPolicy.fastReader, .blocking, .slowReader, .mediumReader],
        [Resizing.fixed, .partial, .replacing]
    )
    func `of a stream between threads`(policy: BufferPolicy, resizing: Resizing) throws {
        try between(CheckedBlocks<StreamLayout>(kind: .stream), policy, resizing)
    }

    @Test(
        arguments: [BufferPolicy.fastReader, .blocking, .slowReader, .mediumReader],
        [Resizing.fixed, .partial, .replacing]
    )
    func `of entries between threads`(policy: BufferPolicy, resizing: Resizing) throws {
        try between(CheckedBlocks<EntryLayout>(kind: .index), policy, resizing)
    }

    @Test(
        arguments: [BufferKind.slots, .marked, .stream, .index],
        [BufferPolicy.fastReader, .blocking, .slowReader, .mediumReader]
    )
    func `between processes`(kind: BufferKind, policy: BufferPolicy) async throws {
        let count: UInt64 = 1_000_000
        let ring = try Ring(
            name: "litmus",
            options: RingOptions(kind: kind, policy: policy, capacity: 65_536, slotLength: 128)
        )
        ring.coordination.patience.store(60_000_000_000, ordering: .relaxed)
        let place = try ring.makeInheritedReader(holds: true)
        let writer = TestThread {
            // A child that does not hold the ring has to be there first.
            if policy == .fastReader { ReadingProcess.waitForMark(place, seconds: 60) }
            switch kind {
            case .slots: produceAll(count, into: ring, CheckedBlocks<SlotLayout>(kind: kind), batch: 8)
            case .marked: produceAll(count, into: ring, CheckedBlocks<MarkedLayout>(kind: kind), batch: 8)
            case .stream: produceAll(count, into: ring, CheckedBlocks<StreamLayout>(kind: kind), batch: 8)
            default: produceAll(count, into: ring, CheckedBlocks<EntryLayout>(kind: kind), batch: 8)
            }
        }
        let perBlock: UInt64 = kind == .stream ? 64 : 1
        await #expect(processExitsWith: .success) {
            [
                parent = getpid() as Int32, files = place.descriptors as [Int32],
                kind = kind.rawValue as UInt64, expected = count * perBlock as UInt64
            ] in
            let ledger = try ReadingProcess.read(parent, files, kind)
            #expect(ledger.isRight && ledger.published == expected, "\(ledger)")
        }
        #expect(writer.join())
    }

    private func between<Layout: BlockLayout>(
        _ blocks: CheckedBlocks<Layout>,
        _ policy: BufferPolicy,
        _ resizing: Resizing
    ) throws {
        let count: UInt64 = 1_000_000
        let ring = try Ring(
            name: "litmus",
            options: RingOptions(
                kind: blocks.kind,
                policy: policy,
                capacity: 65_536,
                slotLength: 128,
                resizing: resizing
            )
        )
        let readers = try [LitmusReader(ring, blocks), LitmusReader(ring, blocks, pause: 2000)]
        let threads = readers.map { reading in TestThread { reading.run() } }
        let writer = TestThread {
            produceAll(count, into: ring, blocks, batch: 8) { producer, number in
                if resizing != .fixed, number % 500 == 0 {
                    producer.resize(to: 4096 << Int(number / 500 % 5))
                }
            }
        }
        #expect(writer.join() && threads.allSatisfy { $0.join() })
        for reading in readers {
            #expect(reading.ledger.isRight, "\(reading.ledger)")
            #expect(reading.ledger.published == count * blocks.count)
            #expect(policy == .fastReader || policy == .mediumReader || reading.ledger.lost == 0)
        }
    }
}

/// A reader in a thread.
final class LitmusReader<Layout: BlockLayout>: @unchecked Sendable {
    private var reader: RingReader<Layout>
    private let blocks: CheckedBlocks<Layout>
    private let pause: UInt64
    private(set) var ledger = BlockLedger()

    init(_ ring: Ring, _ blocks: CheckedBlocks<Layout>, pause: UInt64 = 0) throws {
        reader = try RingReader(ring, as: Layout.self)
        self.blocks = blocks
        self.pause = pause
    }

    func run() { ledger = readToEnd(&reader, blocks, pause: pause) }
}

/// What the child of an exit test does: attaches to the ring of its parent by the parent's descriptors.
enum ReadingProcess {
    /// A word of the cursor page that nobody else uses: the child says there that it is attached, and who it is.
    static let mark = 24

    /// Reads to the end; before that does something to itself after `stopAfter` blocks.
    static func read(
        _ parent: Int32,
        _ files: [Int32],
        _ kind: UInt64,
        signal: Int32 = 0,
        after stopAfter: UInt64 = .max
    ) throws -> BlockLedger {
        let ring = try Ring(inheriting: open(parent, files), name: "parent")
        func read<Layout: BlockLayout>(_ blocks: CheckedBlocks<Layout>) throws -> BlockLedger {
            var reader = try RingReader(ring, as: Layout.self)
            ring.coordination.cursor?.store(Self.mark, UInt64(getpid()))
            let ledger = readToEnd(&reader, blocks) { if $0 == stopAfter { kill(getpid(), signal) } }
            // One that lost so much that it never came so far dies at the end.
            if signal == SIGKILL { kill(getpid(), signal) }
            return ledger
        }
        switch BufferKind(rawValue: kind) {
        case .slots: return try read(CheckedBlocks<SlotLayout>(kind: .slots))
        case .marked: return try read(CheckedBlocks<MarkedLayout>(kind: .marked))
        case .stream: return try read(CheckedBlocks<StreamLayout>(kind: .stream))
        default: return try read(CheckedBlocks<EntryLayout>(kind: .index))
        }
    }

    /// Opens the parent's descriptors: of each four the first two are read-only for everybody, the last two are this
    /// reader's to write.
    static func open(_ parent: Int32, _ files: [Int32]) throws -> [Int32] {
        let own = files.enumerated().map {
            Foundation.open("/proc/\(parent)/fd/\($1)", $0 % 4 < 2 ? O_RDONLY : O_RDWR)
        }
        guard own.allSatisfy({ $0 >= 0 }) else { throw BufferError.system(call: "open", errno: errno) }
        return own
    }

    /// In the parent: waits for the child to be attached.
    ///
    /// - Returns: The child's process; 0 if it did not come.
    @discardableResult
    static func waitForMark(_ place: InheritedReader, seconds: Int) -> Int32 {
        waitForMark(place.descriptors[2], seconds: seconds)
    }

    /// The same by the descriptor of the child's page.
    @discardableResult
    static func waitForMark(_ descriptor: Int32, seconds: Int) -> Int32 {
        guard let page = try? ReaderCursor(attaching: descriptor) else { return 0 }
        for _ in 0..<seconds * 1000 {
            let process = page.load(mark)
            if process != 0 { return Int32(truncatingIfNeeded: process) }
            usleep(1000)
        }
        return 0
    }
}
