// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Testing

@Suite struct `A time resolution` {
    struct Case: CustomTestStringConvertible, Sendable {
        var raw: UInt8
        var offset: Int64 = 0
        var units: UInt64
        var nanoseconds: UInt64
        var testDescription: String { "\(units) units of \(raw), offset \(offset)" }
    }

    @Test(arguments: [
        Case(raw: 0, units: 7, nanoseconds: 7_000_000_000),
        Case(raw: 3, units: 1_234, nanoseconds: 1_234_000_000),
        Case(raw: 6, units: 1_600_000_000_123_456, nanoseconds: 1_600_000_000_123_456_000),
        Case(raw: 9, units: 1_600_000_000_123_456_789, nanoseconds: 1_600_000_000_123_456_789),
        Case(raw: 10, units: 19, nanoseconds: 1),
        Case(raw: 12, units: 1_999, nanoseconds: 1),
        Case(raw: 28, units: .max, nanoseconds: 1),
        Case(raw: 29, units: .max, nanoseconds: 0),
        Case(raw: 127, units: .max, nanoseconds: 0),
        Case(raw: 0x80, units: 5, nanoseconds: 5_000_000_000),
        Case(raw: 0x80 | 1, units: 3, nanoseconds: 1_500_000_000),
        Case(raw: 0x80 | 30, units: 1 << 30, nanoseconds: 1_000_000_000),
        Case(raw: 0x80 | 32, units: 1, nanoseconds: 0),
        Case(raw: 0x80 | 32, units: 0x1_8000_0000, nanoseconds: 1_500_000_000),
        Case(raw: 0x80 | 64, units: .max, nanoseconds: 999_999_999),
        Case(raw: 0xff, units: .max, nanoseconds: 0),
    ])
    func `converts exactly, rounding down`(_ example: Case) {
        let resolution = TimeResolution(rawValue: example.raw, offsetSeconds: example.offset)
        #expect(resolution.timestamp(example.units).nanoseconds == example.nanoseconds)
    }

    @Test(arguments: [
        Case(raw: 6, offset: 10, units: 500_000, nanoseconds: 10_500_000_000),
        Case(raw: 6, offset: -1, units: 1_500_000, nanoseconds: 500_000_000),
        Case(raw: 9, offset: -3, units: 2_999_999_999, nanoseconds: 0),
        Case(raw: 0, offset: .min, units: 1 << 63, nanoseconds: 0),
        Case(raw: 0, offset: .min, units: (1 << 63) + 5, nanoseconds: 5_000_000_000),
        Case(raw: 0, offset: .max, units: .max, nanoseconds: .max),
    ])
    func `adds its offset, exact even where the parts are beyond 64 bits`(_ example: Case) {
        let resolution = TimeResolution(rawValue: example.raw, offsetSeconds: example.offset)
        #expect(resolution.timestamp(example.units).nanoseconds == example.nanoseconds)
    }

    @Test(arguments: [UInt8(0), 3, 6, 0x80])
    func `saturates instead of wrapping`(raw: UInt8) {
        #expect(TimeResolution(rawValue: raw).timestamp(.max) == .distantFuture)
    }

    @Test func `accepts every value of the option for every time`() {
        for raw in 0...UInt8.max {
            for units: UInt64 in [0, 1, 1 << 32, .max] {
                for offset: Int64 in [.min, -1, 0, 1, .max] {
                    _ = TimeResolution(rawValue: raw, offsetSeconds: offset).timestamp(units)
                }
            }
        }
    }
}
