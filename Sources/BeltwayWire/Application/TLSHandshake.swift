// SPDX-License-Identifier: Apache-2.0
// Handshake messages, which records cut where they please (RFC 8446, 4 and 5.1):
//
//     records      [hd|.....][hd|...........][hd|....]
//     messages        |ClientHello| |Certificate ....|        | type | length 24 bits | body |
//
// `TLSHandshakeJoiner` hands a message that lies in one record over in place; it copies one that straddles.

/// A handshake message viewed in place: type and body.
public struct TLSHandshake: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes of the body.
    public let length: Int

    /// Bytes before the body.
    @inlinable public static var headerLength: Int { 4 }
    /// The longest message that is read; certificate chains are what comes near.
    @inlinable public static var maximumLength: Int { 1 << 17 }

    /// The types that Beltway reads (IANA, TLS HandshakeType).
    public enum Kind: UInt8, Sendable {
        case helloRequest = 0
        case clientHello = 1
        case serverHello = 2
        case helloVerifyRequest = 3
        case newSessionTicket = 4
        case encryptedExtensions = 8
        case certificate = 11
        case serverKeyExchange = 12
        case certificateRequest = 13
        case serverHelloDone = 14
        case certificateVerify = 15
        case clientKeyExchange = 16
        case finished = 20
        case certificateStatus = 22
        case other = 255
    }

    /// Views the message at the start of `bytes`; throws if it is not whole or longer than the limit.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= 4 else { throw .truncated(need: 4, have: bytes.byteCount) }
        length = Int(bytes.unchecked32(0) & 0xff_ffff)
        guard length <= TLSHandshake.maximumLength else {
            throw .invalid(field: .messageLength, value: UInt64(length))
        }
        guard bytes.byteCount >= 4 &+ length else {
            throw .truncated(need: 4 &+ length, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// The type as sent.
    public var type: UInt8 { bytes.unchecked8(0) }
    /// The type, `other` if Beltway has no name for it.
    public var kind: Kind { Kind(rawValue: type) ?? .other }
    /// What follows type and length.
    public var body: RawSpan {
        @_lifetime(copy self) get { bytes.extracting(4..<4 &+ length) }
    }

    /// Where the message at the start of `bytes` ends; `bytes` are fragments of handshake records joined.
    public static func framing(of bytes: RawSpan) -> Framing {
        guard bytes.byteCount >= headerLength else { return .needMore(atLeast: headerLength) }
        let length = Int(bytes.unchecked32(0) & 0xff_ffff)
        guard length <= maximumLength else { return .notThisProtocol }
        let whole = headerLength &+ length
        return bytes.byteCount >= whole ? .complete(length: whole) : .needMore(atLeast: whole)
    }
}

/// Puts handshake messages together that are split over records of one direction.
///
/// Holds no memory until a message straddles; then at most one message (``TLSHandshake/maximumLength``) and
/// the head of the next.
public struct TLSHandshakeJoiner: Sendable {
    private var held: [UInt8] = []
    /// Whether a message was longer than the limit; nothing more is read then.
    public private(set) var isBroken = false

    /// Makes a joiner that holds nothing.
    public init() {}

    /// Bytes that wait for the rest of their message.
    public var heldLength: Int { held.count }

    /// Calls `body` with each message that the fragment of a handshake record completes.
    ///
    /// - Parameters:
    ///   - fragment: A record's fragment, in the order of the stream.
    ///   - body: Called once for each message, in order; the message is gone when it returns.
    public mutating func take(_ fragment: RawSpan, _ body: (borrowing TLSHandshake) -> Void) {
        guard !isBroken else { return }
        guard held.isEmpty else {
            takeHeld(fragment, body)
            return
        }
        let used = handOver(fragment, body)
        if !isBroken, used < fragment.byteCount {
            held.append(fragment.extracting(droppingFirst: used))
        }
    }

    private mutating func takeHeld(_ fragment: RawSpan, _ body: (borrowing TLSHandshake) -> Void) {
        held.append(fragment)
        let joined = held
        let used = handOver(joined.rawBytes, body)
        if used == joined.count || isBroken { held = [] } else if used > 0 { held.removeFirst(used) }
    }

    /// Bytes of whole messages at the start of `bytes`.
    private mutating func handOver(_ bytes: RawSpan, _ body: (borrowing TLSHandshake) -> Void) -> Int {
        var position = 0
        while position < bytes.byteCount {
            let rest = bytes.extracting(droppingFirst: position)
            switch TLSHandshake.framing(of: rest) {
            case .complete(let length):
                if let message = try? TLSHandshake(rest) { body(message) }
                position &+= length
            case .needMore:
                return position
            case .notThisProtocol:
                isBroken = true
                return position
            }
        }
        return position
    }
}
