// SPDX-License-Identifier: Apache-2.0
// Long headers of QUIC (RFC 9000, 17.2; RFC 9369 for version 2; RFC 8999 for what no version changes):
//
//     | 1 1 type 2 x x pn 2 | version 4 | <1> destination id | <1> source id | Initial: <v> token | length v | pn 1...4 | payload
//     `-------------------- additional data of the AEAD, after header protection is off ------------------'
//
// Initial packets are encrypted with keys that the destination id yields (RFC 9001, 5.2): here is what a module
// with HKDF, AES and AES-GCM needs for it. The order: `salt(ofVersion:)` and `labels` make the keys, `sampleOffset`
// says what the mask is made of, `unprotect` takes the mask, then the payload can be opened.

/// A QUIC packet with a long header, viewed in place; a datagram may hold several.
public struct QUICLongHeader: ~Escapable {
    /// The datagram from the packet on.
    public let bytes: RawSpan
    let destination: Range<Int>
    let source: Range<Int>
    let tokenRange: Range<Int>
    /// What kind of packet it is.
    public let kind: Kind
    /// Where the packet number begins, from the packet's first byte.
    public let packetNumberOffset: Int
    /// Bytes of the whole packet: the next one of the datagram begins there.
    public let length: Int

    /// The kinds of long headers, whatever numbers a version gives them.
    public enum Kind: UInt8, Sendable {
        case initial, zeroRTT, handshake, retry, versionNegotiation
    }

    /// Views the packet at the start of `bytes`; throws if it has a short header or ends before its length.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        var reader = ByteReader(bytes)
        guard let first = reader.u8(), let version = reader.u32() else {
            throw .truncated(need: 7, have: bytes.byteCount)
        }
        guard first & 0x80 != 0 else { throw .invalid(field: .messageType, value: UInt64(first)) }
        guard let destination = reader.vector8(), destination.count <= 20, let source = reader.vector8(),
            source.count <= 20
        else { throw .invalid(field: .fieldLength, value: UInt64(reader.position)) }
        kind = QUICLongHeader.kind(first: first, version: version)
        var token = 0..<0
        if kind == .initial {
            guard let count = reader.variable(), count <= UInt64(bytes.byteCount),
                let range = reader.take(Int(count))
            else { throw .invalid(field: .fieldLength, value: UInt64(reader.position)) }
            token = range
        }
        if kind == .retry || kind == .versionNegotiation {
            // Neither has a length: it takes the rest of its datagram.
            length = bytes.byteCount
            packetNumberOffset = reader.position
        } else {
            guard let count = reader.variable(), count <= UInt64(reader.remaining) else {
                throw .invalid(field: .messageLength, value: UInt64(reader.position))
            }
            packetNumberOffset = reader.position
            length = reader.position &+ Int(count)
        }
        tokenRange = token
        self.destination = destination
        self.source = source
        self.bytes = bytes
    }

    private static func kind(first: UInt8, version: UInt32) -> Kind {
        if version == 0 { return .versionNegotiation }
        let type = first >> 4 & 3
        let shift: UInt8 = version == QUICVersion.two ? 3 : 0  // RFC 9369, 3.2: 1, 2, 3, 0
        return Kind(rawValue: (type &+ shift) & 3) ?? .initial
    }

    /// The version as sent; 0 for Version Negotiation.
    public var version: UInt32 { bytes.unchecked32(1) }
    /// The destination connection id, 0...20 bytes: in the client's first Initial, what its keys are made of.
    public var destinationID: RawSpan { @_lifetime(copy self) get { bytes.field(destination) } }
    /// The source connection id, 0...20 bytes.
    public var sourceID: RawSpan { @_lifetime(copy self) get { bytes.field(source) } }
    /// The token of an Initial, empty in the others.
    public var token: RawSpan { @_lifetime(copy self) get { bytes.field(tokenRange) } }

    /// Where the 16 bytes lie that header protection samples, or nil if the packet is too short for them
    /// (RFC 9001, 5.4.2).
    public var sampleOffset: Int? {
        packetNumberOffset &+ 20 <= length && kind != .retry && kind != .versionNegotiation
            ? packetNumberOffset &+ 4 : nil
    }

    /// What takes header protection off.
    public struct Unprotected: Equatable, Sendable {
        /// The first byte as it was before protection.
        public let firstByte: UInt8
        /// The truncated packet number; at the start of a connection it is the number itself.
        public let packetNumber: UInt32
        /// Bytes of the packet number, 1...4; the payload begins after them.
        public let packetNumberLength: Int
    }

    /// Takes header protection off with the mask's first five bytes, the first the most significant of 40 bits
    /// (RFC 9001, 5.4.1); nil for a packet without ``sampleOffset``.
    public func unprotect(mask: UInt64) -> Unprotected? {
        guard sampleOffset != nil else { return nil }
        let first = bytes.unchecked8(0) ^ UInt8(truncatingIfNeeded: mask >> 32) & 0x0f
        let count = Int(first & 3) &+ 1
        let number = bytes.unchecked32(packetNumberOffset) ^ UInt32(truncatingIfNeeded: mask)
        return Unprotected(
            firstByte: first,
            packetNumber: number >> UInt32(32 &- 8 &* count),
            packetNumberLength: count
        )
    }

    /// Whether a datagram begins with a QUIC packet of a version whose keys are known, or of one that only asks which
    /// versions there are.
    public static func probe(_ datagram: RawSpan) -> Probe {
        guard let header = try? QUICLongHeader(datagram), datagram.unchecked8(0) & 0x40 != 0 else {
            return .no
        }
        if QUICVersion.salt(ofVersion: header.version) != nil { return .yes }
        let asks = QUICVersion.forcesNegotiation(header.version) && header.kind == .initial
        return asks && datagram.byteCount >= 1_200 ? .yes : .no
    }
}
