// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import BeltwayFlow

/// Two sides that mostly send in order, and now and then do anything else that TCP may or may not.
private struct MeteredTalk {
    var dice: Dice
    private var next: [UInt32]
    private var time = Timestamp(nanoseconds: 1_000_000_000)

    init(seed: UInt64) {
        dice = Dice(state: seed)
        // Now and then near the end of the sequence numbers.
        next = [
            Bool.random(using: &dice) ? 100 : .max - 3000, Bool.random(using: &dice) ? 7_000_000 : .max - 900,
        ]
    }

    mutating func segment(_ step: Int) -> (segment: TCPMeter.Segment, byOriginator: Bool, time: Timestamp) {
        time = Timestamp(nanoseconds: time.nanoseconds &+ UInt64.random(in: 0...3_000_000, using: &dice))
        let me = step == 1 ? 1 : step == 0 ? 0 : Int.random(in: 0...1, using: &dice)
        var flags: UInt8 = 0x10
        var length = [0, 0, 1, 100, 1460].randomElement(using: &dice) ?? 0
        var sequence = next[me]
        var acknowledgement = next[1 - me]
        switch step {
        case 0: (flags, length, acknowledgement) = (0x02, 0, 0)
        case 1: (flags, length) = (0x12, 0)
        default:
            switch Int.random(in: 0..<40, using: &dice) {
            case 0: sequence &-= UInt32(Int.random(in: 0...2000, using: &dice))
            case 1: sequence &+= UInt32(Int.random(in: 0...3000, using: &dice))
            case 2: acknowledgement &+= UInt32(Int.random(in: 0...3000, using: &dice))
            case 3: acknowledgement &-= UInt32(Int.random(in: 0...3000, using: &dice))
            case 4: flags = [0x11, 0x14, 0x04, 0x00, 0x02, 0x12, 0x18, 0x13].randomElement(using: &dice) ?? 0
            case 5: sequence = UInt32.random(in: 0 ... .max, using: &dice)
            case 6: acknowledgement = UInt32.random(in: 0 ... .max, using: &dice)
            default: break
            }
        }
        let window: UInt16 = Int.random(in: 0..<30, using: &dice) == 0 ? 0 : 1000
        if sequence == next[me] {
            next[me] = sequence &+ UInt32(length) &+ (flags & 0x03 != 0 ? 1 : 0)
        }
        let segment = TCPMeter.Segment(
            sequence: sequence,
            acknowledgement: acknowledgement,
            length: UInt32(length),
            window: window,
            flags: flags
        )
        return (segment, me == 0, time)
    }
}

@Suite struct `The meter's shortcut for plain segments` {
    @Test func `leaves a meter as the whole rules would, after every segment of 300 conversations`() {
        var (shortcuts, segments) = (0, 0)
        for seed in 1...300 as ClosedRange<UInt64> {
            var conversation = MeteredTalk(seed: seed)
            var short = TCPMeter()
            var whole = TCPMeter()
            for step in 0..<60 {
                let (segment, byOriginator, time) = conversation.segment(step)
                segments += 1
                if short.takePlain(segment, byOriginator ? 0 : 1, at: time) {
                    shortcuts += 1
                } else {
                    short.takeAny(segment, byOriginator: byOriginator, at: time)
                }
                whole.takeAny(segment, byOriginator: byOriginator, at: time)
                guard text(short) == text(whole) else {
                    Issue.record("seed \(seed), step \(step): \(text(short)), by all rules \(text(whole))")
                    return
                }
            }
        }
        #expect(shortcuts > segments / 4 && shortcuts < segments)
    }

    /// All that a meter holds.
    private func text(_ meter: TCPMeter) -> String {
        "\(meter.sides[0]) \(meter.sides[1]) \(meter.history.text)"
    }
}
