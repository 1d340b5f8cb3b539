// SPDX-License-Identifier: Apache-2.0
// How commands, dialects, statuses and controls of SMB are called: by Suricata's names, those by Microsoft's documents.
internal import BeltwayWire

extension TextBuffer {
    /// Appends a command of SMB 2 and 3 ([MS-SMB2], 2.2.1).
    mutating func append(command2 command: UInt16) {
        switch SMB2Command(rawValue: command) {
        case .negotiate: append("SMB2_COMMAND_NEGOTIATE_PROTOCOL")
        case .sessionSetup: append("SMB2_COMMAND_SESSION_SETUP")
        case .logoff: append("SMB2_COMMAND_SESSION_LOGOFF")
        case .treeConnect: append("SMB2_COMMAND_TREE_CONNECT")
        case .treeDisconnect: append("SMB2_COMMAND_TREE_DISCONNECT")
        case .create: append("SMB2_COMMAND_CREATE")
        case .close: append("SMB2_COMMAND_CLOSE")
        case .flush: append("SMB2_COMMAND_FLUSH")
        case .read: append("SMB2_COMMAND_READ")
        case .write: append("SMB2_COMMAND_WRITE")
        case .lock: append("SMB2_COMMAND_LOCK")
        case .ioctl: append("SMB2_COMMAND_IOCTL")
        case .cancel: append("SMB2_COMMAND_CANCEL")
        case .echo: append("SMB2_COMMAND_KEEPALIVE")
        case .queryDirectory: append("SMB2_COMMAND_FIND")
        case .changeNotify: append("SMB2_COMMAND_CHANGE_NOTIFY")
        case .queryInfo: append("SMB2_COMMAND_GET_INFO")
        case .setInfo: append("SMB2_COMMAND_SET_INFO")
        case .oplockBreak: append("SMB2_COMMAND_OPLOCK_BREAK")
        case nil: append(decimal: UInt64(command))
        }
    }

    /// Appends a command of SMB 1 ([MS-CIFS], 2.2.2.1).
    mutating func append(command1 command: UInt8) {
        guard let name = SMBNames.command1(command) else { return append(decimal: UInt64(command)) }
        append("SMB1_COMMAND_")
        append(name)
    }

    /// Appends a dialect of SMB 2 and 3.
    mutating func append(dialect: UInt16) {
        switch dialect {
        case 0x0202: append("2.02")
        case 0x0210: append("2.10")
        case 0x0222: append("2.22")
        case 0x0224: append("2.24")
        case 0x02ff: append("2.??")
        case 0x0300: append("3.00")
        case 0x0302: append("3.02")
        case 0x0310: append("3.10")
        case 0x0311: append("3.11")
        default: append(decimal: UInt64(dialect))
        }
    }

    /// Appends the type of a DCE/RPC message, in quotation marks (C706, 12.6.1).
    mutating func append(callType type: UInt8) {
        let names: [StaticString] = [
            "REQUEST", "PING", "RESPONSE", "FAULT", "WORKING", "NOCALL", "REJECT", "ACK", "CL_CANCEL", "FACK",
            "CANCEL_ACK", "BIND", "BINDACK", "BINDNAK", "ALTER_CONTEXT", "ALTER_CONTEXT_RESP", "AUTH3",
            "SHUTDOWN", "CO_CANCEL", "ORPHANED", "RTS",
        ]
        append(0x22)
        if Int(type) < names.count { append(names[Int(type)]) } else { append(decimal: UInt64(type)) }
        append(0x22)
    }

    /// Appends a control of a file ([MS-FSCC], 2.3).
    mutating func append(control: UInt32) {
        switch control {
        case 0x0006_0194: append("FSCTL_DFS_GET_REFERRALS")
        case 0x0006_01b0: append("FSCTL_DFS_GET_REFERRALS_EX")
        case 0x0009_00a4: append("FSCTL_SET_REPARSE_POINT")
        case 0x0009_00c0: append("FSCTL_CREATE_OR_GET_OBJECT_ID")
        case 0x0009_8208: append("FSCTL_FILE_LEVEL_TRIM")
        case 0x0011_000c: append("FSCTL_PIPE_PEEK")
        case 0x0011_0018: append("FSCTL_PIPE_WAIT")
        case SMB2Control.pipeTransceive: append("FSCTL_PIPE_TRANSCEIVE")
        case 0x0014_0078: append("FSCTL_SRV_REQUEST_RESUME_KEY")
        case 0x0014_01d4: append("FSCTL_LMR_REQUEST_RESILIENCY")
        case 0x0014_01fc: append("FSCTL_QUERY_NETWORK_INTERFACE_INFO")
        case 0x0014_0204: append("FSCTL_VALIDATE_NEGOTIATE_INFO")
        case 0x0014_4064: append("FSCTL_SRV_ENUMERATE_SNAPSHOTS")
        case 0x0014_40f2: append("FSCTL_SRV_COPYCHUNK")
        case 0x0014_41bb: append("FSCTL_SRV_READ_HASH")
        case 0x0014_80f2: append("FSCTL_SRV_COPYCHUNK_WRITE")
        default: append(decimal: UInt64(control))
        }
    }

    /// Appends what went wrong, or that nothing did.
    mutating func append(status: SMBStatus) {
        if !status.isDOS {
            guard let name = SMBNames.status(status.value) else {
                return append(decimal: UInt64(status.value))
            }
            append("STATUS_")
            append(name)
            return
        }
        let kind = UInt8(truncatingIfNeeded: status.value)
        let code = UInt16(truncatingIfNeeded: status.value >> 16)
        switch kind {
        case 1:
            append("DOS_")
            append(SMBNames.dos(code) ?? "UNKNOWN")
        case 2:
            append("SRV_")
            append(SMBNames.server(code) ?? "UNKNOWN")
        default:
            append("UNKNOWN_")
            append(hexadecimal: kind)
            append(0x5f)
            append(hexadecimal: UInt8(code >> 8))
            append(hexadecimal: UInt8(code & 0xff))
        }
    }

    /// Appends a number in hexadecimal without leading zeros.
    mutating func append(shortHexadecimal value: UInt32) {
        var shift = 28
        while shift > 0, value >> UInt32(shift) == 0 { shift -= 4 }
        while shift >= 0 {
            let digit = UInt8(value >> UInt32(shift) & 15)
            append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
    }

    /// Appends an identifier in quotation marks, each of its five groups as Suricata turns it.
    mutating func append(identifier: SMBIdentifier) {
        append(identifier, order: [3, 2, 1, 0, 5, 4, 7, 6, 9, 8, 11, 10, 15, 14, 13, 12])
    }

    /// Appends an interface's identifier in quotation marks.
    mutating func append(interface identifier: SMBIdentifier) {
        append(identifier, order: Array(0..<16))
    }

    private mutating func append(_ identifier: SMBIdentifier, order: [Int]) {
        append(0x22)
        for (position, index) in order.enumerated() {
            if position == 4 || position == 6 || position == 8 || position == 10 { append(0x2d) }
            append(hexadecimal: identifier.byte(index))
        }
        append(0x22)
    }

    /// Appends the number of a file of SMB 1, in quotation marks.
    mutating func append(fileNumber identifier: SMBIdentifier) {
        append(0x22)
        append(hexadecimal: UInt8(truncatingIfNeeded: identifier.high >> 8))
        append(hexadecimal: UInt8(truncatingIfNeeded: identifier.high))
        append(0x22)
    }
}

/// Tables of names.
enum SMBNames {
    static func command1(_ command: UInt8) -> StaticString? {
        switch command {
        case 0x00: "CREATE_DIRECTORY"
        case 0x01: "DELETE_DIRECTORY"
        case 0x02: "OPEN"
        case 0x03: "CREATE"
        case 0x04: "CLOSE"
        case 0x05: "FLUSH"
        case 0x06: "DELETE"
        case 0x07: "RENAME"
        case 0x08: "QUERY_INFORMATION"
        case 0x09: "SET_INFORMATION"
        case 0x0a: "READ"
        case 0x0b: "WRITE"
        case 0x0c: "LOCK_BYTE_RANGE"
        case 0x0d: "UNLOCK_BYTE_RANGE"
        case 0x0e: "CREATE_TEMPORARY"
        case 0x0f: "CREATE_NEW"
        case 0x10: "CHECK_DIRECTORY"
        case 0x11: "PROCESS_EXIT"
        case 0x12: "SEEK"
        case 0x13: "LOCK_AND_READ"
        case 0x14: "WRITE_AND_UNLOCK"
        case 0x24: "LOCKING_ANDX"
        case 0x25: "TRANS"
        case 0x2b: "ECHO"
        case 0x2c: "WRITE_AND_CLOSE"
        case 0x2d: "OPEN_ANDX"
        case 0x2e: "READ_ANDX"
        case 0x2f: "WRITE_ANDX"
        case 0x32: "TRANS2"
        case 0x33: "TRANS2_SECONDARY"
        case 0x34: "FIND_CLOSE2"
        case 0x71: "TREE_DISCONNECT"
        case 0x72: "NEGOTIATE_PROTOCOL"
        case 0x73: "SESSION_SETUP_ANDX"
        case 0x74: "LOGOFF_ANDX"
        case 0x75: "TREE_CONNECT_ANDX"
        case 0x80: "QUERY_INFO_DISK"
        case 0xa0: "NT_TRANS"
        case 0xa1: "NT_TRANS_SECONDARY"
        case 0xa2: "NT_CREATE_ANDX"
        case 0xa4: "NT_CANCEL"
        default: nil
        }
    }

    /// ERRDOS ([MS-CIFS], 2.2.2.4).
    static func dos(_ code: UInt16) -> StaticString? {
        switch code {
        case 0: "SUCCESS"
        case 1: "BAD_FUNC"
        case 2: "BAD_FILE"
        case 3: "BAD_PATH"
        case 4: "TOO_MANY_OPEN_FILES"
        case 5: "ACCESS_DENIED"
        case 6: "BAD_FID"
        case 8: "NO_MEM"
        case 18: "NO_MORE_FILES"
        case 32: "SHARING_VIOLATION"
        case 33: "LOCK_CONFLICT"
        case 50: "UNSUPPORTED"
        case 80: "FILE_EXISTS"
        case 87: "INVALID_PARAMETER"
        default: nil
        }
    }

    /// ERRSRV ([MS-CIFS], 2.2.2.4).
    static func server(_ code: UInt16) -> StaticString? {
        switch code {
        case 1: "ERROR"
        case 2: "BADPW"
        case 4: "ACCESS"
        case 5: "BADTID"
        case 6: "BADNETNAME"
        case 7: "BADDEVICE"
        case 0x40: "UNKNOWN_SMB"
        case 0x5a: "TOO_MANY_UIDS"
        case 0x5b: "BADUID"
        case 0xffff: "NOSUPPORT"
        default: nil
        }
    }

    /// NT statuses that servers of SMB answer with ([MS-ERREF], 2.3), without `STATUS_`.
    static func status(_ status: UInt32) -> StaticString? {
        switch status {
        case 0: "SUCCESS"
        case 0x103: "PENDING"
        case 0x105: "MORE_ENTRIES"
        case 0x10b: "NOTIFY_CLEANUP"
        case 0x10c: "NOTIFY_ENUM_DIR"
        case 0x8000_0005: "BUFFER_OVERFLOW"
        case 0x8000_0006: "NO_MORE_FILES"
        case 0x8000_001a: "NO_MORE_ENTRIES"
        case 0x8000_002d: "STOPPED_ON_SYMLINK"
        case 0xc000_0001: "UNSUCCESSFUL"
        case 0xc000_0002: "NOT_IMPLEMENTED"
        case 0xc000_0003: "INVALID_INFO_CLASS"
        case 0xc000_0004: "INFO_LENGTH_MISMATCH"
        case 0xc000_0005: "ACCESS_VIOLATION"
        case 0xc000_0008: "INVALID_HANDLE"
        case 0xc000_000d: "INVALID_PARAMETER"
        case 0xc000_000e: "NO_SUCH_DEVICE"
        case 0xc000_000f: "NO_SUCH_FILE"
        case 0xc000_0010: "INVALID_DEVICE_REQUEST"
        case 0xc000_0011: "END_OF_FILE"
        case 0xc000_0016: "MORE_PROCESSING_REQUIRED"
        case 0xc000_0017: "NO_MEMORY"
        case 0xc000_0022: "ACCESS_DENIED"
        case 0xc000_0023: "BUFFER_TOO_SMALL"
        case 0xc000_0033: "OBJECT_NAME_INVALID"
        case 0xc000_0034: "OBJECT_NAME_NOT_FOUND"
        case 0xc000_0035: "OBJECT_NAME_COLLISION"
        case 0xc000_0039: "OBJECT_PATH_INVALID"
        case 0xc000_003a: "OBJECT_PATH_NOT_FOUND"
        case 0xc000_003b: "OBJECT_PATH_SYNTAX_BAD"
        case 0xc000_0043: "SHARING_VIOLATION"
        case 0xc000_004f: "EAS_NOT_SUPPORTED"
        case 0xc000_0054: "FILE_LOCK_CONFLICT"
        case 0xc000_0055: "LOCK_NOT_GRANTED"
        case 0xc000_0056: "DELETE_PENDING"
        case 0xc000_0061: "PRIVILEGE_NOT_HELD"
        case 0xc000_0064: "NO_SUCH_USER"
        case 0xc000_006a: "WRONG_PASSWORD"
        case 0xc000_006d: "LOGON_FAILURE"
        case 0xc000_006e: "ACCOUNT_RESTRICTION"
        case 0xc000_006f: "INVALID_LOGON_HOURS"
        case 0xc000_0070: "INVALID_WORKSTATION"
        case 0xc000_0071: "PASSWORD_EXPIRED"
        case 0xc000_0072: "ACCOUNT_DISABLED"
        case 0xc000_007e: "RANGE_NOT_LOCKED"
        case 0xc000_007f: "DISK_FULL"
        case 0xc000_009a: "INSUFFICIENT_RESOURCES"
        case 0xc000_00a2: "MEDIA_WRITE_PROTECTED"
        case 0xc000_00ac: "PIPE_NOT_AVAILABLE"
        case 0xc000_00ad: "INVALID_PIPE_STATE"
        case 0xc000_00ae: "PIPE_BUSY"
        case 0xc000_00b0: "PIPE_DISCONNECTED"
        case 0xc000_00b5: "IO_TIMEOUT"
        case 0xc000_00ba: "FILE_IS_A_DIRECTORY"
        case 0xc000_00bb: "NOT_SUPPORTED"
        case 0xc000_00c9: "NETWORK_NAME_DELETED"
        case 0xc000_00ca: "NETWORK_ACCESS_DENIED"
        case 0xc000_00cb: "BAD_DEVICE_TYPE"
        case 0xc000_00cc: "BAD_NETWORK_NAME"
        case 0xc000_00d0: "REQUEST_NOT_ACCEPTED"
        case 0xc000_00d9: "PIPE_EMPTY"
        case 0xc000_0101: "DIRECTORY_NOT_EMPTY"
        case 0xc000_0103: "NOT_A_DIRECTORY"
        case 0xc000_0120: "CANCELLED"
        case 0xc000_0121: "CANNOT_DELETE"
        case 0xc000_0128: "FILE_CLOSED"
        case 0xc000_014b: "PIPE_BROKEN"
        case 0xc000_015b: "LOGON_TYPE_NOT_GRANTED"
        case 0xc000_0193: "ACCOUNT_EXPIRED"
        case 0xc000_0203: "USER_SESSION_DELETED"
        case 0xc000_0205: "INSUFF_SERVER_RESOURCES"
        case 0xc000_0224: "PASSWORD_MUST_CHANGE"
        case 0xc000_0225: "NOT_FOUND"
        case 0xc000_0234: "ACCOUNT_LOCKED_OUT"
        case 0xc000_0257: "PATH_NOT_COVERED"
        case 0xc000_0275: "NOT_A_REPARSE_POINT"
        case 0xc000_035c: "NETWORK_SESSION_EXPIRED"
        default: nil
        }
    }
}
