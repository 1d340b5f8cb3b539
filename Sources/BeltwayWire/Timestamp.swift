// SPDX-License-Identifier: Apache-2.0

/// Nanoseconds since 1970-01-01T00:00:00Z, taken from the capture and never from the reader's clock.
///
/// 64 bits reach the year 2554; arithmetic saturates, since a capture file may claim any time.
@frozen public struct Timestamp: Comparable, Hashable, Sendable, BitwiseCopyable {
    /// Nanoseconds since the epoch.
    public var nanoseconds: UInt64

    /// Makes a time stamp from nanoseconds since the epoch.
    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Makes a time stamp from whole seconds and nanoseconds; saturates.
    @inlinable public init(seconds: UInt64, nanoseconds: UInt64 = 0) {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(nanoseconds)
        self.nanoseconds = overflow || carry ? .max : sum
    }

    /// The epoch itself; also what a record without a time (pcapng Simple Packet Block) gets.
    @inlinable public static var zero: Timestamp { Timestamp(nanoseconds: 0) }
    /// Later than any packet.
    @inlinable public static var distantFuture: Timestamp { Timestamp(nanoseconds: .max) }

    /// Whole seconds since the epoch.
    @inlinable public var seconds: UInt64 { nanoseconds / 1_000_000_000 }

    /// Whether `a` is earlier.
    @inlinable public static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Nanoseconds from `earlier` to this time, or 0 if `earlier` is later.
    @inlinable public func nanoseconds(since earlier: Timestamp) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds &- earlier.nanoseconds : 0
    }

    /// This time moved forward by `nanoseconds`; saturates.
    @inlinable public func advanced(byNanoseconds delta: UInt64) -> Timestamp {
        let (sum, carry) = nanoseconds.addingReportingOverflow(delta)
        return Timestamp(nanoseconds: carry ? .max : sum)
    }
}
