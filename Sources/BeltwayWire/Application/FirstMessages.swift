// SPDX-License-Identifier: Apache-2.0
// Protocols that are known by their first message and not read, where that message is short.

/// The remote frame buffer protocol of VNC (RFC 6143, 7.1.1).
public enum RemoteFrameBuffer {
    /// Whether bytes are a version of the protocol, `RFB 003.008` and a line feed: what either side says first.
    public static func isGreeting(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= 12, bytes.starts(with: "RFB "), bytes.byte(at: 7) == 0x2e,
            bytes.byte(at: 11) == 0x0a
        else { return false }
        for place in [4, 5, 6, 8, 9, 10] where !(0x30...0x39 ~= bytes.byte(at: place)) { return false }
        return true
    }
}

/// DNP3 over TCP (IEEE 1815, 9.2): the head of a link frame.
///
///     05 64 | length 1 | control 1 | destination 2 | source 2 | CRC 2        the length counts from control on, 5 and more
public enum DNP3Message {
    /// Whether bytes begin with the head of a link frame whose checksum is right.
    public static func isMessage(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount >= 10, bytes.bigEndian16(at: 0) == 0x0564, bytes.byte(at: 2) >= 5 else {
            return false
        }
        var sum: UInt16 = 0
        for place in 0..<8 {
            sum ^= UInt16(bytes.byte(at: place))
            for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ 0xa6bc }
        }
        return ~sum == UInt16(bytes.byte(at: 8)) | UInt16(bytes.byte(at: 9)) << 8
    }
}

/// The distributed hash table of BitTorrent (BEP 5): a dictionary whose first key is of a question, answer or error.
public enum BitTorrentDHT {
    /// Whether a datagram is one of its messages.
    public static func isMessage(_ payload: RawSpan) -> Bool {
        guard payload.byteCount >= 12, payload.byte(at: payload.byteCount - 1) == 0x65 else { return false }
        return payload.starts(with: "d1:ad2:id20:") || payload.starts(with: "d1:rd2:id20:")
            || payload.starts(with: "d1:eli")
    }
}
