// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What a case of suricata-verify asks of Suricata, and the same in a configuration file of ours.
///
/// Only choices that both programs have are carried over: what events say, which protocols are looked for, which
/// digests files have, whether VLANs separate flows. All else a yaml says (limits of memory, rules, what is dropped) is
/// left out, and a check that needs it fails.
struct SuricataOptions {
    /// Values by path: `outputs.eve-log.types.dns.version`.
    private var values: [String: String] = [:]

    /// Reads a `suricata.yaml`, and `--set path=value` among arguments.
    ///
    /// - Parameters:
    ///   - yaml: The file's text: blocks, and lists between brackets as they stand.
    ///   - arguments: The case's arguments.
    init(yaml: String, arguments: String) {
        var path: [(indent: Int, name: String)] = []
        for line in yaml.split(separator: "\n") {
            let text = Self.withoutComment(String(line))
            var content = text.drop(while: { $0 == " " })
            guard !content.isEmpty, !content.hasPrefix("%"), !content.hasPrefix("---") else { continue }
            var indent = text.count - content.count
            while content.hasPrefix("- ") {
                let rest = content.dropFirst(2).drop(while: { $0 == " " })
                indent += content.count - rest.count
                content = rest
            }
            while let last = path.last, last.indent >= indent { path.removeLast() }
            let parts = content.split(separator: ":", maxSplits: 1).map {
                $0.trimmingCharacters(in: CharacterSet(charactersIn: " \"'"))
            }
            path.append((indent, parts[0]))
            // An item of a list without a value is there: `- dns`.
            let value = content.contains(":") ? (parts.count > 1 ? parts[1] : "") : "yes"
            if !value.isEmpty { values[path.map(\.name).joined(separator: ".")] = value }
        }
        let words = arguments.split(separator: " ")
        for (word, next) in zip(words, words.dropFirst()) where word == "--set" {
            let parts = next.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { continue }
            // Places in lists are no part of a path here: `outputs.1.eve-log`.
            let names = parts[0].split(separator: ".").filter { Int($0) == nil }
            values[names.joined(separator: ".")] = parts[1]
        }
    }

    private static func withoutComment(_ line: String) -> String {
        if line.hasPrefix("#") { return "" }
        guard let range = line.range(of: " #") else { return line }
        return String(line[..<range.lowerBound])
    }

    private func flag(_ path: String) -> Bool? {
        switch values[path] {
        case "yes", "true", "on": true
        case "no", "false", "off": false
        default: nil
        }
    }

    /// Lines of a configuration file; empty where the defaults are asked for.
    var configuration: String {
        let log = "outputs.eve-log."
        let mime = "app-layer.protocols.smtp.mime."
        var events: [String] = []
        if let seed = values[log + "community-id-seed"] { events.append("community-id-seed: \(seed)") }
        if flag(log + "ipv6-compress") == true { events.append("ipv6-compress: yes") }
        if let kinds = anomalies { events.append("anomaly: {types: [\(kinds)]}") }
        events += group("dns", ["version", "requests", "responses"].map { ($0, log + "types.dns.\($0)") })
        events += group("http", [("dump-all-headers", log + "types.http.dump-all-headers")])
        events += group("smb", [("types", log + "types.smb.types")])
        var mail = [
            ("url-schemes", mime + "extract-urls-schemes"), ("log-url-scheme", mime + "log-url-scheme"),
        ]
        // Without it Suricata computes no digest that nobody's rule asks for.
        if flag(mime + "body-md5") == true { mail.append(("md5", log + "types.smtp.md5")) }
        events += group("smtp", mail)
        var lines = events.isEmpty ? [] : ["events:"] + events.map { "  " + $0 }
        let off = protocolsOff
        if !off.isEmpty { lines.append("protocols-off: [\(off.joined(separator: ", "))]") }
        var files = values[log + "types.files.force-hash"].map { ["hashes: \($0)"] } ?? []
        // Suricata stores files that broke off too.
        if flag("outputs.file-store.enabled") == true, flag("outputs.file-store.force-filestore") == true {
            files.append("extract: {partial: yes}")
        }
        if !files.isEmpty { lines.append("files: {\(files.joined(separator: ", "))}") }
        if let depth { lines.append("reassembly: {depth: \(depth)}") }
        if flag("vlan.use-for-tracking") == false { lines.append("vlans-separate-flows: no") }
        return lines.joined(separator: "\n")
    }

    /// Kinds of anomalies, if the case chooses among them; those of protocols are told unless it says no.
    private var anomalies: String? {
        let path = "outputs.eve-log.types.anomaly.types."
        let kinds = ["applayer", "decode", "stream"].map { (name: $0, flag: flag(path + $0)) }
        guard kinds.contains(where: { $0.flag != nil }) else { return nil }
        return kinds.filter { $0.flag ?? ($0.name == "applayer") }.map(\.name).joined(separator: ", ")
    }

    /// Bytes of a stream that are looked at, if the case says how many.
    private var depth: String? {
        guard let text = values["stream.reassembly.depth"] else { return nil }
        let digits = text.prefix(while: \.isNumber)
        guard let number = Int(digits), number > 0 else { return nil }
        return switch text.dropFirst(digits.count).lowercased() {
        case "": "\(number)"
        case "kb": "\(number)KiB"
        case "mb": "\(number)MiB"
        default: nil
        }
    }

    private func group(_ name: String, _ keys: [(key: String, path: String)]) -> [String] {
        let members = keys.compactMap { key, path in values[path].map { "\(key): \($0)" } }
        return members.isEmpty ? [] : ["\(name): {\(members.joined(separator: ", "))}"]
    }

    private var protocolsOff: [String] {
        let names = ["http", "http2", "tls", "ssh", "smtp", "ftp", "smb", "quic", "dhcp", "ntp", "mdns"]
        let path = "app-layer.protocols."
        // A transport's own word counts before the protocol's.
        let dns = ["tcp", "udp"].filter {
            (flag(path + "dns.\($0).enabled") ?? flag(path + "dns.enabled")) == false
        }
        return names.filter { flag(path + $0 + ".enabled") == false } + dns.map { "dns-" + $0 }
    }
}
