// SPDX-License-Identifier: Apache-2.0
// NTP packets (RFC 5905, section 7.3), read in place; older versions have the same head.
//
//     0                  1         2      3           4            8                 12
//     | LI 2 VN 3 mode 3 | stratum | poll | precision | root delay | root dispersion | reference id |
//     16                    24       32        40         48
//     | reference timestamp | origin | receive | transmit | extension fields, key id and digest ...
//
// Control messages (mode 6, RFC 9327) and private ones (mode 7, of ntpd) share only the first byte's mode and version.

/// An NTP packet viewed in place; its length was checked against its mode.
public struct NTPPacket: ~Escapable {
    /// The whole datagram.
    public let bytes: RawSpan

    /// Bytes of a packet that tells time.
    @inlinable public static var headerLength: Int { 48 }

    /// Views `bytes` as a packet; throws if they end inside what its mode needs.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount > 0 else { throw .truncated(need: 1, have: 0) }
        let version = bytes.unchecked8(0) >> 3 & 7
        guard version >= 1, version <= 4 else { throw .invalid(field: .version, value: UInt64(version)) }
        let need =
            switch bytes.unchecked8(0) & 7 {
            case 6: 12
            case 7: 8
            default: NTPPacket.headerLength
            }
        guard bytes.byteCount >= need else { throw .truncated(need: need, have: bytes.byteCount) }
        self.bytes = bytes
    }

    /// Version, 1 to 4.
    public var version: UInt8 { bytes.unchecked8(0) >> 3 & 7 }
    /// Leap indicator: 0 none, 1 a second more, 2 a second less, 3 not synchronised.
    public var leap: UInt8 { bytes.unchecked8(0) >> 6 }
    /// 1 and 2 peers, 3 client, 4 server, 5 broadcast, 6 control, 7 private.
    public var mode: UInt8 { bytes.unchecked8(0) & 7 }
    /// Whether the fields below are there: control and private messages have others.
    public var tellsTime: Bool { mode < 6 }
    /// Distance from the reference clock: 0 not said, 1 the clock itself, 16 not synchronised.
    public var stratum: UInt8 { tellsTime ? bytes.unchecked8(1) : 0 }
    /// Time between messages, as a power of two of seconds.
    public var poll: Int8 { tellsTime ? Int8(bitPattern: bytes.unchecked8(2)) : 0 }
    /// Precision of the clock, as a power of two of seconds.
    public var precision: Int8 { tellsTime ? Int8(bitPattern: bytes.unchecked8(3)) : 0 }
    /// Way to the reference clock and back, in 2^-16 s.
    public var rootDelay: UInt32 { tellsTime ? bytes.unchecked32(4) : 0 }
    /// Greatest error, in 2^-16 s.
    public var rootDispersion: UInt32 { tellsTime ? bytes.unchecked32(8) : 0 }
    /// Name of the clock (stratum 1), a code (stratum 0), or the address of the server that it follows.
    public var referenceID: UInt32 { tellsTime ? bytes.unchecked32(12) : 0 }
    /// When the client sent what this answers; seconds since 1900 in the upper half, as in all timestamps.
    public var origin: UInt64 { tellsTime ? bytes.unchecked64(24) : 0 }
    /// When the server got it.
    public var receive: UInt64 { tellsTime ? bytes.unchecked64(32) : 0 }
    /// When this packet left.
    public var transmit: UInt64 { tellsTime ? bytes.unchecked64(40) : 0 }
}

extension NTPPacket {
    /// Whether a datagram on NTP's port makes sense.
    public static func isLikely(_ bytes: RawSpan) -> Bool {
        guard let packet = try? NTPPacket(bytes) else { return false }
        switch packet.mode {
        case 0: return packet.version == 1
        case 1...5: return packet.stratum <= 16
        default: return true
        }
    }

    /// Whether a datagram is NTP, on whatever port it came.
    ///
    /// Only requests and answers of versions 3 and 4 are told: a request says nothing but when it left, as most clients
    /// have it; an answer has a stratum, a precision below a second, and its two times within two seconds.
    public static func probe(_ bytes: RawSpan) -> Probe {
        let count = bytes.byteCount
        // With nothing behind it, or a key and a digest of 16 or 20 bytes (RFC 5905, 7.3).
        guard count == 48 || count == 68 || count == 72, let packet = try? NTPPacket(bytes),
            packet.version >= 3, packet.transmit != 0
        else { return .no }
        switch packet.mode {
        case 3:
            let isBare =
                bytes.unchecked8(1) == 0 && bytes.unchecked64(4) == 0 && bytes.unchecked32(12) == 0
                && bytes.unchecked64(16) == 0 && packet.origin == 0 && packet.receive == 0
            return isBare && packet.poll >= 0 && packet.poll <= 17 ? .yes : .no
        case 4:
            guard packet.stratum >= 1, packet.stratum <= 15, packet.precision < 0, packet.precision > -40,
                packet.rootDelay >> 16 < 16, packet.rootDispersion >> 16 < 16,
                packet.transmit >= packet.receive
            else { return .no }
            return (packet.transmit &- packet.receive) >> 32 < 2 && packet.receive >> 63 == 1 ? .yes : .no
        default: return .no
        }
    }
}
