// SPDX-License-Identifier: Apache-2.0
// SSH up to where it is encrypted (RFC 4253): the identification line, then packets, of which KEXINIT says
// what both sides can do.
//
//     SSH-2.0-OpenSSH_9.6 comment CR LF
//     | packet length 4 | padding length 1 | payload: type 1 ... | padding |
//     KEXINIT (7.1): type 20 | cookie 16 | ten name-lists, each a length 4 and text | first follows 1 | 0 4 |

/// The identification line of one side, viewed in place.
public struct SSHBanner: ~Escapable {
    let bytes: RawSpan
    let protocolRange: Range<Int>
    let softwareRange: Range<Int>
    let commentRange: Range<Int>

    /// The longest line that is read; RFC 4253 allows 255, servers send more before it.
    @inlinable public static var maximumLength: Int { 1_024 }

    /// Views the line at the start of `bytes`; throws if it is not whole or does not begin with `SSH-`.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.starts(with: "SSH-") else { throw .invalid(field: .startLine, value: 0) }
        guard let end = bytes.firstIndex(of: 0x0a, before: SSHBanner.maximumLength) else {
            throw .truncated(need: bytes.byteCount &+ 1, have: bytes.byteCount)
        }
        let line = bytes.trimmedLine(0..<end)
        let dash = bytes.firstIndex(of: 0x2d, from: 4, before: line.upperBound) ?? line.upperBound
        protocolRange = 4..<max(4, dash)
        let start = min(dash &+ 1, line.upperBound)
        let blank = bytes.firstIndex(of: 0x20, from: start, before: line.upperBound) ?? line.upperBound
        softwareRange = start..<blank
        commentRange = min(blank &+ 1, line.upperBound)..<line.upperBound
        self.bytes = bytes
    }

    /// Such as `2.0`.
    public var protocolVersion: RawSpan { @_lifetime(copy self) get { bytes.field(protocolRange) } }
    /// Such as `OpenSSH_9.6`.
    public var softwareVersion: RawSpan { @_lifetime(copy self) get { bytes.field(softwareRange) } }
    /// What follows the software after a blank; often empty.
    public var comment: RawSpan { @_lifetime(copy self) get { bytes.field(commentRange) } }

    /// Where the line at the start of `bytes` ends, LF included; a server's other lines before it (RFC 4253,
    /// 4.2) are lines of their own and `notThisProtocol`.
    public static func framing(of bytes: RawSpan) -> Framing {
        guard bytes.couldStart(with: "SSH-") else { return .notThisProtocol }
        if let end = bytes.firstIndex(of: 0x0a, before: maximumLength) { return .complete(length: end &+ 1) }
        return bytes.byteCount >= maximumLength ? .notThisProtocol : .needMore(atLeast: bytes.byteCount &+ 1)
    }

    /// Whether a side's first bytes are an identification line.
    public static func probe(_ prefix: RawSpan, from sender: Sender) -> Probe {
        guard prefix.couldStart(with: "SSH-") else { return .no }
        return prefix.byteCount < 4 ? .unknown : .yes
    }
}

/// A binary packet before encryption, viewed in place.
public struct SSHPacket: ~Escapable {
    let bytes: RawSpan
    /// Bytes of the payload, its type included.
    public let payloadLength: Int

    /// The longest packet that is read before encryption (RFC 4253, 6.1 asks for 35,000 at least).
    @inlinable public static var maximumLength: Int { 1 << 18 }
    /// The type of KEXINIT.
    @inlinable public static var keyExchangeInit: UInt8 { 20 }
    /// The type of NEWKEYS, after which packets are encrypted.
    @inlinable public static var newKeys: UInt8 { 21 }

    /// The type of the server's part of a key exchange (RFC 4253, 8; RFC 5656, 4).
    @inlinable public static var keyExchangeReply: UInt8 { 31 }
    /// The same where the group was negotiated (RFC 4419, 5).
    @inlinable public static var groupExchangeReply: UInt8 { 33 }

    /// Views the packet at the start of `bytes`; throws if it is not whole or its padding leaves it no type.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= 6 else { throw .truncated(need: 6, have: bytes.byteCount) }
        let length = Int(bytes.unchecked32(0))
        payloadLength = length &- 1 &- Int(bytes.unchecked8(4))
        guard length <= SSHPacket.maximumLength, payloadLength >= 1 else {
            throw .invalid(field: .messageLength, value: UInt64(length))
        }
        guard bytes.byteCount >= 4 &+ length else {
            throw .truncated(need: 4 &+ length, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// The message's type (RFC 4250, 4.1.2).
    public var type: UInt8 { bytes.unchecked8(5) }
    /// The payload, its type included.
    public var payload: RawSpan { @_lifetime(copy self) get { bytes.field(5..<5 &+ payloadLength) } }

    /// Where the server's public key lies in the payload of a key exchange's reply; nil if what is there is none.
    ///
    /// A key begins with its algorithm's name (RFC 4253, 6.6), which tells it from a group's numbers.
    public var hostKey: Range<Int>? {
        let payload = payload
        guard payload.byteCount >= 9 else { return nil }
        let (length, name) = (Int(payload.unchecked32(1)), Int(payload.unchecked32(5)))
        guard length <= payload.byteCount &- 5, 4...64 ~= name, name &+ 4 <= length else { return nil }
        for index in 9..<9 &+ name where !(0x21..<0x7f ~= payload.unchecked8(index)) { return nil }
        return 5..<5 &+ length
    }

    /// Where the packet at the start of `bytes` ends.
    public static func framing(of bytes: RawSpan) -> Framing {
        guard bytes.byteCount >= 6 else { return .needMore(atLeast: 6) }
        let length = Int(bytes.unchecked32(0))
        guard 2...maximumLength ~= length, Int(bytes.unchecked8(4)) <= length &- 2 else {
            return .notThisProtocol
        }
        return bytes.byteCount >= 4 &+ length
            ? .complete(length: 4 &+ length) : .needMore(atLeast: 4 &+ length)
    }
}

/// A KEXINIT, viewed in place.
public struct SSHKeyExchangeInit: ~Escapable {
    let bytes: RawSpan
    private let keyExchange: Range<Int>
    private let hostKey: Range<Int>
    private let clientLists: (cipher: Range<Int>, mac: Range<Int>, compression: Range<Int>)
    private let serverLists: (cipher: Range<Int>, mac: Range<Int>, compression: Range<Int>)

    /// Views a packet's payload; throws if it is no KEXINIT or ends before its compression lists do.
    @_lifetime(copy payload)
    public init(_ payload: RawSpan) throws(WireError) {
        var reader = ByteReader(payload)
        guard reader.u8() == SSHPacket.keyExchangeInit, reader.take(16) != nil,
            let keyExchange = reader.vector32(), let hostKey = reader.vector32(),
            let clientCipher = reader.vector32(), let serverCipher = reader.vector32(),
            let clientMAC = reader.vector32(), let serverMAC = reader.vector32(),
            let clientCompression = reader.vector32(), let serverCompression = reader.vector32()
        else { throw .invalid(field: .fieldLength, value: UInt64(reader.position)) }
        self.keyExchange = keyExchange
        self.hostKey = hostKey
        clientLists = (clientCipher, clientMAC, clientCompression)
        serverLists = (serverCipher, serverMAC, serverCompression)
        bytes = payload
    }

    /// The key exchange methods, a list with commas.
    public var keyExchangeMethods: RawSpan { @_lifetime(copy self) get { bytes.field(keyExchange) } }
    /// The host key algorithms, a list with commas.
    public var hostKeyAlgorithms: RawSpan { @_lifetime(copy self) get { bytes.field(hostKey) } }

    /// Lists that ``list(_:)`` knows.
    public static var listCount: Int { 8 }

    /// A list with commas, in the order of RFC 4253, 7.1: key exchange, host key, then ciphers, MACs and compression to
    /// the server and to the client; empty beyond that.
    @_lifetime(copy self)
    public func list(_ number: Int) -> RawSpan {
        switch number {
        case 0: bytes.field(keyExchange)
        case 1: bytes.field(hostKey)
        case 2: bytes.field(clientLists.cipher)
        case 3: bytes.field(serverLists.cipher)
        case 4: bytes.field(clientLists.mac)
        case 5: bytes.field(serverLists.mac)
        case 6: bytes.field(clientLists.compression)
        case 7: bytes.field(serverLists.compression)
        default: bytes.field(0..<0)
        }
    }

    /// Appends the text whose MD5 is HASSH (from the client) or hasshServer (from the server).
    public func appendHASSH(from sender: Sender, to text: inout [UInt8]) {
        let lists = sender == .originator ? clientLists : serverLists
        text.append(bytes.field(keyExchange))
        text.append(0x3b)
        text.append(bytes.field(lists.cipher))
        text.append(0x3b)
        text.append(bytes.field(lists.mac))
        text.append(0x3b)
        text.append(bytes.field(lists.compression))
    }
}
