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
