// SPDX-License-Identifier: Apache-2.0

/// What a flow speaks, as EVE's `app_proto` names it.
///
/// A new protocol is a case here, its parser in a file beside this one, and a line in ``ApplicationStage``.
@frozen public enum ApplicationProtocol: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Nothing was looked at: no payload, or parsers are off. Events do not mention it.
    case unknown
    /// Payload was looked at, and is none of those below.
    case failed
    case dns, mdns, llmnr
    case dhcp, ntp
    case tls, dtls, http, ssh, smtp, ftp, quic, smb
    case ftpData
    /// HTTP/2 in clear; its transactions are of the kind `http`.
    case http2
    /// Read until they hand their stream over: to a proxy's peer, or to TLS.
    case socks, imap, pop3, ldap, postgreSQL
    /// Likewise; these have TLS behind a question too.
    case irc, xmpp
    /// Known by their first message, and not read.
    case kerberos, modbus, rfb, dnp3, bitTorrentDHT

    /// Suricata's name; XMPP's is its own (Suricata's is `jabber`).
    public var name: StaticString {
        switch self {
        case .unknown: "unknown"
        case .failed: "failed"
        case .dns: "dns"
        case .mdns: "mdns"
        case .llmnr: "llmnr"
        case .dhcp: "dhcp"
        case .ntp: "ntp"
        case .tls: "tls"
        case .dtls: "dtls"
        case .http: "http"
        case .ssh: "ssh"
        case .smtp: "smtp"
        case .ftp: "ftp"
        case .quic: "quic"
        case .smb: "smb"
        case .ftpData: "ftp-data"
        case .http2: "http2"
        case .socks: "socks"
        case .imap: "imap"
        case .pop3: "pop3"
        case .ldap: "ldap"
        case .postgreSQL: "pgsql"
        case .irc: "irc"
        case .xmpp: "xmpp"
        case .kerberos: "krb5"
        case .modbus: "modbus"
        case .rfb: "rfb"
        case .dnp3: "dnp3"
        case .bitTorrentDHT: "bittorrent-dht"
        }
    }
}

/// The kind of a transaction: `event_type` in EVE, the table in SQLite, the word after `beltway query`.
@frozen public enum TransactionKind: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case dns, mdns, llmnr
    case dhcp, ntp
    case tls, http, ssh, smtp, ftp, quic, smb
    case ftpData
    /// A file that a transaction of another kind brought.
    case fileinfo
    /// What a protocol's messages have that they should not, or lack.
    case anomaly

    /// Its name everywhere.
    public var name: StaticString {
        switch self {
        case .dns: "dns"
        case .mdns: "mdns"
        case .llmnr: "llmnr"
        case .dhcp: "dhcp"
        case .ntp: "ntp"
        case .tls: "tls"
        case .http: "http"
        case .ssh: "ssh"
        case .smtp: "smtp"
        case .ftp: "ftp"
        case .quic: "quic"
        case .smb: "smb"
        case .ftpData: "ftp_data"
        case .fileinfo: "fileinfo"
        case .anomaly: "anomaly"
        }
    }

    /// What people filter on: each is a column of the kind's table, filled by ``TransactionStage/mark(_:)``.
    public var columns: [TransactionColumn] {
        switch self {
        case .dns, .mdns, .llmnr: DNSParser.columns
        case .dhcp: DHCPParser.columns
        case .ntp: NTPParser.columns
        case .tls: TLSParser.columns
        case .http: HTTPParser.columns
        case .ssh: SSHParser.columns
        case .smtp: SMTPParser.columns
        case .ftp: FTPParser.columns
        case .quic: QUICParser.columns
        case .smb: SMBParser.columns
        case .ftpData: FTPDataParser.columns
        case .fileinfo: FileEvents.columns
        case .anomaly: Anomalies.columns
        }
    }
}

/// A field of a transaction that has a column of its own.
public struct TransactionColumn: Sendable, Equatable {
    /// What a column holds.
    public enum Form: Sendable {
        case text, number
    }

    /// Name within the kind, without a dot: `rrname` is asked for as `dns.rrname`.
    public let name: String
    /// What it holds.
    public let form: Form

    /// Names a column.
    public init(_ name: String, _ form: Form) {
        self.name = name
        self.form = form
    }
}
