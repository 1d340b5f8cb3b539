// SPDX-License-Identifier: Apache-2.0

/// A data frame of a wireless network (IEEE 802.11-2020, 9.3.2.1) viewed in place.
///
///     control (2) | duration (2) | three addresses (18) | sequence (2) | [fourth address (6)] | [QoS (2)] | [HT (4)]
///
/// Its multi-byte fields are little endian. What follows is LLC (802.2), as long as nothing has encrypted it.
public struct WirelessLAN: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the header: 24 to 36.
    public let headerLength: Int

    /// Bytes up to and with the sequence control field.
    @inlinable public static var minimumHeaderLength: Int { 24 }

    private enum Field {
        static var kind: Int { 0 }
        static var flags: Int { 1 }
        static var sequence: Int { 22 }
    }

    private enum Flag {
        /// To and from the distribution system: between access points, with a fourth address.
        static var bothSystems: UInt8 { 0x03 }
        static var moreFragments: UInt8 { 0x04 }
        static var protected: UInt8 { 0x40 }
        /// In QoS frames: a field for high throughput follows.
        static var order: UInt8 { 0x80 }
    }

    /// Views `bytes` as a data frame whose payload can be read.
    ///
    /// - Parameters:
    ///   - bytes: From the frame control field on.
    ///   - mayBeSwapped: Whether a sender may exchange the two bytes of that field and of the sequence control field, as
    ///     controllers' access points do.
    /// - Throws: ``WireError/truncated(need:have:)`` if they end inside the header; ``WireError/invalid(field:value:)``
    ///   for management and control frames, data frames without data, encrypted ones, fragments, and those that
    ///   hold several frames (A-MSDU).
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, mayBeSwapped: Bool = false) throws(WireError) {
        guard bytes.byteCount >= WirelessLAN.minimumHeaderLength else {
            throw .truncated(need: WirelessLAN.minimumHeaderLength, have: bytes.byteCount)
        }
        var control = bytes.unchecked8(Field.kind)
        var flags = bytes.unchecked8(Field.flags)
        let isSwapped = mayBeSwapped && control & 0x0f != 0x08
        if isSwapped { swap(&control, &flags) }
        let fragment = bytes.unchecked8(Field.sequence &+ (isSwapped ? 1 : 0)) & 0x0f
        // Version 0, type 2 (data), and not one of the subtypes that carry none.
        guard control & 0x0f == 0x08, control & 0x40 == 0,
            flags & (Flag.protected | Flag.moreFragments) == 0, fragment == 0
        else {
            throw .invalid(field: .linkType, value: UInt64(control) << 8 | UInt64(flags))
        }
        var length = WirelessLAN.minimumHeaderLength
        if flags & Flag.bothSystems == Flag.bothSystems { length &+= 6 }
        if control & 0x80 != 0 {
            guard bytes.byteCount >= length &+ 2 else {
                throw .truncated(need: length &+ 2, have: bytes.byteCount)
            }
            let service = bytes.unchecked8(length)
            guard service & 0x80 == 0 else { throw .invalid(field: .linkType, value: UInt64(service)) }
            length &+= 2
            if flags & Flag.order != 0 { length &+= 4 }
        }
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        headerLength = length
        self.bytes = bytes
    }

    /// What follows the header: LLC.
    public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: headerLength) }
    }
}
