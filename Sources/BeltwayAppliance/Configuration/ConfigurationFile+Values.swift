// SPDX-License-Identifier: Apache-2.0
internal import Yams

// Values as YAML has them, each with what was expected and where.

extension ConfigurationFile {
    func items(_ node: Node) throws(ApplianceError) -> [Node] {
        if let sequence = node.sequence { return Array(sequence) }
        if node.scalar != nil { return [node] }
        throw .usage("\(place(node)): expected a value or a list of values")
    }

    func words(_ node: Node) throws(ApplianceError) -> [String] {
        try items(node).map { (item) throws(ApplianceError) in try word(item) }
    }

    func word(_ node: Node) throws(ApplianceError) -> String {
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

    func size(_ node: Node) throws(ApplianceError) -> Int {
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
}
