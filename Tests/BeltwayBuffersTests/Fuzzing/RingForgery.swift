// SPDX-License-Identifier: Apache-2.0
// A ring whose owner lies: control page, spaces, markers and lengths are what the input says, and so are the areas that
// it hands over and the cursor page that both sides write; all of it changes between any two steps of a reader.

import Foundation

@testable import BeltwayBuffers

/// The memory of a ring that is written without regard for any invariant.
final class ForgedRing: @unchecked Sendable {
    static let capacity = 16_384
    let control: SharedMemory
    let area: SharedMemory
    let pages: [SharedMemory]

    init() throws {
        control = try SharedMemory(creating: "forged-ring", length: ControlLayout.ringLength)
        area = try SharedMemory(creating: "forged-area", length: Self.capacity)
        pages = try (0..<2).map { _ in try SharedMemory(creating: "forged-page", length: 4096) }
        try control.seal()
        try area.seal()
        for page in pages { try page.sealSize() }
        for kind in [BufferKind.slots, .stream, .marked, .index] {
            reset(kind, .blocking, .fixed)
            _ = try attach(withPages: true)
        }
    }

    /// What an honest owner says of a ring in which nothing is published yet.
    func reset(_ kind: BufferKind, _ policy: BufferPolicy, _ resizing: Resizing) {
        for memory in pages + [control] {
            memory.base.initializeMemory(as: UInt8.self, repeating: 0, count: memory.length)
        }
        let words: [(Int, UInt64)] = [
            (ControlLayout.magicOffset, ControlLayout.magic),
            (ControlLayout.versionOffset, ControlLayout.version),
            (ControlLayout.capacityOffset, UInt64(Self.capacity)), (ControlLayout.generationOffset, 1),
            (ControlLayout.policyOffset, policy.rawValue), (ControlLayout.kindOffset, kind.rawValue),
            (ControlLayout.slotLengthOffset, 256), (ControlLayout.resizingOffset, resizing.rawValue),
            (ControlLayout.minimumLengthOffset, 4096), (ControlLayout.epochCount, 1),
            (ControlLayout.epochRow(0) + 24, UInt64(Self.capacity)),
        ]
        for (offset, word) in words { store(word, at: offset) }
    }

    func store(_ word: UInt64, at offset: Int) {
        control.base.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
    }

    func attach(withPages: Bool) throws -> Ring {
        let file = area.descriptor
        return try Ring(
            attachingTo: "forged",
            controlDescriptor: control.descriptor,
            cursorDescriptor: withPages ? pages[0].descriptor : nil,
            bellDescriptor: withPages ? pages[1].descriptor : nil,
            // One area in eight cannot be had; the others are all the same memory.
            areaSource: { number in number % 8 == 7 ? nil : dup(file) }
        )
    }
}

/// A reader of such a ring, step by step.
struct RingForgery<Layout: BlockLayout>: ~Copyable {
    private let forged: ForgedRing
    private let ring: Ring
    private var reader: RingReader<Layout>
    private var input: ForgedInput
    private var loaded: UInt64 = 0

    fileprivate init(
        _ input: ForgedInput,
        _ forged: ForgedRing,
        _ ring: Ring,
        _ reader: consuming RingReader<Layout>
    ) {
        (self.input, self.forged, self.ring) = (input, forged, ring)
        self.reader = reader
    }

    fileprivate mutating func run() {
        while !input.isEmpty {
            step()
            precondition(reader.published == reader.read &+ reader.lost, "published = read + lost")
            _ = (reader.isAtEnd, reader.lagInBytes, ring.length, ring.newestEpoch())
        }
    }

    /// Where bytes may come from: the reader's present view.
    private var mapping: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: reader.space.base,
            count: Int(reader.space.length) * (Layout.isMirrored ? 2 : 1)
        )
    }

    private mutating func step() {
        switch input.byte() % 12 {
        case 0..<5: RingForging.forge(&input, forged)
        case 5..<8: for _ in 0..<input.byte() % 16 { take() }
        case 8:
            let block = made()
            let mapping = mapping
            loaded &+= reader.withBytes(of: block) { sum($0, within: mapping) }
            if reader.seek(to: block) {
                let mapping = self.mapping
                loaded &+= reader.withBytes(of: block) { sum($0, within: mapping) }
                _ = reader.isWhole(block)
            }
        case 9:
            reader.release()
            reader.wait(nanoseconds: 0)
        case 10:
            do { reader = try RingReader(ring, as: Layout.self, holding: input.byte() % 2 == 0) } catch {}
        default:
            // A second reader of the process, and one more look at what the owner holds for it.
            _ = (ring.tail, ring.tailOrdinal, ring.coordination.heldFrom, ring.generation)
            if let second = try? RingReader(ring, as: Layout.self) { _ = consume second }
        }
    }

    private mutating func take() {
        let limit = input.byte() % 4 == 0 ? Int(input.number(2)) : .max
        guard let block = reader.next(atMost: limit) else { return }
        let mapping = mapping
        loaded &+= reader.withBytes(of: block) {
            precondition($0.byteCount == block.length, "a block that was taken has its bytes")
            return sum($0, within: mapping)
        }
        if !reader.isWhole(block) || input.byte() % 8 == 0 { reader.giveBackLapped(block) }
    }

    private mutating func made() -> BeltwayBuffers.Block {
        BeltwayBuffers.Block(
            position: Position(input.word()),
            header: Int(truncatingIfNeeded: input.word()),
            length: Int(truncatingIfNeeded: input.word()),
            ordinal: input.word()
        )
    }
}

/// What is stored, whatever the kind.
enum RingForging {
    private static let words = [
        ControlLayout.tail, ControlLayout.intent, ControlLayout.closed, ControlLayout.epochCount,
        ControlLayout.wakeWord,
    ]
    private static let head = [
        ControlLayout.magicOffset, ControlLayout.versionOffset, ControlLayout.capacityOffset,
        ControlLayout.policyOffset, ControlLayout.kindOffset, ControlLayout.slotLengthOffset,
        ControlLayout.alignmentOffset, ControlLayout.resizingOffset, ControlLayout.minimumLengthOffset,
    ]

    /// Runs one input from its first byte to its last.
    static func run(_ input: ForgedInput, on forged: ForgedRing, headers: ForgedRing) {
        var input = input
        let kinds = [BufferKind.slots, .stream, .marked, .index, .described]
        let policy = BufferPolicy(rawValue: UInt64(input.choice(4)) + 1) ?? .blocking
        let resizing = Resizing(rawValue: UInt64(input.choice(3))) ?? .fixed
        let kind = kinds[input.choice(5)]
        if kind == .described {
            return DescribedForgery.run(input, policy, resizing, bodies: forged, headers: headers)
        }
        forged.reset(kind, policy, resizing)
        for _ in 0..<input.choice(16) { forge(&input, forged) }
        if input.byte() % 8 == 0 { forged.store(input.word(), at: head[input.choice(head.count)]) }
        guard let ring = try? forged.attach(withPages: input.byte() % 2 == 0) else { return }
        switch ring.kind {
        case .slots: read(ring, as: SlotLayout.self, input, forged)
        case .marked: read(ring, as: MarkedLayout.self, input, forged)
        case .index: read(ring, as: EntryLayout.self, input, forged)
        case .stream where input.byte() % 4 == 0: read(ring, as: BodyLayout.self, input, forged)
        case .stream: read(ring, as: StreamLayout.self, input, forged)
        case .described: preconditionFailure("a ring that cannot be")
        }
    }

    private static func read<Layout: BlockLayout>(
        _ ring: Ring,
        as layout: Layout.Type,
        _ input: ForgedInput,
        _ forged: ForgedRing
    ) {
        do {
            let reader = try RingReader(ring, as: layout)
            var run = RingForgery(input, forged, ring, reader)
            run.run()
        } catch {}
    }

    static func forge(_ input: inout ForgedInput, _ forged: ForgedRing) {
        switch input.byte() % 12 {
        case 0..<3: forged.store(input.word(), at: words[input.choice(words.count)])
        case 3..<6:
            // A tail that can be: position and ordinals agree, and intent is near.
            let tail = input.word() & ~0xff
            forged.store(tail, at: ControlLayout.tail)
            forged.store(tail / 256, at: ControlLayout.tailOrdinal)
            // Seldom otherwise: a reader that finds them at odds waits a little for the producer.
            forged.store(input.byte() == 0 ? input.word() : tail / 256, at: ControlLayout.tailOrdinalBefore)
            forged.store(tail &+ input.number(2), at: ControlLayout.intent)
        case 6..<8:
            // A space that its number finds.
            let number = input.byte() % 4 == 0 ? input.word() : input.number(1) % 20
            let row = ControlLayout.epochRow(number)
            forged.store(input.word() & ~0xff, at: row + 8)
            forged.store(input.word() & ~0xff, at: row + 16)
            forged.store(input.byte() % 4 == 0 ? input.word() : 4096 << (input.number(1) % 3), at: row + 24)
            forged.store(input.number(1), at: row + 32)
            forged.store(number, at: row)
            forged.store(number &+ 1, at: ControlLayout.epochCount)
        case 8..<10:
            let offset = input.choice(ForgedRing.capacity / 8) * 8
            forged.area.base.storeBytes(of: input.word(), toByteOffset: offset, as: UInt64.self)
        case 10:
            let page = forged.pages[input.choice(2)]
            page.base.storeBytes(of: input.word(), toByteOffset: input.choice(32) * 8, as: UInt64.self)
        default: forged.store(input.word(), at: input.choice(ControlLayout.ringLength / 8) * 8)
        }
    }
}
