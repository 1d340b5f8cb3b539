// SPDX-License-Identifier: Apache-2.0
// Members of Suricata's `smb` that a request says; they are kept as text until its answer comes.
internal import BeltwayWire

extension FragmentWriter {
    /// Appends who logs on, if a token says so.
    mutating func append(token: RawSpan) {
        guard let logon = NTLMSSPAuthenticate(in: token) else { return }
        text.openObject("ntlmssp")
        name("domain", nil, logon.domain, isUnicode: logon.isUnicode)
        name("user", SMBParser.Column.user, logon.user, isUnicode: logon.isUnicode)
        name("host", SMBParser.Column.host, logon.workstation, isUnicode: logon.isUnicode)
        if let version = logon.version {
            text.member("version")
            text.append(0x22)
            text.append(decimal: UInt64(version.major))
            text.append(0x2e)
            text.append(decimal: UInt64(version.minor))
            text.append(" build ")
            text.append(decimal: UInt64(version.build))
            text.append(" rev ")
            text.append(decimal: UInt64(version.revision))
            text.append(0x22)
        }
        text.closeObject()
    }

    /// Appends a name off the wire.
    mutating func name(_ name: StaticString, _ column: Int?, _ value: RawSpan, isUnicode: Bool) {
        var bytes: [UInt8] = []
        if isUnicode {
            bytes.append(utf16: value, most: 512)
        } else {
            bytes.append(copyOf: value.field(0..<512))
        }
        member(name, column, bytes.rawBytes)
    }

    /// Appends what is opened, and how.
    mutating func append(opened name: RawSpan, disposition: UInt32, options: UInt32) {
        if name.byteCount == 0 {
            text.member("filename", literal: "<share_root>")
        } else if options & 1 != 0 {
            member("directory", SMBParser.Column.filename, name)
        } else {
            member("filename", SMBParser.Column.filename, name)
        }
        text.member("disposition")
        switch disposition {
        case 0: text.append("\"FILE_SUPERSEDE\"")
        case 1: text.append("\"FILE_OPEN\"")
        case 2: text.append("\"FILE_CREATE\"")
        case 3: text.append("\"FILE_OPEN_IF\"")
        case 4: text.append("\"FILE_OVERWRITE\"")
        case 5: text.append("\"FILE_OVERWRITE_IF\"")
        default: text.append("\"UNKNOWN\"")
        }
        access(isDeleted: options & 0x1000 != 0)
    }

    /// Appends a file's old and new name.
    mutating func append(renamed old: RawSpan, _ new: RawSpan) {
        text.openObject("rename")
        member("from", SMBParser.Column.filename, old)
        member("to", nil, new)
        text.closeObject()
    }

    /// Appends whether a file goes away when it is closed.
    mutating func append(deleted name: RawSpan, isDeleted: Bool) {
        member("filename", SMBParser.Column.filename, name)
        access(isDeleted: isDeleted)
    }

    private mutating func access(isDeleted: Bool) {
        text.member("access")
        if isDeleted { text.append("\"delete on close\"") } else { text.append("\"normal\"") }
    }
}
