// SPDX-License-Identifier: Apache-2.0

/// An IPv6 extension header viewed in place: hop-by-hop, routing, fragment, destination options, mobility
/// (RFC 8200, 4; RFC 6275, 6.1), or an authentication header (RFC 4302), which IPv4 may carry too.
public struct ExtensionHeader: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Which header this is (``IPProtocol``).
    public let number: UInt8
    /// Bytes of this header.
    public let length: Int

    /// No extension header is shorter.
    @inlinable public static var minimumLength: Int { 8 }
    /// The most headers that decoding follows; RFC 8200 (4.1) knows seven in one packet.
    @inlinable public static var greatestCount: Int { 12 }

    @usableFromInline enum Field {
        @inlinable static var nextHeader: Range<Int> { 0..<1 }
        @inlinable static var length: Range<Int> { 1..<2 }
        @inlinable static var fragment: Range<Int> { 2..<4 }
        @inlinable static var fragmentID: Range<Int> { 4..<8 }
        @inlinable static var jumboLength: Range<Int> { 4..<8 }
    }

    /// Views `bytes` as the extension header called `number`; throws if they end inside it or if `number` is
    /// none of an extension header.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, number: UInt8) throws(WireError) {
        guard ExtensionHeader.isExtension(number) else {
            throw .invalid(field: .extensionHeader, value: UInt64(number))
        }
        guard bytes.byteCount >= ExtensionHeader.minimumLength else {
            throw .truncated(need: ExtensionHeader.minimumLength, have: bytes.byteCount)
        }
        length = ExtensionHeader.length(number: number, field: bytes.unchecked8(Field.length))
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        self.number = number
        self.bytes = bytes
    }

    /// Number of the header that follows.
    @inlinable public var nextHeader: UInt8 { bytes.unchecked8(Field.nextHeader) }
    /// Fragment header: where the fragment lies, in bytes (a multiple of 8); 0 for any other header.
    @inlinable public var fragmentOffset: UInt16 {
        number == IPProtocol.fragment ? bytes.unchecked16(Field.fragment) & 0xfff8 : 0
    }
    /// Fragment header: whether more fragments follow.
    @inlinable public var moreFragments: Bool {
        number == IPProtocol.fragment && bytes.unchecked16(Field.fragment) & 1 != 0
    }
    /// Fragment header: groups the fragments of a packet; 0 for any other header.
    @inlinable public var fragmentID: UInt32 {
        number == IPProtocol.fragment ? bytes.unchecked32(Field.fragmentID) : 0
    }
    /// What was captured after this header.
    @inlinable public var payload: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(droppingFirst: length) }
    }

    /// Whether a header of this number is skipped to find the transport protocol.
    @inlinable public static func isExtension(_ number: UInt8) -> Bool {
        switch number {
        case IPProtocol.hopByHop, IPProtocol.routing, IPProtocol.fragment, IPProtocol.authentication,
            IPProtocol.destinationOptions, IPProtocol.mobility:
            true
        default: false
        }
    }

    /// Bytes of a header whose length field has this value.
    ///
    /// The field counts units of 8 bytes after the first 8; in the authentication header units of 4, less 2;
    /// in the fragment header it is reserved.
    @inlinable public static func length(number: UInt8, field: UInt8) -> Int {
        switch number {
        case IPProtocol.fragment: minimumLength
        case IPProtocol.authentication: max(minimumLength, (Int(field) &+ 2) &* 4)
        default: (Int(field) &+ 1) &* 8
        }
    }
}
