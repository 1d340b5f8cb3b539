// SPDX-License-Identifier: Apache-2.0
// A ring with headers out of band whose owner lies in both of its rings: headers that name any place and length, blocks
// that are not there, and tails of the two that do not agree.

@testable import BeltwayBuffers

/// A reader of such a pair, step by step.
struct DescribedForgery: ~Copyable {
    private let bodies: ForgedRing
    private let headers: ForgedRing
    private let ring: DescribedRing
    private var reader: DescribedReader
    private var input: ForgedInput
    private var loaded: UInt64 = 0

    /// Runs one input from where it is to its last byte.
    static func run(
        _ input: ForgedInput,
        _ policy: BufferPolicy,
        _ resizing: Resizing,
        bodies: ForgedRing,
        headers: ForgedRing
    ) {
        var input = input
        bodies.reset(.stream, policy, resizing)
        headers.reset(.index, policy, resizing)
        bodies.store(1, at: ControlLayout.describedOffset)
        for _ in 0..<input.choice(8) { forge(&input, bodies, headers) }
        let withPages = input.byte() % 2 == 0
        do {
            let ring = try DescribedRing(
                headers: headers.attach(withPages: withPages),
                bodies: bodies.attach(withPages: withPages)
            )
            var run = try DescribedForgery(input, ring, bodies, headers)
            run.run()
        } catch {}
    }

    private init(
        _ input: ForgedInput,
        _ ring: DescribedRing,
        _ bodies: ForgedRing,
        _ headers: ForgedRing
    ) throws {
        (self.input, self.bodies, self.headers, self.ring) = (input, bodies, headers, ring)
        reader = try DescribedReader(ring)
    }

    private mutating func run() {
        while !input.isEmpty {
            switch input.byte() % 10 {
            case 0..<5: Self.forge(&input, bodies, headers)
            case 5..<8: for _ in 0..<input.byte() % 16 { take() }
            case 8:
                reader.release()
                reader.wait(nanoseconds: 0)
                let window = ring.window
                precondition(window.lowerBound <= window.upperBound, "a window has two ends")
                _ = ring.position(ofBlock: input.word())
            default: do { reader = try DescribedReader(ring, holding: input.byte() % 2 == 0) } catch {}
            }
            precondition(reader.published == reader.read &+ reader.lost, "published = read + lost")
            _ = reader.isAtEnd
        }
    }

    private mutating func take() {
        guard let block = reader.nextBlock(atMost: .max) else { return }
        let mapping = UnsafeRawBufferPointer(
            start: reader.bodies.space.base,
            count: Int(reader.bodies.space.length) * 2
        )
        loaded &+= reader.withBytes(of: block) {
            precondition($0.byteCount == block.length, "a block that was taken has its bytes")
            return sum($0, within: mapping)
        }
        if !reader.isWhole(block) || input.byte() % 8 == 0 { reader.giveBackLapped(block) }
    }

    private static func forge(_ input: inout ForgedInput, _ bodies: ForgedRing, _ headers: ForgedRing) {
        switch input.byte() % 8 {
        case 0..<2: RingForging.forge(&input, bodies)
        case 2..<4: RingForging.forge(&input, headers)
        case 4: bodies.store(input.word(), at: ControlLayout.describedThrough)
        case 5:
            // A body's end and as many headers as an honest pair would have.
            let blocks = input.number(1)
            for (forged, tail) in [(bodies, blocks &* 64), (headers, blocks &* 32)] {
                forged.store(tail, at: ControlLayout.tail)
                forged.store(blocks, at: ControlLayout.tailOrdinal)
                forged.store(blocks, at: ControlLayout.tailOrdinalBefore)
                forged.store(tail &+ 64, at: ControlLayout.intent)
            }
        default:
            // A header: position and length that are near what can be, or anything.
            let slot = input.choice(ForgedRing.capacity / 32) * 32
            let position = input.byte() % 4 == 0 ? input.word() : UInt64(slot) &* 2
            headers.area.base.storeBytes(of: position, toByteOffset: slot, as: UInt64.self)
            let length = input.byte() % 4 == 0 ? input.word() : input.number(1)
            headers.area.base.storeBytes(
                of: UInt32(truncatingIfNeeded: length),
                toByteOffset: slot + 16,
                as: UInt32.self
            )
        }
    }
}
