// SPDX-License-Identifier: Apache-2.0
// The head before every SMB message on a stream: NetBIOS's session service (RFC 1002, 4.3) on port 139, and what is left
// of it when SMB runs directly over TCP on port 445 ([MS-SMB2], 2.1).
//
//     | type 1 | length 3 (NetBIOS: 17 bits) | message ...
//       0 message, 0x81 session request, 0x82 positive response, 0x83 negative, 0x84 retarget, 0x85 keep-alive
//
//     message   FF 53 4D 42 SMB 1     FE SMB 2 and 3     FD encrypted (transform)     FC compressed

/// The four bytes before a message.
@frozen public struct NetBIOSSessionHead: Equatable, Sendable, BitwiseCopyable {
    /// Bytes of the head.
    @inlinable public static var length: Int { 4 }
    /// Type of a head that has an SMB message behind it.
    @inlinable public static var message: UInt8 { 0 }

    /// What follows.
    public let type: UInt8
    /// Bytes that follow, at most 16 MiB.
    public let count: Int

    /// Reads the head at the start of `bytes`; nil if there are fewer than four, or if no such type exists.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= NetBIOSSessionHead.length else { return nil }
        type = bytes.unchecked8(0)
        guard type == NetBIOSSessionHead.message || 0x81...0x85 ~= type else { return nil }
        count = Int(bytes.unchecked32(0) & 0xff_ffff)
    }
}

/// Which form a message has, by its first byte.
@frozen public enum SMBForm: UInt8, Sendable, BitwiseCopyable {
    /// A compressed message of SMB 3.1.1.
    case compressed = 0xfc
    /// An encrypted message of SMB 3.
    case encrypted = 0xfd
    /// SMB 2 and 3.
    case smb2 = 0xfe
    /// SMB 1, also called CIFS.
    case smb1 = 0xff

    /// The form of the message at the start of `bytes`, or nil if it is none of SMB's.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= 4, bytes.unchecked32(0) & 0xff_ffff == 0x53_4d42,
            let form = SMBForm(rawValue: bytes.unchecked8(0))
        else { return nil }
        self = form
    }
}

/// Finds SMB on streams.
public enum SMBStream {
    /// Whether a side's first bytes are SMB, or ask for a session of NetBIOS.
    ///
    /// - Parameters:
    ///   - bytes: The first bytes of the side.
    ///   - isOnPort: Whether the server's port is 139 or 445.
    /// - Returns: Whether they are.
    public static func probe(_ bytes: RawSpan, isOnPort: Bool) -> Probe {
        guard bytes.byteCount > 0 else { return .unknown }
        let type = bytes.unchecked8(0)
        guard type == 0 || type == 0x81 || isOnPort && 0x82...0x85 ~= type else { return .no }
        guard bytes.byteCount >= NetBIOSSessionHead.length, let head = NetBIOSSessionHead(bytes) else {
            return .unknown
        }
        if type == 0x81 {
            // Two names in NetBIOS's encoding, 34 bytes each.
            guard head.count == 68 else { return .no }
            guard bytes.byteCount >= 5 else { return .unknown }
            return bytes.unchecked8(4) == 0x20 ? .yes : .no
        }
        if type != 0 { return head.count <= 6 ? .yes : .no }
        guard head.count >= 32 else { return .no }
        guard bytes.byteCount >= 8 else { return .unknown }
        return SMBForm(bytes.extracting(droppingFirst: 4)) == nil ? .no : .yes
    }

    /// Whether bytes begin with an answer, which a server sends; nil if they begin with nothing that says so.
    public static func isAnswer(_ bytes: RawSpan) -> Bool? {
        guard bytes.byteCount >= 4 + 20, bytes.unchecked8(0) == NetBIOSSessionHead.message else { return nil }
        let message = bytes.extracting(droppingFirst: 4)
        switch SMBForm(message) {
        case .smb1: return message.unchecked8(9) & 0x80 != 0
        case .smb2: return message.unchecked8(16) & 1 != 0
        default: return nil
        }
    }

    /// Bytes before the first head with a message of SMB behind it: all of `bytes` but a possible start of one, if
    /// there is none.
    ///
    /// - Returns: How many bytes to pass over, and whether a message starts there.
    public static func resynchronise(_ bytes: RawSpan) -> (skipped: Int, isFound: Bool) {
        var index = 0
        while index + 8 <= bytes.byteCount {
            if bytes.unchecked8(index) == 0, SMBForm(bytes.extracting(index + 4..<index + 8)) != nil {
                return (index, true)
            }
            index &+= 1
        }
        return (index, false)
    }
}
