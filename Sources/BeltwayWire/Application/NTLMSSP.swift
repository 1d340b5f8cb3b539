// SPDX-License-Identifier: Apache-2.0
// NTLMSSP's last message ([MS-NLMP], 2.2.1.3): who logs on. It is found inside whatever token carries it.
//
//      0 "NTLMSSP\0"   8 type 3   12 LM answer  20 NT answer  28 domain  36 user  44 workstation  52 key   60 flags  64 version
//      each field: length 2, room 2, offset 4

/// An AUTHENTICATE message, viewed in place.
public struct NTLMSSPAuthenticate: ~Escapable {
    let bytes: RawSpan

    /// Finds the message in a token; nil if there is none or its fixed part is cut off.
    @_lifetime(copy token)
    public init?(in token: RawSpan) {
        var start = 0
        while start + 64 <= token.byteCount {
            if token.unchecked64(start) == 0x4e54_4c4d_5353_5000 { break }
            start &+= 1
        }
        guard start + 64 <= token.byteCount, token.littleEndian32(at: start + 8) == 3 else { return nil }
        bytes = token.extracting(droppingFirst: start)
    }

    private var flags: UInt32 { bytes.littleEndian32(at: 60) }
    /// Whether names are UTF-16.
    public var isUnicode: Bool { flags & 1 != 0 }
    /// The user's domain.
    public var domain: RawSpan { @_lifetime(copy self) get { field(28) } }
    /// The user.
    public var user: RawSpan { @_lifetime(copy self) get { field(36) } }
    /// The client's computer.
    public var workstation: RawSpan { @_lifetime(copy self) get { field(44) } }

    @_lifetime(copy self)
    private func field(_ offset: Int) -> RawSpan {
        let start = Int(bytes.littleEndian32(at: offset + 4))
        let count = Int(bytes.littleEndian16(at: offset))
        return bytes.field(min(start, bytes.byteCount)..<min(start, bytes.byteCount) + count)
    }

    /// The client's operating system: major and minor version, build, revision of NTLMSSP; nil if not told.
    public var version: (major: UInt8, minor: UInt8, build: UInt16, revision: UInt8)? {
        guard flags & 0x0200_0000 != 0, bytes.byteCount >= 72 else { return nil }
        return (bytes.byte(at: 64), bytes.byte(at: 65), bytes.littleEndian16(at: 66), bytes.byte(at: 71))
    }
}
