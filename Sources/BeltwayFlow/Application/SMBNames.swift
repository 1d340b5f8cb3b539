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
