// SPDX-License-Identifier: Apache-2.0

/// What one unit of a pcapng interface's clock is, and when that clock began (if_tsresol, if_tsoffset).
///
/// Conversion to nanoseconds is exact, rounded down where the clock is finer than a nanosecond, and
/// saturates: below at 1970, above at the last time that ``Timestamp`` holds.
@frozen public struct TimeResolution: Equatable, Sendable, BitwiseCopyable {
    @usableFromInline enum Scale: Equatable, Sendable, BitwiseCopyable {
        /// Nanoseconds in a unit.
        case multiply(UInt64)
        /// Units in a nanosecond; 0 stands for more than 64 bits hold.
        case divide(UInt64)
        /// A unit is 2 to the minus this, in seconds.
        case shift(UInt8)
    }

    @usableFromInline let scale: Scale
    /// Seconds to add to every time stamp.
    public let offsetSeconds: Int64

    /// Microseconds since 1970: what an interface without the option has.
    public static let microseconds = TimeResolution(rawValue: 6)
    /// Nanoseconds since 1970.
    public static let nanoseconds = TimeResolution(rawValue: 9)

    /// Makes a resolution from the option's value; every value is meaningful.
    ///
    /// - Parameters:
    ///   - rawValue: if_tsresol: a power of ten, or of two with the highest bit set, negated.
    ///   - offsetSeconds: if_tsoffset.
    public init(rawValue: UInt8, offsetSeconds: Int64 = 0) {
        self.offsetSeconds = offsetSeconds
        let exponent = rawValue & 0x7f
        if rawValue & 0x80 != 0 {
            scale = .shift(exponent)
        } else if exponent <= 9 {
            scale = .multiply(TimeResolution.powerOfTen(9 - exponent))
        } else {
            scale = .divide(exponent <= 28 ? TimeResolution.powerOfTen(exponent - 9) : 0)
        }
    }

    private static func powerOfTen(_ exponent: UInt8) -> UInt64 {
        (0..<exponent).reduce(1) { power, _ in power &* 10 }
    }

    /// Converts a time stamp of this clock.
    @inlinable @inline(__always) public func timestamp(_ units: UInt64) -> Timestamp {
        if case .multiply(let factor) = scale, offsetSeconds == 0 {
            let (product, overflow) = units.multipliedReportingOverflow(by: factor)
            return Timestamp(nanoseconds: overflow ? .max : product)
        }
        return exactTimestamp(units)
    }

    /// The general case, in 128 bits: units times 10^9 is below 2^94, and so is the offset's magnitude.
    @usableFromInline func exactTimestamp(_ units: UInt64) -> Timestamp {
        let sinceOffset: Int128 =
            switch scale {
            case .multiply(let factor): Int128(units) * Int128(factor)
            case .divide(let divisor): divisor == 0 ? 0 : Int128(units / divisor)
            case .shift(let bits): (Int128(units) * 1_000_000_000) >> Int128(bits)
            }
        let sum = sinceOffset + Int128(offsetSeconds) * 1_000_000_000
        return Timestamp(nanoseconds: UInt64(clamping: sum))
    }
}
