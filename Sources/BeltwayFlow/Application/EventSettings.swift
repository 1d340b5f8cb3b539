// SPDX-License-Identifier: Apache-2.0
// What events say where their readers want more, less or an older form: the choices that Suricata's `eve-log` offers.

/// What the events of application protocols say, and which protocols are looked for.
public struct EventSettings: Sendable, Equatable {
    /// Questions, answers or both.
    public struct Messages: OptionSet, Sendable, Hashable {
        /// A bit for each.
        public let rawValue: UInt8

        /// Makes a set of its bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// What is asked.
        public static let requests = Messages(rawValue: 1)
        /// What is answered.
        public static let responses = Messages(rawValue: 2)
    }

    /// Parts of a mail that have an MD5.
    public struct MailDigests: OptionSet, Sendable, Hashable {
        /// A bit for each.
        public let rawValue: UInt8

        /// Makes a set of its bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// `email.subject_md5`.
        public static let subject = MailDigests(rawValue: 1)
        /// `email.body_md5`.
        public static let body = MailDigests(rawValue: 2)
    }

    /// Schemes of addresses in the text of mails.
    public struct Schemes: OptionSet, Sendable, Hashable {
        /// A bit for each.
        public let rawValue: UInt8

        /// Makes a set of its bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// RFC 9110.
        public static let http = Schemes(rawValue: 1)
        /// The same over TLS.
        public static let https = Schemes(rawValue: 2)
        /// RFC 1738.
        public static let ftp = Schemes(rawValue: 4)
        /// RFC 6068.
        public static let mailto = Schemes(rawValue: 8)
    }

    /// Kinds of anomalies.
    public struct Anomalies: OptionSet, Sendable, Hashable {
        /// A bit for each.
        public let rawValue: UInt8

        /// Makes a set of its bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// What is wrong with the messages of a protocol.
        public static let applayer = Anomalies(rawValue: 1)
        /// What is wrong with the headers of a packet.
        public static let decode = Anomalies(rawValue: 2)
        /// What is wrong with a stream that is parsed.
        public static let stream = Anomalies(rawValue: 4)
    }

    /// Anomalies that have an event.
    public var anomalies: Anomalies = [.applayer]
    /// Whether wrong checksums are anomalies of headers: not where the hosts that send leave them to their network cards.
    public var checksums = false
    /// Form of `dns`: 3 as Suricata 8 writes it, 2 as Suricata 7 did.
    public var dnsVersion = 3
    /// Messages of DNS that have an event.
    public var dns: Messages = [.requests, .responses]
    /// Messages of HTTP/1 whose fields are all told, in `request_headers` and `response_headers`.
    public var httpFields: Messages = []
    /// Digests of a mail.
    public var mailDigests: MailDigests = []
    /// Addresses in the text of a mail that are told, in `email.url`.
    public var mailSchemes: Schemes = [.http]
    /// Whether their scheme is told too.
    public var showsMailSchemes = false
    /// Names that ``SMBParser/kindNames`` has, of the transactions of SMB that have an event; nil for all.
    public var smbKinds: Set<String>?
    /// Seed of `community_id` (Community ID v1).
    public var communityIDSeed: UInt16 = 0
    /// Whether addresses of IPv6 are written in their short form (RFC 5952).
    public var compressesIPv6 = false
    /// Protocols over TCP that are not looked for.
    public var withoutOverTCP: Set<ApplicationProtocol> = []
    /// Protocols over UDP that are not looked for.
    public var withoutOverUDP: Set<ApplicationProtocol> = []

    /// Everything in its newest form.
    public init() {}

    /// The protocols over TCP that are not looked for, as ``Detection`` has them: a bit each.
    var ruledOut: UInt64 { withoutOverTCP.reduce(0) { $0 | Detection.bit($1) } }
}
