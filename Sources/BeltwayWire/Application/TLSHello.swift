// SPDX-License-Identifier: Apache-2.0
// ClientHello and ServerHello (RFC 8446, 4.1.2 and 4.1.3; RFC 5246; RFC 6347 adds DTLS's cookie):
//
//     client   | version 2 | random 32 | session id <1> | (cookie <1>) | cipher suites <2> | compression <1>
//              | extensions <2> |                                           <n> a length of n bytes before it
//     server   | version 2 | random 32 | session id <1> | cipher suite 2 | compression 1 | extensions <2> |
//
// A hello may end before its extensions. What an extension says is checked when it is asked for: one that
// contradicts itself is as good as absent, and the others are still shown.

/// A ClientHello viewed in place.
public struct TLSClientHello: ~Escapable {
    let bytes: RawSpan
    let session: Range<Int>
    let ciphers: Range<Int>
    let extensionRange: Range<Int>
    /// Whether there is a list of extensions, be it empty.
    public let hasExtensions: Bool

    /// Views a handshake message's body; throws if it ends before its compression methods do.
    @_lifetime(copy body)
    public init(_ body: RawSpan, isDatagram: Bool = false) throws(WireError) {
        var reader = ByteReader(body)
        guard reader.take(34) != nil else { throw .truncated(need: 34, have: body.byteCount) }
        guard let session = reader.vector8(), session.count <= 32 else {
            throw .invalid(field: .fieldLength, value: UInt64(reader.position))
        }
        if isDatagram, reader.vector8() == nil {
            throw .invalid(field: .fieldLength, value: UInt64(reader.position))
        }
        guard let ciphers = reader.vector16(), reader.vector8() != nil else {
            throw .invalid(field: .fieldLength, value: UInt64(reader.position))
        }
        self.session = session
        self.ciphers = ciphers
        let announced = reader.u16()
        hasExtensions = announced != nil
        // A list that claims more than the message has is shown as far as it goes.
        extensionRange = reader.take(min(Int(announced ?? 0), reader.remaining)) ?? 0..<0
        bytes = body
    }

    /// legacy_version: 0x0303 at most, whatever TLS 1.3 then negotiates.
    public var legacyVersion: UInt16 { bytes.unchecked16(0) }
    /// The client's 32 random bytes.
    public var random: RawSpan { @_lifetime(copy self) get { bytes.field(2..<34) } }
    /// The session identifier, 0...32 bytes.
    public var sessionID: RawSpan { @_lifetime(copy self) get { bytes.field(session) } }
    /// The cipher suites in the client's order.
    public var cipherSuites: TLSNumbers { @_lifetime(copy self) get { TLSNumbers(bytes.field(ciphers)) } }
    /// The extensions in the client's order.
    public var extensions: TLSExtensions {
        @_lifetime(copy self) get { TLSExtensions(bytes.field(extensionRange)) }
    }

    /// The data of the first extension of a type, empty if there is none.
    @_lifetime(copy self)
    func data(of type: UInt16) -> RawSpan {
        let list = bytes.field(extensionRange)
        return list.field(TLSExtensions(list).data(ofType: type) ?? 0..<0)
    }

    /// The first host name of server_name, or nil if the client sent none.
    public var serverName: RawSpan? {
        @_lifetime(copy self) get {
            let data = data(of: TLSExtensions.Kind.serverName)
            var reader = ByteReader(data)
            guard let list = reader.vector16() else { return nil }
            var names = ByteReader(data, in: list)
            while let type = names.u8(), let name = names.vector16() {
                if type == 0 { return data.field(name) }
            }
            return nil
        }
    }

    /// The protocols that the client offers by ALPN.
    public var applicationProtocols: TLSProtocolNames {
        @_lifetime(copy self) get {
            TLSProtocolNames(extensionData: data(of: TLSExtensions.Kind.applicationProtocols))
        }
    }

    /// The versions of supported_versions, in the client's order.
    public var supportedVersions: TLSNumbers {
        @_lifetime(copy self) get {
            let data = data(of: TLSExtensions.Kind.supportedVersions)
            var reader = ByteReader(data)
            return TLSNumbers(data.field(reader.vector8() ?? 0..<0))
        }
    }

    /// The named groups, elliptic curves once.
    public var supportedGroups: TLSNumbers {
        @_lifetime(copy self) get { numbers(of: TLSExtensions.Kind.supportedGroups) }
    }

    /// The signature algorithms, in the client's order.
    public var signatureAlgorithms: TLSNumbers {
        @_lifetime(copy self) get { numbers(of: TLSExtensions.Kind.signatureAlgorithms) }
    }

    /// The point formats, a byte each.
    public var pointFormats: RawSpan {
        @_lifetime(copy self) get {
            let data = data(of: TLSExtensions.Kind.pointFormats)
            var reader = ByteReader(data)
            return data.field(reader.vector8() ?? 0..<0)
        }
    }

    @_lifetime(copy self)
    private func numbers(of type: UInt16) -> TLSNumbers {
        let data = data(of: type)
        var reader = ByteReader(data)
        return TLSNumbers(data.field(reader.vector16() ?? 0..<0))
    }

    /// The highest version offered: of supported_versions without GREASE, else ``legacyVersion``.
    public var highestVersion: UInt16 {
        let versions = supportedVersions
        var highest: UInt16 = 0
        for index in 0..<versions.count where !isGREASE(versions[index]) {
            highest = max(highest, versions[index])
        }
        return highest == 0 ? legacyVersion : highest
    }
}

/// A ServerHello viewed in place.
public struct TLSServerHello: ~Escapable {
    let bytes: RawSpan
    let session: Range<Int>
    let extensionRange: Range<Int>
    /// The cipher suite that the server chose.
    public let cipherSuite: UInt16

    /// Views a handshake message's body; throws if it ends before its compression method.
    @_lifetime(copy body)
    public init(_ body: RawSpan) throws(WireError) {
        var reader = ByteReader(body)
        guard reader.take(34) != nil else { throw .truncated(need: 34, have: body.byteCount) }
        // The drafts of TLS 1.3 up to 21 have neither session nor compression; their versions are 0x7f00 up.
        let isEarlyDraft = body.unchecked8(0) == 0x7f && body.unchecked8(1) <= 21
        if isEarlyDraft {
            session = 0..<0
        } else {
            guard let session = reader.vector8(), session.count <= 32 else {
                throw .invalid(field: .fieldLength, value: UInt64(reader.position))
            }
            self.session = session
        }
        guard let cipher = reader.u16(), isEarlyDraft || reader.u8() != nil else {
            throw .truncated(need: reader.position &+ 3, have: body.byteCount)
        }
        cipherSuite = cipher
        extensionRange = reader.take(min(Int(reader.u16() ?? 0), reader.remaining)) ?? 0..<0
        bytes = body
    }

    /// legacy_version.
    public var legacyVersion: UInt16 { bytes.unchecked16(0) }
    /// The server's 32 random bytes.
    public var random: RawSpan { @_lifetime(copy self) get { bytes.field(2..<34) } }
    /// The session identifier, 0...32 bytes.
    public var sessionID: RawSpan { @_lifetime(copy self) get { bytes.field(session) } }
    /// The extensions in the server's order.
    public var extensions: TLSExtensions {
        @_lifetime(copy self) get { TLSExtensions(bytes.field(extensionRange)) }
    }

    /// The version in force: of supported_versions, else ``legacyVersion``.
    public var version: UInt16 {
        let list = bytes.field(extensionRange)
        guard let data = TLSExtensions(list).data(ofType: TLSExtensions.Kind.supportedVersions),
            data.count == 2
        else { return legacyVersion }
        return list.unchecked16(data.lowerBound)
    }

    /// The protocol that the server chose by ALPN; TLS 1.3 encrypts it.
    public var applicationProtocols: TLSProtocolNames {
        @_lifetime(copy self) get {
            let list = bytes.field(extensionRange)
            let data = TLSExtensions(list).data(ofType: TLSExtensions.Kind.applicationProtocols)
            return TLSProtocolNames(extensionData: list.field(data ?? 0..<0))
        }
    }

    /// The group that the server's key share is of (RFC 8446, 4.2.8), or nil if it sent none.
    public var selectedGroup: UInt16? {
        let list = bytes.field(extensionRange)
        guard let data = TLSExtensions(list).data(ofType: 51), data.count >= 2 else { return nil }
        return list.unchecked16(data.lowerBound)
    }

    /// Whether the server took a key that both shared before (RFC 8446, 4.2.11).
    public var hasPreSharedKey: Bool {
        TLSExtensions(bytes.field(extensionRange)).data(ofType: 41) != nil
    }

    /// Whether this is a HelloRetryRequest: its random is SHA-256 of that word (RFC 8446, 4.1.3).
    public var isRetryRequest: Bool {
        bytes.unchecked64(2) == 0xcf21_ad74_e59a_6111 && bytes.unchecked64(10) == 0xbe1d_8c02_1e65_b891
            && bytes.unchecked64(18) == 0xc2a2_1116_7abb_8c5e
            && bytes.unchecked64(26) == 0x079e_09e2_c8a8_339c
    }
}

/// The certificates of a Certificate message (RFC 5246, 7.4.2; RFC 8446, 4.4.2), leaf first.
public struct TLSCertificateChain: ~Escapable {
    /// The message's body; what `next` gives are positions in it.
    public let bytes: RawSpan
    let isVersion13: Bool
    var position: Int
    let end: Int

    /// Views a handshake message's body; throws if the list is longer than the body.
    @_lifetime(copy body)
    public init(_ body: RawSpan, isVersion13: Bool = false) throws(WireError) {
        var reader = ByteReader(body)
        if isVersion13, reader.vector8() == nil { throw .truncated(need: 4, have: body.byteCount) }
        guard let list = reader.vector24() else {
            throw .invalid(field: .fieldLength, value: UInt64(body.byteCount))
        }
        bytes = body
        self.isVersion13 = isVersion13
        position = list.lowerBound
        end = list.upperBound
    }

    /// Where the next certificate's DER lies in ``bytes``, or nil.
    @_lifetime(self: copy self)
    public mutating func next() -> Range<Int>? {
        var reader = ByteReader(bytes, in: position..<end)
        guard let certificate = reader.vector24(), !certificate.isEmpty else { return nil }
        if isVersion13, reader.vector16() == nil { return nil }
        position = reader.position
        return certificate
    }
}
