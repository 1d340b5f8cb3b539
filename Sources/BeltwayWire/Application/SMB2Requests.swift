// SPDX-License-Identifier: Apache-2.0
// What clients ask for in SMB 2 and 3 ([MS-SMB2], 2.2.3 to 2.2.39), as far as its facts go. Each view is made of a whole
// message, header included, since offsets in it count from there; a stretch that leaves the message is cut.

/// Commands of SMB 2 and 3 ([MS-SMB2], 2.2.1).
@frozen public enum SMB2Command: UInt16, Sendable, BitwiseCopyable {
    case negotiate, sessionSetup, logoff, treeConnect, treeDisconnect, create, close, flush, read, write, lock
    case ioctl, cancel, echo, queryDirectory, changeNotify, queryInfo, setInfo, oplockBreak
}

/// NEGOTIATE (2.2.3): which dialects the client speaks.
public struct SMB2NegotiateRequest: ~Escapable {
    let structure: SMB2Structure

    /// Views a message; nil if it is cut off or none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan) {
        guard let structure = SMB2Structure(message, size: 36, least: 36) else { return nil }
        self.structure = structure
    }

    /// Identifies the client.
    public var client: SMBIdentifier { structure.identifier(12) }
    /// Dialects that are here.
    public var dialectCount: Int {
        min(Int(structure.u16(2)), (structure.bytes.byteCount - SMB2Header.length - 36) / 2)
    }
    /// The dialect at a position below ``dialectCount``, such as 0x0311.
    public func dialect(_ index: Int) -> UInt16 { structure.u16(36 + 2 * index) }
}

/// SESSION_SETUP (2.2.5) or its answer (2.2.6): a token of SPNEGO, Kerberos or NTLMSSP.
public struct SMB2SessionSetup: ~Escapable {
    let structure: SMB2Structure
    let isAnswer: Bool

    /// Views a message; nil if it is cut off or none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan, isAnswer: Bool) {
        guard
            let structure = SMB2Structure(message, size: isAnswer ? 9 : 25, least: isAnswer ? 8 : 24)
        else { return nil }
        self.structure = structure
        self.isAnswer = isAnswer
    }

    /// The token.
    public var token: RawSpan {
        @_lifetime(copy self) get {
            let field = isAnswer ? 4 : 12
            return structure.stretch(Int(structure.u16(field)), Int(structure.u16(field + 2)))
        }
    }
}

/// TREE_CONNECT (2.2.9): the share that is wanted.
public struct SMB2TreeConnectRequest: ~Escapable {
    let structure: SMB2Structure

    /// Views a message; nil if it is cut off or none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan) {
        guard let structure = SMB2Structure(message, size: 9, least: 8) else { return nil }
        self.structure = structure
    }

    /// `\\server\share` in UTF-16.
    public var path: RawSpan {
        @_lifetime(copy self) get { structure.stretch(Int(structure.u16(4)), Int(structure.u16(6))) }
    }
}

/// CREATE (2.2.13): a file, directory or pipe is opened or made.
public struct SMB2CreateRequest: ~Escapable {
    let structure: SMB2Structure

    /// Views a message; nil if it is cut off or none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan) {
        guard let structure = SMB2Structure(message, size: 57, least: 56) else { return nil }
        self.structure = structure
    }

    /// What to do if it exists, or does not: 0 to 5.
    public var disposition: UInt32 { structure.u32(36) }
    /// Bits such as "a directory", "delete on close".
    public var options: UInt32 { structure.u32(40) }
    /// Name within the share, in UTF-16.
    public var name: RawSpan {
        @_lifetime(copy self) get { structure.stretch(Int(structure.u16(44)), Int(structure.u16(46))) }
    }
}

/// READ (2.2.19) or WRITE (2.2.21): which part of which file.
public struct SMB2Transfer: ~Escapable {
    let structure: SMB2Structure

    /// Views a message; nil if its fixed part is cut off, or if it is none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan) {
        guard let structure = SMB2Structure(message, size: 49, least: 48) else { return nil }
        self.structure = structure
    }

    /// WRITE: where the data starts, in bytes from the header's start.
    public var dataOffset: Int { Int(structure.u16(2)) }
    /// Bytes that are asked for or written.
    public var count: Int { Int(structure.u32(4)) }
    /// Where in the file.
    public var fileOffset: UInt64 { structure.u64(8) }
    /// The opened file.
    public var file: SMBIdentifier { structure.identifier(16) }
    /// WRITE: what of the data is here.
    public var data: RawSpan { @_lifetime(copy self) get { structure.stretch(dataOffset, count) } }
}

/// CLOSE (2.2.15).
public struct SMB2CloseRequest: ~Escapable {
    let structure: SMB2Structure

    /// Views a message; nil if it is cut off or none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan) {
        guard let structure = SMB2Structure(message, size: 24, least: 24) else { return nil }
        self.structure = structure
    }

    /// The opened file.
    public var file: SMBIdentifier { structure.identifier(8) }
}

/// IOCTL (2.2.31) or its answer (2.2.32).
public struct SMB2Control: ~Escapable {
    let structure: SMB2Structure
    let isAnswer: Bool

    /// Views a message; nil if it is cut off or none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan, isAnswer: Bool) {
        guard
            let structure = SMB2Structure(message, size: isAnswer ? 49 : 57, least: isAnswer ? 48 : 56)
        else { return nil }
        self.structure = structure
        self.isAnswer = isAnswer
    }

    /// FSCTL_PIPE_TRANSCEIVE ([MS-FSCC], 2.3): a call over a pipe.
    @inlinable public static var pipeTransceive: UInt32 { 0x0011_c017 }

    /// Which control ([MS-FSCC], 2.3).
    public var function: UInt32 { structure.u32(4) }
    /// The opened file.
    public var file: SMBIdentifier { structure.identifier(8) }
    /// What goes with the request, or comes back.
    public var data: RawSpan {
        @_lifetime(copy self) get {
            let field = isAnswer ? 32 : 24
            return structure.stretch(Int(structure.u32(field)), Int(structure.u32(field + 4)))
        }
    }
}

/// SET_INFO (2.2.39): renaming, deleting and other changes of what a file is.
public struct SMB2SetInfoRequest: ~Escapable {
    let structure: SMB2Structure

    /// Views a message; nil if it is cut off or none.
    @_lifetime(copy message)
    public init?(_ message: RawSpan) {
        guard let structure = SMB2Structure(message, size: 33, least: 32) else { return nil }
        self.structure = structure
    }

    /// What it is about: 1 a file, 2 a file system, 3 security, 4 a quota.
    public var type: UInt8 { structure.u8(2) }
    /// Which of the file's properties ([MS-FSCC], 2.4): 10 its name, 13 whether it goes away when closed.
    public var property: UInt8 { structure.u8(3) }
    /// The opened file.
    public var file: SMBIdentifier { structure.identifier(16) }
    /// The property's value.
    public var data: RawSpan {
        @_lifetime(copy self) get { structure.stretch(Int(structure.u16(8)), Int(structure.u32(4))) }
    }
    /// The new name, in UTF-16, if the property is the name (FileRenameInformation for SMB2, [MS-FSCC], 2.4.42.2).
    public var newName: RawSpan {
        @_lifetime(copy self) get {
            let data = data
            guard data.byteCount >= 20 else { return data.extracting(first: 0) }
            let count = Int(data.littleEndian32(at: 16))
            return data.field(20..<20 + min(count, data.byteCount))
        }
    }
}
