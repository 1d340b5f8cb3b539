// SPDX-License-Identifier: Apache-2.0
// DHCP messages (RFC 2131, section 2; options RFC 2132), read in place.
//
//     0    1       2      3      4     8      10      12       16       20       24
//     | op | htype | hlen | hops | xid | secs | flags | ciaddr | yiaddr | siaddr | giaddr |
//     28       44      108    236            240
//     | chaddr | sname | file | 63 82 53 63 | options: code, length, data ... 255
//
// Invariant. An option that is handed out lies inside the message: whoever reads it has `bytes.extracting(data)`.

/// A DHCP message viewed in place; the head and the magic cookie were checked, options are as they are walked.
public struct DHCPMessage: ~Escapable {
    /// The whole message.
    public let bytes: RawSpan

    /// Bytes before the first option.
    @inlinable public static var headerLength: Int { 240 }
    /// What stands before the options (RFC 2131, section 3).
    @inlinable public static var cookie: UInt32 { 0x6382_5363 }

    /// Views `bytes` as a message; throws if they end before the options or have no cookie before them.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= DHCPMessage.headerLength else {
            throw .truncated(need: DHCPMessage.headerLength, have: bytes.byteCount)
        }
        let magic = bytes.unchecked32(236)
        guard magic == DHCPMessage.cookie else { throw .invalid(field: .magic, value: UInt64(magic)) }
        self.bytes = bytes
    }

    /// 1 for a request, 2 for a reply.
    public var operation: UInt8 { bytes.unchecked8(0) }
    /// Kind of the hardware address, 1 for Ethernet.
    public var hardwareType: UInt8 { bytes.unchecked8(1) }
    /// Number that joins requests and replies.
    public var transaction: UInt32 { bytes.unchecked32(4) }
    /// Seconds since the client began.
    public var seconds: UInt16 { bytes.unchecked16(8) }
    /// The address that the client has.
    public var clientAddress: UInt32 { bytes.unchecked32(12) }
    /// The address that it is given.
    public var assignedAddress: UInt32 { bytes.unchecked32(16) }
    /// The server that it goes to next.
    public var nextServer: UInt32 { bytes.unchecked32(20) }
    /// The relay that the message came by.
    public var relay: UInt32 { bytes.unchecked32(24) }

    /// The client's hardware address, at most 16 bytes.
    public var hardwareAddress: RawSpan {
        @_lifetime(copy self)
        get { bytes.extracting(28..<28 &+ min(Int(bytes.unchecked8(2)), 16)) }
    }

    /// Hands the options to `body` in their order: those behind the head, then those that option 52 says stand in the
    /// fields `file` and `sname`.
    ///
    /// - Parameter body: Takes the option's code and where its data lies in the message.
    /// - Returns: False if the options behind the head do not end as they should: those before were handed out.
    @discardableResult
    public func forEachOption(_ body: (_ code: UInt8, _ data: Range<Int>) -> Void) -> Bool {
        var overload: UInt8 = 0
        let isWhole = walk(DHCPMessage.headerLength..<bytes.byteCount) { code, data in
            if code == 52, data.count == 1 { overload = bytes.unchecked8(data.lowerBound) }
            body(code, data)
        }
        if overload & 1 != 0 { _ = walk(108..<236, body) }
        if overload & 2 != 0 { _ = walk(44..<108, body) }
        return isWhole
    }

    private func walk(_ range: Range<Int>, _ body: (UInt8, Range<Int>) -> Void) -> Bool {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let code = bytes.unchecked8(offset)
            offset &+= 1
            if code == 255 { return true }
            if code == 0 { continue }
            guard offset < range.upperBound else { return false }
            let end = offset &+ 1 &+ Int(bytes.unchecked8(offset))
            guard end <= range.upperBound else { return false }
            body(code, offset &+ 1..<end)
            offset = end
        }
        // BOOTP (RFC 1497) and old clients fill the field and leave out the end.
        return true
    }

    /// Whether a datagram is DHCP, on whatever port it came.
    public static func probe(_ bytes: RawSpan) -> Probe {
        guard let message = try? DHCPMessage(bytes) else { return .no }
        let isMessage = message.operation == 1 || message.operation == 2
        return isMessage && bytes.unchecked8(2) <= 16 ? .yes : .no
    }
}
