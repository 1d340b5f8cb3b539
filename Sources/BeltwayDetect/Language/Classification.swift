// SPDX-License-Identifier: Apache-2.0
// classification.config:  config classification: <name>,<long name>,<priority>

/// Names, long names and priorities of rule classes.
public struct RuleClasses: Sendable, Equatable {
    /// Long name and priority (1 to 255) by short name.
    public private(set) var byName: [String: (title: String, priority: Int)]

    /// Makes a table.
    public init(_ classes: [(name: String, title: String, priority: Int)]) {
        byName = [:]
        for entry in classes { byName[entry.name] = (entry.title, entry.priority) }
    }

    /// Parses a classification.config; lines that are none are returned by number, from 1.
    public static func parse(_ bytes: [UInt8]) -> (classes: RuleClasses, badLines: [Int]) {
        var classes = RuleClasses([])
        var bad: [Int] = []
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let text = trimmed(line)
            if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
            let prefix = Array("config classification:".utf8)
            let fields = text.dropFirst(prefix.count).split(separator: UInt8(ascii: ","))
            guard text.starts(with: prefix), fields.count == 3,
                let priority = decimal(String(decoding: trimmed(fields[2]), as: UTF8.self), atMost: 255),
                priority > 0
            else {
                bad.append(index + 1)
                continue
            }
            let name = String(decoding: trimmed(fields[0]), as: UTF8.self)
            classes.byName[name] = (String(decoding: trimmed(fields[1]), as: UTF8.self), priority)
        }
        return (classes, bad)
    }

    /// Whether both tables say the same of every class.
    public static func == (a: RuleClasses, b: RuleClasses) -> Bool {
        a.byName.count == b.byName.count
            && a.byName.allSatisfy { b.byName[$0.key].map { [v = $0.value] in v == $0 } ?? false }
    }
}
