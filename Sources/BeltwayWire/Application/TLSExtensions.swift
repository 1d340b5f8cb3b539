// SPDX-License-Identifier: Apache-2.0
// The extensions of a hello (RFC 8446, 4.2) and the lists of numbers in it.

/// A list of 16-bit numbers in place, such as cipher suites.
public struct TLSNumbers: ~Escapable {
    @usableFromInline let bytes: RawSpan

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    /// How many numbers there are; an odd last byte does not count.
    @inlinable public var count: Int { bytes.byteCount >> 1 }
    /// The number at `index`, which must be below ``count``.
    @inlinable public subscript(index: Int) -> UInt16 {
        precondition(index >= 0 && index < count, "no such number in the list")
        return bytes.unchecked16(index &* 2)
    }
}

/// Extensions one after the other; `next()` is nil at the end, or where one contradicts the list's length.
public struct TLSExtensions: ~Escapable {
    /// All extensions as they stand; an extension's `data` are positions in them.
    public let bytes: RawSpan
    @usableFromInline var position = 0

    /// One extension: its type and where its data lies.
    @frozen public struct Element: Equatable, Sendable {
        /// Type (IANA, TLS ExtensionType Values).
        public let type: UInt16
        /// Where its data lies in ``TLSExtensions/bytes``.
        public let data: Range<Int>

        @inlinable init(type: UInt16, data: Range<Int>) {
            self.type = type
            self.data = data
        }
    }

    /// Reads the extensions that `bytes` hold, the list's own length left out.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { self.bytes = bytes }

    /// The next extension.
    @inlinable @_lifetime(self: copy self)
    public mutating func next() -> Element? {
        guard position &+ 4 <= bytes.byteCount else { return nil }
        let type = bytes.unchecked16(position)
        let start = position &+ 4
        let end = start &+ Int(bytes.unchecked16(position &+ 2))
        guard end <= bytes.byteCount else { return nil }
        position = end
        return Element(type: type, data: start..<end)
    }

    /// Where the data of the first extension of a type lies in ``bytes``, or nil.
    public func data(ofType type: UInt16) -> Range<Int>? {
        var list = TLSExtensions(bytes)
        while let element = list.next() {
            if element.type == type { return element.data }
        }
        return nil
    }

    /// The types that Beltway looks into.
    public enum Kind {
        /// server_name (RFC 6066, 3).
        @inlinable public static var serverName: UInt16 { 0 }
        /// supported_groups (RFC 8446, 4.2.7).
        @inlinable public static var supportedGroups: UInt16 { 10 }
        /// ec_point_formats (RFC 8422, 5.1.2).
        @inlinable public static var pointFormats: UInt16 { 11 }
        /// signature_algorithms (RFC 8446, 4.2.3).
        @inlinable public static var signatureAlgorithms: UInt16 { 13 }
        /// application_layer_protocol_negotiation (RFC 7301).
        @inlinable public static var applicationProtocols: UInt16 { 16 }
        /// session_ticket (RFC 5077).
        @inlinable public static var sessionTicket: UInt16 { 35 }
        /// pre_shared_key (RFC 8446, 4.2.11).
        @inlinable public static var preSharedKey: UInt16 { 41 }
        /// supported_versions (RFC 8446, 4.2.1).
        @inlinable public static var supportedVersions: UInt16 { 43 }
        /// key_share (RFC 8446, 4.2.8).
        @inlinable public static var keyShare: UInt16 { 51 }
        /// quic_transport_parameters (RFC 9001, 8.2).
        @inlinable public static var quicTransportParameters: UInt16 { 57 }
        /// encrypted_client_hello (draft-ietf-tls-esni).
        @inlinable public static var encryptedClientHello: UInt16 { 0xfe0d }
    }
}

/// The names that an ALPN extension lists (RFC 7301, 3.1), one after the other.
public struct TLSProtocolNames: ~Escapable {
    /// The list as it stands; what `next` gives are positions in it.
    public let bytes: RawSpan
    var position = 0

    /// Reads the extension's data; an empty list if the list's length contradicts it.
    @_lifetime(copy data)
    init(extensionData data: RawSpan) {
        var reader = ByteReader(data)
        bytes = data.field(reader.vector16() ?? 0..<0)
    }

    @_lifetime(copy bytes)
    init(names bytes: RawSpan) { self.bytes = bytes }

    /// Where the next name lies in ``bytes``, or nil.
    @_lifetime(self: copy self)
    public mutating func next() -> Range<Int>? {
        var reader = ByteReader(bytes, in: position..<bytes.byteCount)
        guard let name = reader.vector8() else { return nil }
        position = reader.position
        return name
    }
}

/// Whether a value says nothing (RFC 8701): 0x0a0a, 0x1a1a up to 0xfafa, which fingerprints leave out.
@inlinable @inline(__always) public func isGREASE(_ value: UInt16) -> Bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}
