// SPDX-License-Identifier: Apache-2.0
// DCE/RPC's connection-oriented messages (C706, 12.6), which named pipes of SMB carry.
//
//      0 version 5   1 minor   2 type   3 flags   4 data representation   8 length   10 of it authentication   12 call id
//     16 request: hint 4, context 2, operation 2          bind: 4, 4, count 1, 3, then contexts of 24 + 20 n

/// A message, viewed in place.
public struct DCERPCMessage: ~Escapable {
    let bytes: RawSpan

    /// Type of a call.
    @inlinable public static var request: UInt8 { 0 }
    /// Type of a call's answer.
    @inlinable public static var response: UInt8 { 2 }
    /// Type of a message that says which interfaces will be called.
    @inlinable public static var bind: UInt8 { 11 }
    /// Type of its answer.
    @inlinable public static var bindAcknowledge: UInt8 { 12 }

    /// Views a message; nil if its head is cut off or is none.
    @_lifetime(copy bytes)
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= 16, bytes.unchecked8(0) == 5, bytes.unchecked8(1) <= 1,
            bytes.unchecked8(2) <= 20
        else { return nil }
        self.bytes = bytes
        guard length >= 16 else { return nil }
    }

    private var isLittleEndian: Bool { bytes.unchecked8(4) & 0x10 != 0 }
    private func u16(_ offset: Int) -> UInt16 {
        isLittleEndian ? bytes.littleEndian16(at: offset) : bytes.bigEndian16(at: offset)
    }
    private func u32(_ offset: Int) -> UInt32 {
        isLittleEndian ? bytes.littleEndian32(at: offset) : bytes.bigEndian32(at: offset)
    }

    /// What it is, 0 to 20.
    public var type: UInt8 { bytes.unchecked8(2) }
    /// Whether it is the first fragment of its call.
    public var isFirst: Bool { bytes.unchecked8(3) & 1 != 0 }
    /// Whether it is the last one.
    public var isLast: Bool { bytes.unchecked8(3) & 2 != 0 }
    /// Bytes of the fragment, this head included.
    public var length: Int { Int(u16(8)) }
    /// Number of the call, which its answer repeats.
    public var callID: UInt32 { u32(12) }
    /// A request's context and operation, or nil if it is cut off.
    public var operation: (context: UInt16, number: UInt16)? {
        bytes.byteCount >= 24 ? (u16(20), u16(22)) : nil
    }
    /// Bytes of a request's or response's arguments in this fragment, its authentication left out.
    public var argumentCount: Int {
        let authentication = Int(u16(10))
        return max(0, length - 24 - (authentication > 0 ? authentication + 8 : 0))
    }

    /// Calls `body` for each interface that a bind names, as far as they are here.
    ///
    /// - Parameter body: Its context, identifier in the order it is written in, and version.
    public func interfaces(
        _ body: (_ context: UInt16, _ identifier: SMBIdentifier, _ major: UInt16, _ minor: UInt16) -> Void
    ) {
        guard bytes.byteCount >= 28 else { return }
        var position = 28
        for _ in 0..<bytes.unchecked8(24) {
            guard position + 24 <= bytes.byteCount else { return }
            let start = position + 4
            var identifier = SMBIdentifier(
                high: bytes.bigEndian64(at: start),
                low: bytes.bigEndian64(at: start + 8)
            )
            if isLittleEndian {
                identifier.high =
                    UInt64(bytes.littleEndian32(at: start)) << 32
                    | UInt64(bytes.littleEndian16(at: start + 4)) << 16
                    | UInt64(bytes.littleEndian16(at: start + 6))
            }
            body(u16(position), identifier, u16(start + 16), u16(start + 18))
            position += 24 + 20 * Int(bytes.unchecked8(position + 2))
        }
    }

    /// What a bind's answer says of the interface at a position: its result and reason, or nil if that is not here.
    public func result(_ index: Int) -> (result: UInt16, reason: UInt16)? {
        guard index >= 0, bytes.byteCount >= 28 else { return nil }
        // The address before the results is padded to four bytes.
        let list = (26 + Int(u16(24)) + 3) & ~3
        guard list + 4 <= bytes.byteCount, index < Int(bytes.unchecked8(list)) else { return nil }
        let position = list + 4 + 24 * index
        guard position + 4 <= bytes.byteCount else { return nil }
        return (u16(position), u16(position + 2))
    }
}
