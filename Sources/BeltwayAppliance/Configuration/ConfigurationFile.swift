// SPDX-License-Identifier: Apache-2.0
internal import BeltwayClassify
internal import BeltwayFlow
internal import Foundation
internal import Yams

// `-c FILE`: YAML that sets whatever the options set, and a little more. Options given on the command line win.
// Unknown keys are refused with their line and the nearest known key, so that a typing error is never ignored.

/// Reads a configuration file into a ``RunConfiguration``.
public struct ConfigurationFile {
    private let path: String
    var configuration: RunConfiguration

    /// Reads `path` over the defaults.
    ///
    /// - Parameter path: YAML file.
    /// - Returns: What it says.
    /// - Throws: ``ApplianceError/usage(_:)`` with file, line and column.
    public static func read(_ path: String) throws(ApplianceError) -> RunConfiguration {
        if let problem = unreadableFile(path) {
            throw .usage("\(path): cannot read the configuration file: \(problem)")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .usage("\(path): cannot read the configuration file")
        }
        guard data.count <= 1 << 20 else { throw .usage("\(path): a configuration file has at most 1 MiB") }
        guard let text = String(data: data, encoding: .utf8) else { throw .usage("\(path): not UTF-8 text") }
        var file = ConfigurationFile(path: path, configuration: RunConfiguration())
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw .usage("\(path)\(notYAML(error))")
        } catch {
            throw .usage("\(path): \(oneLine("\(error)"))")
        }
        guard let root, root.null == nil || root.mapping != nil else { return file.configuration }
        try file.apply(root, file.topLevel, in: "the file")
        return file.configuration
    }

    /// What the YAML parser dislikes, in one line that begins with the place.
    private static func notYAML(_ error: YamlError) -> String {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let place = ":\(mark.line):\(mark.column): not YAML: "
            guard let context else { return place + oneLine(problem) }
            return place + oneLine("\(context.text) (line \(context.mark.line)): \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "`\($0)`" }.joined(separator: ", ")
            return ":\(context.mark.line):\(context.mark.column): \(names) is set twice"
        case .reader(let problem, let offset, _, _):
            return ": not YAML: \(oneLine(problem)) at byte \(offset ?? 0)"
        default:
            return ": not YAML: \(oneLine("\(error)"))"
        }
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.joined(
            separator: " "
        )
    }

    typealias Setter = (inout ConfigurationFile, Node) throws(ApplianceError) -> Void

    func place(_ node: Node) -> String {
        node.mark.map { "\(path):\($0.line):\($0.column)" } ?? path
    }

    mutating func apply(
        _ node: Node,
        _ setters: [String: Setter],
        in section: String
    ) throws(ApplianceError) {
        guard let mapping = node.mapping else {
            throw .usage("\(place(node)): expected `key: value` pairs in \(section)")
        }
        for (key, value) in mapping {
            guard let name = key.string else { throw .usage("\(place(key)): a key must be a word") }
            guard let setter = setters[name] else {
                let nearest = nearestWord(to: name, among: setters.keys.sorted())
                throw .usage("\(place(key)): unknown key `\(name)` in \(section); did you mean `\(nearest)`?")
            }
            try setter(&self, value)
        }
    }

    // MARK: Keys

    private var topLevel: [String: Setter] {
        [
            "interfaces": { (f, n) throws(ApplianceError) in f.configuration.interfaces = try f.words(n) },
            "captures": { (f, n) throws(ApplianceError) in f.configuration.captures = try f.words(n) },
            "rules": { (f, n) throws(ApplianceError) in f.configuration.rules = try f.words(n) },
            "data": { (f, n) throws(ApplianceError) in f.configuration.data = try f.word(n) },
            "filter": { (f, n) throws(ApplianceError) in f.configuration.filter = try f.word(n) },
            "queues": { (f, n) throws(ApplianceError) in
                f.configuration.queues = n.string == "auto" ? nil : try f.number(n, 1...64)
            },
            "ring": { (f, n) throws(ApplianceError) in f.configuration.ring = try f.size(n) },
            "workers": { (f, n) throws(ApplianceError) in f.configuration.workers = try f.number(n, 1...60) },
            "api": { (f, n) throws(ApplianceError) in try f.api(n) },
            "summary": { (f, n) throws(ApplianceError) in
                f.configuration.summaryAsJSON = try f.choice(n, ["json": true, "text": false])
            },
            "share": { (f, n) throws(ApplianceError) in
                f.configuration.share = try f.choice(n, ["address-pair": .addressPair, "flow": .flow])
            },
            "vlans-separate-flows": { (f, n) throws(ApplianceError) in
                f.configuration.vlansSeparateFlows = try f.flag(n)
            },
            "store-packets": { (f, n) throws(ApplianceError) in f.configuration.storesPackets = try f.flag(n)
            },
            "store-flows": { (f, n) throws(ApplianceError) in f.configuration.storesFlows = try f.flag(n) },
            "write-events": { (f, n) throws(ApplianceError) in f.configuration.writesEvents = try f.flag(n) },
            "zeek": { (f, n) throws(ApplianceError) in
                f.configuration.zeek = try f.choice(n, ["off": nil, "tsv": .tsv, "json": .json])
            },
            "parse-protocols": { (f, n) throws(ApplianceError) in
                f.configuration.parsesProtocols = try f.flag(n)
            },
            "files": { (f, n) throws(ApplianceError) in try f.files(n) },
            "events": { (f, n) throws(ApplianceError) in try f.apply(n, f.eventKeys, in: "`events`") },
            "protocols-off": { (f, n) throws(ApplianceError) in try f.protocolsOff(n) },
            "explain": { (f, n) throws(ApplianceError) in f.configuration.explanation = try f.explanation(n)
            },
            "trace": { (f, n) throws(ApplianceError) in f.configuration.trace = try f.word(n) },
            "packets": { (f, n) throws(ApplianceError) in try f.apply(n, f.packetKeys, in: "`packets`") },
            "flow": { (f, n) throws(ApplianceError) in try f.apply(n, f.flowKeys, in: "`flow`") },
            "reassembly": { (f, n) throws(ApplianceError) in
                try f.apply(n, f.reassemblyKeys, in: "`reassembly`")
            },
            "sharing": { (f, n) throws(ApplianceError) in try f.sharing(n) },
            "pipeline": { (f, n) throws(ApplianceError) in
                try f.apply(n, f.pipelineKeys, in: "`pipeline`")
            },
            "variables": { (f, n) throws(ApplianceError) in try f.variables(n) },
            "pin": { (f, n) throws(ApplianceError) in
                f.configuration.pinned = try f.items(n).map { (item) throws(ApplianceError) in
                    try f.number(item, 0...1023)
                }
            },
            "promiscuous": { (f, n) throws(ApplianceError) in f.configuration.promiscuous = try f.flag(n) },
            "capture-by": { (f, n) throws(ApplianceError) in
                f.configuration.usesLibpcap = try f.choice(n, ["af-packet": false, "libpcap": true])
            },
        ]
    }

    private var packetKeys: [String: Setter] {
        [
            "quota": { (f, n) throws(ApplianceError) in f.configuration.packetQuota = try f.size(n) },
            "free-floor": { (f, n) throws(ApplianceError) in f.configuration.freeFloor = try f.size(n) },
            "segment": { (f, n) throws(ApplianceError) in f.configuration.segmentLength = try f.size(n) },
        ]
    }

    private var pipelineKeys: [String: Setter] {
        let wishes = Dictionary(uniqueKeysWithValues: CallWish.allCases.map { ($0.rawValue, $0) })
        return [
            "worker": { (f, n) throws(ApplianceError) in f.configuration.workerWish = try f.choice(n, wishes)
            },
            "statistics": { (f, n) throws(ApplianceError) in
                f.configuration.statisticsWish = try f.choice(n, wishes)
            },
        ]
    }

    private var fileKeys: [String: Setter] {
        let names: [String: FileSettings.Hashes] = ["md5": .md5, "sha1": .sha1, "sha256": .sha256]
        return [
            "hashes": { (f, n) throws(ApplianceError) in
                f.configuration.files.hashes = []
                for item in try f.items(n) {
                    f.configuration.files.hashes.insert(try f.choice(item, names))
                }
            },
            "largest": { (f, n) throws(ApplianceError) in
                f.configuration.files.largest = UInt64(try f.size(n))
            },
            "extract": { (f, n) throws(ApplianceError) in try f.extraction(n) },
        ]
    }

    private var extractionKeys: [String: Setter] {
        [
            "largest": { (f, n) throws(ApplianceError) in
                let value = UInt64(try f.size(n))
                f.configuration.files.extraction?.largest = value
            },
            "total": { (f, n) throws(ApplianceError) in
                let value = UInt64(try f.size(n))
                f.configuration.files.extraction?.total = value
            },
            "count": { (f, n) throws(ApplianceError) in
                let value = try f.number(n, 1...100_000_000)
                f.configuration.files.extraction?.count = value
            },
            "pending": { (f, n) throws(ApplianceError) in
                let value = try f.size(n)
                f.configuration.files.extraction?.pending = value
            },
            "partial": { (f, n) throws(ApplianceError) in
                let value = try f.flag(n)
                f.configuration.files.extraction?.keepsPartial = value
            },
        ]
    }

    private var flowKeys: [String: Setter] {
        [
            "capacity": { (f, n) throws(ApplianceError) in
                f.configuration.flow.capacity = try f.number(n, 1024...(1 << 30))
            },
            "midstream": { (f, n) throws(ApplianceError) in f.configuration.flow.midstream = try f.flag(n) },
            "tcp": { (f, n) throws(ApplianceError) in
                f.configuration.flow.tcp = try f.timeouts(n, f.configuration.flow.tcp)
            },
            "udp": { (f, n) throws(ApplianceError) in
                f.configuration.flow.udp = try f.timeouts(n, f.configuration.flow.udp)
            },
            "icmp": { (f, n) throws(ApplianceError) in
                f.configuration.flow.icmp = try f.timeouts(n, f.configuration.flow.icmp)
            },
            "other": { (f, n) throws(ApplianceError) in
                f.configuration.flow.other = try f.timeouts(n, f.configuration.flow.other)
            },
        ]
    }

    private var reassemblyKeys: [String: Setter] {
        let overlaps = Dictionary(uniqueKeysWithValues: OverlapPolicy.allCases.map { ($0.name, $0) })
        let fragments = Dictionary(uniqueKeysWithValues: FragmentPolicy.allCases.map { ($0.name, $0) })
        return [
            "overlap": { (f, n) throws(ApplianceError) in
                f.configuration.streams.overlap = try f.choice(n, overlaps)
            },
            "depth": { (f, n) throws(ApplianceError) in
                f.configuration.streams.depth = UInt64(try f.size(n))
            },
            "copies": { (f, n) throws(ApplianceError) in
                f.configuration.streams.copiedBytes = try f.size(n)
            },
            "fragments": { (f, n) throws(ApplianceError) in
                f.configuration.flow.fragments.policy = try f.choice(n, fragments)
            },
            "fragment-timeout": { (f, n) throws(ApplianceError) in
                f.configuration.flow.fragments.timeout = UInt32(try f.number(n, 1...3600))
            },
            "fragment-memory": { (f, n) throws(ApplianceError) in
                f.configuration.flow.fragments.budget = try f.size(n)
            },
        ]
    }

    private var sharingKeys: [String: Setter] {
        [
            "mode": { (f, n) throws(ApplianceError) in f.configuration.sharing.mode = try f.mode(n) },
            "user": { (f, n) throws(ApplianceError) in f.configuration.sharing.user = try f.user(n) },
            "group": { (f, n) throws(ApplianceError) in f.configuration.sharing.group = try f.group(n) },
            "users": { (f, n) throws(ApplianceError) in
                f.configuration.sharing.users = try f.items(n).map { (item) throws(ApplianceError) in
                    try f.user(item)
                }
            },
            "groups": { (f, n) throws(ApplianceError) in
                f.configuration.sharing.groups = try f.items(n).map { (item) throws(ApplianceError) in
                    try f.group(item)
                }
            },
        ]
    }

    // MARK: Values

    /// `files: off`, or what is computed of them.
    private mutating func files(_ node: Node) throws(ApplianceError) {
        if let text = node.scalar?.string {
            guard ["off", "on"].contains(text) else {
                throw .usage(
                    "\(place(node)): expected on, off, or `hashes`, `largest`, `extract`, found `\(text)`"
                )
            }
            configuration.files.isOn = text == "on"
        } else {
            try apply(node, fileKeys, in: "`files`")
            // A stored file is found by it.
            if configuration.files.extraction != nil { configuration.files.hashes.insert(.sha256) }
        }
    }

    /// `extract: yes` or `no`, or within which limits.
    private mutating func extraction(_ node: Node) throws(ApplianceError) {
        if node.scalar != nil {
            configuration.files.extraction = try flag(node) ? FileExtraction() : nil
        } else {
            configuration.files.extraction = FileExtraction()
            try apply(node, extractionKeys, in: "`extract`")
        }
    }

    /// `sharing: off`, or who may attach.
    private mutating func sharing(_ node: Node) throws(ApplianceError) {
        // YAML 1.1 reads a bare `off` as the boolean false; its text is what counts.
        if let text = node.scalar?.string {
            guard ["off", "on"].contains(text) else {
                throw .usage("\(place(node)): expected on, off, or `mode`, `user`, `group`, found `\(text)`")
            }
            configuration.sharing.isOn = text == "on"
        } else {
            try apply(node, sharingKeys, in: "`sharing`")
        }
    }

    /// A file's mode in octal, as chmod takes it.
    private func mode(_ node: Node) throws(ApplianceError) -> UInt16 {
        guard let mode = UInt16(node.scalar?.string ?? "", radix: 8), mode <= 0o777 else {
            throw .usage(
                "\(place(node)): expected a mode in octal such as 0440, found `\(node.string ?? "a list or mapping")`"
            )
        }
        return mode
    }

    private func user(_ node: Node) throws(ApplianceError) -> UInt32 {
        let name = try word(node)
        guard let number = userNumber(name) else {
            throw .usage("\(place(node)): there is no user `\(name)`")
        }
        return number
    }

    private func group(_ node: Node) throws(ApplianceError) -> UInt32 {
        let name = try word(node)
        guard let number = groupNumber(name) else {
            throw .usage("\(place(node)): there is no group `\(name)`")
        }
        return number
    }

    /// `tcp: {new: 60, established: 600, closed: 60}`: seconds of silence after which a flow is over.
    private func timeouts(
        _ node: Node,
        _ defaults: FlowConfiguration.Timeouts
    ) throws(ApplianceError) -> FlowConfiguration.Timeouts {
        guard let mapping = node.mapping else {
            throw .usage("\(place(node)): expected `new`, `established`, `closed`, `active`")
        }
        var result = defaults
        for (key, value) in mapping {
            let seconds = UInt32(try number(value, (key.string == "active" ? 0 : 1)...604_800))
            switch key.string {
            case "new": result.new = seconds
            case "established": result.established = seconds
            case "closed": result.closed = seconds
            case "active": result.active = seconds
            default:
                let name = key.string ?? ""
                let nearest = nearestWord(to: name, among: ["new", "established", "closed", "active"])
                throw .usage("\(place(key)): unknown key `\(name)` in time-outs; did you mean `\(nearest)`?")
            }
        }
        return result
    }

    func items(_ node: Node) throws(ApplianceError) -> [Node] {
        if let sequence = node.sequence { return Array(sequence) }
        if node.scalar != nil { return [node] }
        throw .usage("\(place(node)): expected a value or a list of values")
    }

    private func words(_ node: Node) throws(ApplianceError) -> [String] {
        try items(node).map { (item) throws(ApplianceError) in try word(item) }
    }

    private func word(_ node: Node) throws(ApplianceError) -> String {
        guard let text = node.scalar?.string, !text.isEmpty else {
            throw .usage("\(place(node)): expected a text")
        }
        return text
    }

    func number(_ node: Node, _ range: ClosedRange<Int>) throws(ApplianceError) -> Int {
        guard let value = node.int, range.contains(value) else {
            throw .usage(
                "\(place(node)): expected a number from \(range.lowerBound) to \(range.upperBound), "
                    + "found `\(node.string ?? "a list or mapping")`"
            )
        }
        return value
    }

    private func size(_ node: Node) throws(ApplianceError) -> Int {
        guard let size = ByteSize(node.scalar?.string ?? "") else {
            throw .usage(
                "\(place(node)): expected a size such as 64MiB, found `\(node.string ?? "a list or mapping")`"
            )
        }
        return size.bytes
    }

    func flag(_ node: Node) throws(ApplianceError) -> Bool {
        guard let value = node.bool else {
            throw .usage("\(place(node)): expected yes or no, found `\(node.string ?? "a list or mapping")`")
        }
        return value
    }

    func choice<Value>(_ node: Node, _ choices: [String: Value]) throws(ApplianceError) -> Value {
        guard let value = choices[node.scalar?.string ?? ""] else {
            let known = choices.keys.sorted().joined(separator: " or ")
            throw .usage("\(place(node)): expected \(known), found `\(node.string ?? "a list or mapping")`")
        }
        return value
    }

    /// `yes`, `no`, or the form.
    private func explanation(_ node: Node) throws(ApplianceError) -> Explanation? {
        if let form = Explanation(rawValue: node.scalar?.string ?? "") { return form }
        guard let value = node.bool else {
            throw .usage(
                "\(place(node)): expected yes, no, all, text or dot, found `\(node.string ?? "a list or mapping")`"
            )
        }
        return value ? .all : nil
    }

    private func api(_ node: Node) throws(ApplianceError) {
        let value = node.scalar?.string ?? ""
        // YAML 1.1 reads a bare `off` as the boolean false; its text is what counts.
        guard value == "off" else {
            throw .usage("\(place(node)): the API is not built into this version; use `off`")
        }
    }

    private mutating func variables(_ node: Node) throws(ApplianceError) {
        guard let mapping = node.mapping else { throw .usage("\(place(node)): expected `NAME: value` pairs") }
        for (key, value) in mapping {
            guard let name = key.string else {
                throw .usage("\(place(key)): a variable's name must be a word")
            }
            configuration.variables[name.hasPrefix("$") ? String(name.dropFirst()) : name] = try word(value)
        }
    }
}
