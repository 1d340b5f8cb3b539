// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import Testing

@Suite struct `The step of a lapped reader` {
    @Test func `grows quadratically with each miss that follows at once`() {
        var step = OverwriteStep()
        var ordinal: UInt64 = 1000
        var steps: [UInt64] = []
        for _ in 0..<5 {
            steps.append(step.miss(at: ordinal, limit: 1 << 20))
            ordinal += steps.last ?? 0
        }
        #expect(steps == [1, 4, 9, 16, 25])
    }

    @Test func `shrinks by one with each hit`() {
        var step = OverwriteStep()
        var ordinal: UInt64 = 1000
        for _ in 0..<5 { ordinal += step.miss(at: ordinal, limit: 1 << 20) }
        // 25, and 10 hits: 15 are left, of which the next square but one is 25 again; 21 hits leave 4, so 9.
        #expect(step.miss(at: ordinal + 10, limit: 1 << 20) == 25)
        ordinal += 10 + 25
        #expect(step.miss(at: ordinal + 21, limit: 1 << 20) == 9)
        #expect(step.miss(at: ordinal + 100_000, limit: 1 << 20) == 1)
    }

    @Test func `never exceeds what makes sense, nor goes on growing there`() {
        var step = OverwriteStep()
        var ordinal: UInt64 = 0
        for _ in 0..<1000 {
            let next = step.miss(at: ordinal, limit: 10)
            #expect(next >= 1 && next <= 10)
            ordinal += next
        }
        #expect(step.miss(at: ordinal + 30, limit: 10) == 1)
    }
}

@Suite struct `A ring that under-reports` {
    @Test func `tells all of its room while it is less than half full`() {
        var avoidance = ExhaustionAvoidance(agility: 1)
        #expect(avoidance.report(free: 1000, of: 1000) == 1000)
        #expect(avoidance.report(free: 900, of: 1000) == 900)
    }

    @Test func `tells less, gradually, as it fills, and more as it empties`() {
        var avoidance = ExhaustionAvoidance(agility: 0.25)
        var shares: [UInt64] = []
        for _ in 0..<20 { shares.append(avoidance.report(free: 200, of: 1000)) }
        #expect(shares.allSatisfy { $0 <= 200 })
        #expect(zip(shares, shares.dropFirst()).dropFirst().allSatisfy { $0 >= $1 })
        #expect((shares.last ?? 0) < 100)
        var back: [UInt64] = []
        for _ in 0..<40 { back.append(avoidance.report(free: 1000, of: 1000)) }
        #expect((back.last ?? 0) > 990)
    }

    @Test(arguments: [UInt64(0), 1, 7, 8, 1000, .max])
    func `never tells more than there is`(free: UInt64) {
        var avoidance = ExhaustionAvoidance()
        for _ in 0..<10 { #expect(avoidance.report(free: free, of: 1000) <= free) }
    }

    @Test func `refuses blocks before it is full, and takes them again`() throws {
        let ring = try Ring(
            name: "a",
            options: RingOptions(kind: .slots, capacity: 16_384, slotLength: 64, avoidsExhaustion: true)
        )
        var producer = ring.makeProducer(SlotLayout.self)
        var reader = try RingReader(ring, as: SlotLayout.self)
        let block = [UInt8](repeating: 1, count: 8)
        while producer.append(block.span.bytes) {}
        producer.publish()
        #expect(producer.reportedRoom() < 64)
        while reader.next() != nil {}
        reader.release()
        for _ in 0..<100 { _ = producer.reportedRoom() }
        #expect(producer.reportedRoom() > 12_000)
        let takesAgain = producer.append(block.span.bytes)
        #expect(takesAgain)
    }
}

@Suite struct `A ring left to its controller` {
    @Test(arguments: [Resizing.partial, .replacing])
    func `shrinks while its reader keeps up, and grows when it falls behind`(resizing: Resizing) throws {
        let ring = try Ring(
            name: "a",
            options: RingOptions(kind: .marked, policy: .slowReader, capacity: 1 << 20, resizing: resizing)
        )
        var producer = ring.makeProducer(MarkedLayout.self)
        producer.controller = ResizeController(least: 8192, greatest: 1 << 20)
        var reader = try RingReader(ring, as: MarkedLayout.self)
        let block = [UInt8](repeating: 1, count: 120)
        var written: UInt64 = 0
        for _ in 0..<400_000 {
            if producer.append(block.span.bytes) { written += 1 }
            producer.publish()
            while reader.next() != nil {}
            reader.release()
        }
        #expect(ring.length <= 16_384)
        while producer.append(block.span.bytes) {
            written += 1
            producer.publish()
        }
        for _ in 0..<4000 {
            // One out, as many in as there is room for: it stays full.
            _ = reader.next()
            reader.release()
            while producer.append(block.span.bytes) {
                written += 1
                producer.publish()
            }
        }
        #expect(ring.length >= 1 << 18)
        while reader.next() != nil {}
        let (read, lost) = (reader.read, reader.lost)
        #expect((read, lost) == (written, 0))
    }
}
