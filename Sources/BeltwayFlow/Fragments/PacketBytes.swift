// SPDX-License-Identifier: Apache-2.0

extension [UInt8] {
    /// Lends the bytes as those of a packet.
    ///
    /// Why the interface is safe: every bit pattern is a byte, and the span does not outlive the call, for which the array
    /// is borrowed; what the library marks as unsafe is to see elements of any other type as bytes.
    @inlinable public func withPacket<Result>(_ body: (RawSpan) -> Result) -> Result {
        unsafe body(span.bytes)
    }
}
