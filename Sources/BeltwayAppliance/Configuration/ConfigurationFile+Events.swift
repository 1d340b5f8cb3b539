// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import Yams

// `events:` and `protocols-off:`: what events say, in the words of Suricata's `eve-log` where it has the same choice.

extension ConfigurationFile {
    var eventKeys: [String: Setter] {
        [
            "community-id-seed": { (f, n) throws(ApplianceError) in
                f.configuration.events.communityIDSeed = UInt16(try f.number(n, 0...0xffff))
            },
            "ipv6-compress": { (f, n) throws(ApplianceError) in
                f.configuration.events.compressesIPv6 = try f.flag(n)
            },
            "anomaly": { (f, n) throws(ApplianceError) in try f.apply(n, f.anomalyKeys, in: "`anomaly`") },
            "dns": { (f, n) throws(ApplianceError) in try f.apply(n, f.dnsKeys, in: "`dns`") },
            "http": { (f, n) throws(ApplianceError) in try f.apply(n, f.httpKeys, in: "`http`") },
            "smtp": { (f, n) throws(ApplianceError) in try f.apply(n, f.mailKeys, in: "`smtp`") },
            "smb": { (f, n) throws(ApplianceError) in try f.apply(n, f.smbKeys, in: "`smb`") },
        ]
    }

    private var anomalyKeys: [String: Setter] {
        let names: [String: EventSettings.Anomalies] = [
            "applayer": .applayer, "decode": .decode, "stream": .stream,
        ]
        return [
            "checksums": { (f, n) throws(ApplianceError) in
                f.configuration.events.checksums = try f.flag(n)
            },
            "types": { (f, n) throws(ApplianceError) in
                f.configuration.events.anomalies = []
                for item in try f.items(n) {
                    f.configuration.events.anomalies.insert(try f.choice(item, names))
                }
            },
        ]
    }

    private var dnsKeys: [String: Setter] {
        [
            "version": { (f, n) throws(ApplianceError) in
                f.configuration.events.dnsVersion = try f.number(n, 2...3)
            },
            "requests": { (f, n) throws(ApplianceError) in try f.shows(.requests, n) },
            "responses": { (f, n) throws(ApplianceError) in try f.shows(.responses, n) },
        ]
    }

    private mutating func shows(_ messages: EventSettings.Messages, _ node: Node) throws(ApplianceError) {
        if try flag(node) {
            configuration.events.dns.insert(messages)
        } else {
            configuration.events.dns.remove(messages)
        }
    }

    private var httpKeys: [String: Setter] {
        let choices: [String: EventSettings.Messages] = [
            "both": [.requests, .responses], "request": .requests, "response": .responses, "none": [],
        ]
        return [
            "dump-all-headers": { (f, n) throws(ApplianceError) in
                f.configuration.events.httpFields = try f.choice(n, choices)
            }
        ]
    }

    private var mailKeys: [String: Setter] {
        let digests: [String: EventSettings.MailDigests] = ["body": .body, "subject": .subject]
        let schemes: [String: EventSettings.Schemes] = [
            "http": .http, "https": .https, "ftp": .ftp, "mailto": .mailto,
        ]
        return [
            "md5": { (f, n) throws(ApplianceError) in
                f.configuration.events.mailDigests = []
                for item in try f.items(n) {
                    f.configuration.events.mailDigests.insert(try f.choice(item, digests))
                }
            },
            "url-schemes": { (f, n) throws(ApplianceError) in
                f.configuration.events.mailSchemes = []
                for item in try f.items(n) {
                    f.configuration.events.mailSchemes.insert(try f.choice(item, schemes))
                }
            },
            "log-url-scheme": { (f, n) throws(ApplianceError) in
                f.configuration.events.showsMailSchemes = try f.flag(n)
            },
        ]
    }

    private var smbKeys: [String: Setter] {
        let names = Dictionary(uniqueKeysWithValues: SMBParser.kindNames.map { ($0, $0) })
        return [
            "types": { (f, n) throws(ApplianceError) in
                var kinds: Set<String> = []
                for item in try f.items(n) { kinds.insert(try f.choice(item, names)) }
                f.configuration.events.smbKinds = kinds
            }
        ]
    }

    /// `protocols-off: [http2, dns-udp]`: a protocol, or a protocol over one transport.
    mutating func protocolsOff(_ node: Node) throws(ApplianceError) {
        var names: [String: (ApplicationProtocol, overTCP: Bool, overUDP: Bool)] = [:]
        for application in ApplicationProtocol.allCases
        where ![.unknown, .failed, .ftpData].contains(application) {
            let name = "\(application.name)"
            names[name] = (application, true, true)
            if application == .dns {
                names[name + "-tcp"] = (application, true, false)
                names[name + "-udp"] = (application, false, true)
            }
        }
        for item in try items(node) {
            let (application, overTCP, overUDP) = try choice(item, names)
            if overTCP { configuration.events.withoutOverTCP.insert(application) }
            if overUDP { configuration.events.withoutOverUDP.insert(application) }
        }
    }
}
