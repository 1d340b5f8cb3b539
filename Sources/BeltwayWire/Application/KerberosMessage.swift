// SPDX-License-Identifier: Apache-2.0

/// Kerberos 5 (RFC 4120): what a message is known by; nothing of it is read.
///
///     6a n | 30 n | a1 03 02 01 05 | a2 03 02 01 0a ..        AS-REQ, TGS-REQ: [1] pvno, [2] msg-type
///     6b n | 30 n | a0 03 02 01 05 | a1 03 02 01 0b ..        answers and errors: [0] pvno, [1] msg-type
public enum KerberosMessage {
    /// Whether bytes begin with a message of a client to a centre of keys, or with its answer.
    public static func isMessage(_ bytes: RawSpan) -> Bool { length(bytes) != nil }

    /// Whether the first bytes of a stream are a message behind its length (RFC 4120, 7.2.2), as far as it is here.
    public static func isFirst(inStream bytes: RawSpan) -> Bool {
        guard bytes.byteCount > 16 else { return false }
        let told = Int(bytes.bigEndian32(at: 0))
        guard told < 1 << 24, let length = length(bytes.extracting(droppingFirst: 4)) else { return false }
        return told == length
    }

    /// Bytes of the message, tag included; nil if these bytes are none.
    private static func length(_ bytes: RawSpan) -> Int? {
        guard bytes.byteCount > 12 else { return nil }
        // AS-REQ 10, AS-REP 11, TGS-REQ 12, TGS-REP 13, KRB-ERROR 30: the tag is APPLICATION and the number.
        let tag = bytes.byte(at: 0)
        let type = tag & 0x1f
        guard tag & 0xe0 == 0x60, 10...13 ~= type || type == 30, let outer = BERLength(bytes, at: 1) else {
            return nil
        }
        guard outer.content < bytes.byteCount, bytes.byte(at: outer.content) == 0x30,
            let inner = BERLength(bytes, at: outer.content + 1), inner.content + 10 <= bytes.byteCount
        else { return nil }
        let first: UInt8 = type == 10 || type == 12 ? 0xa1 : 0xa0
        let version = inner.content
        guard bytes.byte(at: version) == first, bytes.bigEndian16(at: version + 1) == 0x0302,
            bytes.bigEndian16(at: version + 3) == 0x0105, bytes.byte(at: version + 5) == first + 1,
            bytes.bigEndian16(at: version + 6) == 0x0302,
            bytes.bigEndian16(at: version + 8) == 0x0100 | UInt16(type)
        else { return nil }
        return outer.end
    }
}
