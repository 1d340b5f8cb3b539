// SPDX-License-Identifier: Apache-2.0

extension RawSpan {
    /// All bytes, read eight at a time and added up: what a consumer does that has to see everything.
    ///
    /// The same function for every contestant; the compiler makes vector loads of it. Safe: every load lies below
    /// `byteCount`.
    @inline(__always) var sumOfBytes: UInt64 {
        var sum: UInt64 = 0
        let whole = byteCount & ~7
        var offset = 0
        while offset < whole {
            sum &+= unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        while offset < byteCount {
            sum &+= UInt64(unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self))
            offset &+= 1
        }
        return sum
    }
}

/// Bytes that a producer writes again and again; not all equal.
func blockOfBytes(_ length: Int) -> [UInt8] {
    (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
}

extension [UInt8] {
    /// The array as a span.
    ///
    /// Safe: bytes have no padding.
    @inline(__always) var rawSpan: RawSpan {
        @_lifetime(borrow self) get { unsafe span.bytes }
    }
}
