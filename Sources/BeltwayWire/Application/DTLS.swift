// SPDX-License-Identifier: Apache-2.0
// Records and handshake messages of DTLS 1.0 and 1.2 (RFC 6347, 4.1 and 4.2.2) and of DTLS 1.3's plaintext
// records (RFC 9147, 4), several to a datagram:
//
//     record      | type | version 2 | epoch 2 | sequence 6 | length 2 | fragment ...
//     handshake   | type | length 3 | message sequence 2 | fragment offset 3 | fragment length 3 | ...

/// A DTLS record viewed in place.
public struct DTLSRecord: ~Escapable {
    let bytes: RawSpan
    /// Bytes of the fragment.
    public let length: Int

    /// Bytes before the fragment.
    @inlinable public static var headerLength: Int { 13 }

    /// Views the record at the start of `bytes`; throws if it is not whole or not a record.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= DTLSRecord.headerLength else {
            throw .truncated(need: DTLSRecord.headerLength, have: bytes.byteCount)
        }
        guard TLSRecord.Content(rawValue: bytes.unchecked8(0)) != nil else {
            throw .invalid(field: .messageType, value: UInt64(bytes.unchecked8(0)))
        }
        guard DTLSRecord.isVersion(bytes.unchecked16(1)) else {
            throw .invalid(field: .version, value: UInt64(bytes.unchecked16(1)))
        }
        length = Int(bytes.unchecked16(11))
        guard bytes.byteCount >= DTLSRecord.headerLength &+ length else {
            throw .truncated(need: DTLSRecord.headerLength &+ length, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// What the record carries.
    public var content: TLSRecord.Content {
        TLSRecord.Content(rawValue: bytes.unchecked8(0)) ?? .applicationData
    }
    /// 0xfeff for DTLS 1.0, 0xfefd for 1.2 and later.
    public var version: UInt16 { bytes.unchecked16(1) }
    /// 0 until the change of cipher specification: only then is the fragment plaintext.
    public var epoch: UInt16 { bytes.unchecked16(3) }
    /// The record's number in its epoch, 48 bits.
    public var sequence: UInt64 { bytes.unchecked48(5..<11) }
    /// What the record carries.
    public var fragment: RawSpan {
        @_lifetime(copy self) get { bytes.field(13..<13 &+ length) }
    }

    static func isVersion(_ version: UInt16) -> Bool {
        version == 0xfeff || version == 0xfefd || version == 0xfefc || version == 0x0100
    }

    /// Where the record at the start of a datagram's rest ends; a datagram has all of it or none.
    public static func framing(of bytes: RawSpan) -> Framing {
        if bytes.byteCount > 0, TLSRecord.Content(rawValue: bytes.unchecked8(0)) == nil {
            return .notThisProtocol
        }
        if bytes.byteCount > 2, !isVersion(bytes.unchecked16(1)) { return .notThisProtocol }
        guard bytes.byteCount >= headerLength else { return .needMore(atLeast: headerLength) }
        let whole = headerLength &+ Int(bytes.unchecked16(11))
        return bytes.byteCount >= whole ? .complete(length: whole) : .needMore(atLeast: whole)
    }

    /// Whether a datagram begins with a DTLS record.
    public static func probe(_ datagram: RawSpan, from sender: Sender) -> Probe {
        guard case .complete(let length) = framing(of: datagram), length > headerLength else { return .no }
        return isHello(datagram, of: .originator) || isHello(datagram, of: sender) ? .yes : .unknown
    }

    /// Whether a datagram begins with what a client, or a server, says first: a hello, or the server's request for it.
    public static func isHello(_ datagram: RawSpan, of sender: Sender) -> Bool {
        guard case .complete(let length) = framing(of: datagram), length > headerLength,
            datagram.unchecked8(0) == 22, datagram.unchecked16(3) == 0
        else { return false }
        let type = datagram.unchecked8(13)
        return sender == .originator ? type == 1 : type == 2 || type == 3
    }
}

/// A fragment of a DTLS handshake message, viewed in place.
public struct DTLSHandshake: ~Escapable {
    let bytes: RawSpan
    /// Bytes of the body that this fragment brings.
    public let fragmentLength: Int

    /// Bytes before the fragment of the body.
    @inlinable public static var headerLength: Int { 12 }

    /// Views the fragment at the start of `bytes`; throws if it is not whole or reaches past its message.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= 12 else { throw .truncated(need: 12, have: bytes.byteCount) }
        fragmentLength = Int(bytes.unchecked32(8) & 0xff_ffff)
        let end = Int(bytes.unchecked32(5) & 0xff_ffff) &+ fragmentLength
        guard end <= Int(bytes.unchecked32(0) & 0xff_ffff) else {
            throw .invalid(field: .messageLength, value: UInt64(end))
        }
        guard bytes.byteCount >= 12 &+ fragmentLength else {
            throw .truncated(need: 12 &+ fragmentLength, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// The message's type.
    public var kind: TLSHandshake.Kind { TLSHandshake.Kind(rawValue: bytes.unchecked8(0)) ?? .other }
    /// Bytes of the whole body.
    public var length: Int { Int(bytes.unchecked32(0) & 0xff_ffff) }
    /// The message's number in its flight.
    public var messageSequence: UInt16 { bytes.unchecked16(4) }
    /// Where in the body this fragment belongs.
    public var fragmentOffset: Int { Int(bytes.unchecked32(5) & 0xff_ffff) }
    /// Whether the fragment is the whole body.
    public var isWhole: Bool { fragmentLength == length }
    /// The bytes of the body that are here.
    public var body: RawSpan { @_lifetime(copy self) get { bytes.field(12..<12 &+ fragmentLength) } }
    /// Bytes of header and fragment: where the next message of the record starts.
    public var wholeLength: Int { 12 &+ fragmentLength }
}

/// Puts the body of one DTLS handshake message together from fragments that arrive in order.
///
/// A fragment that leaves a gap, or is of another message, starts over; what is held is at most
/// ``TLSHandshake/maximumLength`` bytes.
public struct DTLSHandshakeJoiner: Sendable {
    private var held: [UInt8] = []
    private var sequence: UInt16 = 0

    /// Makes a joiner that holds nothing.
    public init() {}

    /// Calls `body` with kind and whole body if this fragment completes its message.
    public mutating func take(
        _ fragment: borrowing DTLSHandshake,
        _ body: (TLSHandshake.Kind, RawSpan) -> Void
    ) {
        if fragment.isWhole {
            body(fragment.kind, fragment.body)
            return
        }
        guard fragment.length <= TLSHandshake.maximumLength else { return }
        if fragment.fragmentOffset == 0 {
            held.removeAll(keepingCapacity: true)
            sequence = fragment.messageSequence
        }
        guard sequence == fragment.messageSequence, fragment.fragmentOffset <= held.count else { return }
        let known = held.count &- fragment.fragmentOffset
        guard known < fragment.fragmentLength else { return }
        held.append(fragment.body.extracting(droppingFirst: known))
        guard held.count == fragment.length else { return }
        let whole = held
        held = []
        body(fragment.kind, whole.rawBytes)
    }
}
