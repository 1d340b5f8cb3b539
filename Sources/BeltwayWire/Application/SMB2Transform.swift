// SPDX-License-Identifier: Apache-2.0

/// The head of an encrypted message of SMB 3 ([MS-SMB2], 2.2.41): all that is to be known of it.
///
///     | FD 53 4D 42 | signature 16 | nonce 16 | size 4 | reserved 2 | flags 2 | session 8 | what is encrypted ..
@frozen public struct SMB2Transform: Equatable, Sendable, BitwiseCopyable {
    /// Bytes of the head.
    @inlinable public static var length: Int { 52 }

    /// Bytes of the message that was encrypted, as the head says.
    public let size: UInt32
    /// Session whose keys encrypt it.
    public let sessionID: UInt64

    /// Reads the head at the start of a message; nil if it is none, or cut.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= SMB2Transform.length, SMBForm(bytes) == .encrypted else { return nil }
        size = bytes.littleEndian32(at: 36)
        sessionID = UInt64(bytes.littleEndian32(at: 44)) | UInt64(bytes.littleEndian32(at: 48)) << 32
    }
}
