// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire

/// The sentences that Wireshark reads: a word, then `{key=value}` pairs (doc/extcap.4 of Wireshark).
///
/// No character is escaped in them, so a ring whose name has a brace or a line break is left out.
enum ExtcapText {
    /// What our interfaces' names begin with.
    static let prefix = "beltway:"
    /// The interface that is all interfaces.
    static let everything = "beltway"
    /// The choice of all rings of an interface.
    static let allRings = "all"

    /// Whether a name is one of ours.
    static func isOurs(_ interface: String) -> Bool {
        interface == everything || interface.hasPrefix(prefix) && interface != prefix
    }

    /// The interfaces of an instance; none if no instance runs.
    static func interfaces(of rings: [RingDescription]?) -> String {
        var lines = [sentence("extcap", [("version", "1.0"), ("display", "Beltway")])]
        let byInterface = Dictionary(grouping: (rings ?? []).map(\.name).filter(isPrintable)) {
            interfaceName(ofRing: $0)
        }
        for (interface, queues) in byInterface.sorted(by: { $0.key < $1.key }) {
            let noun = queues.count == 1 ? "1 queue" : "\(queues.count) queues merged"
            lines.append(
                sentence(
                    "interface",
                    [("value", prefix + interface), ("display", "Beltway: \(interface), \(noun)")]
                )
            )
        }
        if byInterface.count > 1 {
            lines.append(
                sentence("interface", [("value", everything), ("display", "Beltway: all interfaces merged")])
            )
        }
        return lines.joined(separator: "\n")
    }

    /// Link types, each once, by the numbers that programs in memory use (pcap/dlt.h).
    static func linkTypes(of numbers: [UInt16]) -> String {
        var seen: Set<UInt16> = []
        return numbers.filter { seen.insert($0).inserted }.map { number in
            let (dlt, name, display) = linkType(number)
            return sentence("dlt", [("number", "\(dlt)"), ("name", name), ("display", display)])
        }.joined(separator: "\n")
    }

    /// What a person may choose before a capture.
    static func choices(for rings: [String], data: String?) -> String {
        var lines = [
            argument(
                0,
                "--ring",
                "Queues",
                "selector",
                [("tooltip", "All queues of the interface, merged in order of time, or one of them")]
            ),
            value(0, allRings, "All, merged in order of time", isDefault: true),
        ]
        for ring in rings.filter(isPrintable) { lines.append(value(0, ring, ring, isDefault: false)) }
        lines += [
            argument(
                1,
                "--filter",
                "Filter (BPF)",
                "string",
                [("tooltip", "As tcpdump takes it; it runs in this tap, on packets in place")]
            ),
            argument(
                2,
                "--snap",
                "Bytes of each packet",
                "integer",
                [("range", "1,262144"), ("default", "262144")]
            ),
            argument(
                3,
                "--delay",
                "Milliseconds between looks",
                "integer",
                [
                    ("range", "0,10000"), ("default", "10"),
                    ("tooltip", "More costs less; 0 sees packets at once"),
                ]
            ),
        ]
        if data == nil {
            lines.append(
                argument(
                    4,
                    "--data",
                    "Data directory",
                    "string",
                    [("tooltip", "Of the instance; empty to look for one that runs")]
                )
            )
        }
        return lines.joined(separator: "\n")
    }

    private static func sentence(_ word: String, _ pairs: [(String, String)]) -> String {
        word + " " + pairs.map { "{\($0.0)=\($0.1)}" }.joined()
    }

    private static func argument(
        _ number: Int,
        _ call: String,
        _ display: String,
        _ type: String,
        _ more: [(String, String)]
    ) -> String {
        sentence(
            "arg",
            [
                ("number", "\(number)"), ("call", call), ("display", display), ("type", type),
                ("required", "false"),
            ] + more
        )
    }

    private static func value(_ number: Int, _ value: String, _ display: String, isDefault: Bool) -> String {
        sentence(
            "value",
            [("arg", "\(number)"), ("value", value), ("display", display), ("default", "\(isDefault)")]
        )
    }

    private static func isPrintable(_ name: String) -> Bool {
        !name.isEmpty
            && name.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && $0.value != 0x7f && $0 != "{" && $0 != "}"
            }
    }

    /// Number in memory, name, and text of a link type; raw IP is the one whose number differs from that of files.
    private static func linkType(_ number: UInt16) -> (Int, String, String) {
        switch LinkType(rawValue: number) {
        case .ethernet: (1, "EN10MB", "Ethernet")
        case .raw: (12, "RAW", "Raw IP")
        case .linuxCooked: (113, "LINUX_SLL", "Linux cooked v1")
        case .linuxCooked2: (276, "LINUX_SLL2", "Linux cooked v2")
        case .null: (0, "NULL", "BSD loopback")
        case .loop: (108, "LOOP", "OpenBSD loopback")
        case .ppp: (9, "PPP", "PPP")
        case .pppHDLC: (50, "PPP_SERIAL", "PPP over serial")
        case .ipv4: (228, "IPV4", "Raw IPv4")
        case .ipv6: (229, "IPV6", "Raw IPv6")
        default: (Int(number), "DLT\(number)", "Link type \(number)")
        }
    }
}

/// `eth0` of `eth0.1`: a ring is named for its interface and its queue.
func interfaceName(ofRing name: String) -> String {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
}
