// SPDX-License-Identifier: Apache-2.0
// What servers answer in SMB 2 and 3 ([MS-SMB2], 2.2.4 to 2.2.22), as far as its facts go; see SMB2Requests for the rules.

/// NEGOTIATE's answer (2.2.4): the dialect, and how much may be read and written at once.
public struct SMB2NegotiateAnswer: ~Escapable {
    let structure: SMB2Structure

    /// Views a message; nil if it is cut off or none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan) {
        guard let structure = SMB2Structure(message, size: 65, least: 64) else { return nil }
        self.structure = structure
    }

    /// Such as 0x0311; 0x02ff asks for a second negotiation.
    public var dialect: UInt16 { structure.u16(4) }
    /// Identifies the server.
    public var server: SMBIdentifier { structure.identifier(8) }
    /// Most bytes of one READ.
    public var maximumRead: UInt32 { structure.u32(32) }
    /// Most bytes of one WRITE.
    public var maximumWrite: UInt32 { structure.u32(36) }
}

/// TREE_CONNECT's answer (2.2.10).
public struct SMB2TreeConnectAnswer: ~Escapable {
    let structure: SMB2Structure

    /// Views a message; nil if it is cut off or none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan) {
        guard let structure = SMB2Structure(message, size: 16, least: 16) else { return nil }
        self.structure = structure
    }

    /// 1 disk, 2 pipe, 3 printer.
    public var shareType: UInt8 { structure.u8(2) }
}

/// CREATE's answer (2.2.14).
public struct SMB2CreateAnswer: ~Escapable {
    let structure: SMB2Structure

    /// Views a message; nil if it is cut off or none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan) {
        guard let structure = SMB2Structure(message, size: 89, least: 80) else { return nil }
        self.structure = structure
    }

    /// When it was made, last used, last written, last changed: hundreds of nanoseconds since 1601.
    public var times: SMBFileTimes {
        SMBFileTimes(
            created: structure.u64(8),
            accessed: structure.u64(16),
            modified: structure.u64(24),
            changed: structure.u64(32)
        )
    }
    /// Bytes of the file.
    public var size: UInt64 { structure.u64(48) }
    /// Names the opened file from now on.
    public var file: SMBIdentifier { structure.identifier(64) }
}

/// READ's answer (2.2.20).
public struct SMB2ReadAnswer: ~Escapable {
    let structure: SMB2Structure

    /// Views a message; nil if its fixed part is cut off, or if it is none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan) {
        guard let structure = SMB2Structure(message, size: 17, least: 16) else { return nil }
        self.structure = structure
    }

    /// Where the data starts, in bytes from the header's start.
    public var dataOffset: Int { Int(structure.u8(2)) }
    /// Bytes that were read.
    public var count: Int { Int(structure.u32(4)) }
    /// What of them is here.
    public var data: RawSpan { @_lifetime(copy self) get { structure.stretch(dataOffset, count) } }
}

/// Times of a file, each in hundreds of nanoseconds since 1601 (FILETIME, [MS-DTYP], 2.3.3).
@frozen public struct SMBFileTimes: Equatable, Sendable, BitwiseCopyable {
    /// When it was made.
    public var created: UInt64
    /// When it was last used.
    public var accessed: UInt64
    /// When its content was last written.
    public var modified: UInt64
    /// When anything of it was last changed.
    public var changed: UInt64

    /// Makes them of four counts.
    public init(created: UInt64 = 0, accessed: UInt64 = 0, modified: UInt64 = 0, changed: UInt64 = 0) {
        self.created = created
        self.accessed = accessed
        self.modified = modified
        self.changed = changed
    }

    /// A time in seconds since 1970, 0 if it is before that.
    public static func unix(_ time: UInt64) -> UInt64 {
        let seconds = time / 10_000_000
        return seconds >= 11_644_473_600 ? seconds - 11_644_473_600 : 0
    }
}
