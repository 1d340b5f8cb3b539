// SPDX-License-Identifier: Apache-2.0
// What opens Initial packets in the versions of QUIC (RFC 9001, 5.2): salts and labels, for a module with HKDF.

/// What the versions of QUIC differ in where Initial packets are concerned.
public enum QUICVersion {
    /// RFC 9000.
    @inlinable public static var one: UInt32 { 1 }
    /// RFC 9369.
    @inlinable public static var two: UInt32 { 0x6b33_43cf }

    /// The 20 bytes of the initial salt (RFC 9001, 5.2; RFC 9369, 3.3.1; the drafts), or nil for a version
    /// whose Initial packets are not known.
    public static func salt(ofVersion version: UInt32) -> [20 of UInt8]? {
        switch version {
        case one, 0xff00_0021, 0xff00_0022: versionOne
        case two: versionTwo
        case 0xff00_001d...0xff00_0020: draft29
        case 0xff00_0017...0xff00_001c, 0xface_b002: draft23
        case 0xff00_0015, 0xff00_0016, 0xface_b001: draft21
        case 0x5130_3530: google50
        case 0x5430_3530: tls50
        case 0x5430_3531: tls51
        default: nil
        }
    }

    /// The info of HKDF-Expand-Label without a context (RFC 8446, 7.1): length, `tls13 ` and label, 0.
    ///
    /// - Parameters:
    ///   - label: Such as `client in`, `server in`, or one of ``labels(ofVersion:)``.
    ///   - length: Bytes wanted of HKDF-Expand: 32 for secrets, 16 for keys, 12 for the vector.
    /// - Returns: What HKDF-Expand is given beside the secret.
    public static func info(label: String, length: UInt16) -> [UInt8] {
        var info = [
            UInt8(length >> 8), UInt8(length & 0xff), UInt8(truncatingIfNeeded: label.utf8.count + 6),
        ]
        info.append(text: "tls13 ")
        info.append(text: label)
        info.append(0)
        return info
    }

    /// The labels of key, initialisation vector and header protection key (RFC 9001, 5.1; RFC 9369, 3.3.2).
    public static func labels(ofVersion version: UInt32) -> (key: String, vector: String, header: String) {
        version == two ? ("quicv2 key", "quicv2 iv", "quicv2 hp") : ("quic key", "quic iv", "quic hp")
    }

    private static var versionOne: [20 of UInt8] {
        [
            0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
            0xcc, 0xbb, 0x7f, 0x0a,
        ]
    }
    private static var versionTwo: [20 of UInt8] {
        [
            0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
            0xf9, 0xbd, 0x2e, 0xd9,
        ]
    }
    private static var draft29: [20 of UInt8] {
        [
            0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0,
            0x43, 0x90, 0xa8, 0x99,
        ]
    }
    private static var draft23: [20 of UInt8] {
        [
            0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65,
            0xbe, 0xf9, 0xf5, 0x02,
        ]
    }
    private static var draft21: [20 of UInt8] {
        [
            0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd,
            0x7a, 0x02, 0x64, 0x4a,
        ]
    }
    private static var google50: [20 of UInt8] {
        [
            0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94, 0x5c, 0xfc, 0xdb, 0xd3, 0xa7, 0xf0,
            0xd3, 0xb5, 0x6b, 0x45,
        ]
    }
    private static var tls50: [20 of UInt8] {
        [
            0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80, 0x30, 0x4c, 0x43, 0xa2, 0x36, 0x7c,
            0x60, 0x48, 0x83, 0x10,
        ]
    }
    private static var tls51: [20 of UInt8] {
        [
            0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50, 0x6c, 0x19, 0x12, 0x4f, 0xc8, 0xcc,
            0xda, 0x6e, 0x03, 0x3d,
        ]
    }

    /// Whether a version exists only to make a server say which ones it has (RFC 9000, 15).
    @inlinable public static func forcesNegotiation(_ version: UInt32) -> Bool {
        version & 0x0f0f_0f0f == 0x0a0a_0a0a
    }
}
