// SPDX-License-Identifier: Apache-2.0

extension PipelineGraph {
    /// One line per stage, and below it two per edge that leaves it: how it is crossed and at what cost, and why.
    public var text: String {
        var lines: [String] = []
        for stage in stages {
            lines.append("\(stage.name)  [\(stage.space)]")
            for edge in edges where edge.from == stage.name {
                lines.append("    -> \(edge.to)  (\(edge.crossing.rawValue): \(edge.crossing.cost))")
                lines.append("       \(edge.reason)")
            }
        }
        return lines.joined(separator: "\n")
    }

    /// The same as a Graphviz digraph: a box per thread, edges coloured by how they are crossed.
    public var dot: String {
        var lines = [
            "digraph beltway {", "    rankdir=LR; nodesep=0.4; node [shape=box, fontname=\"sans-serif\"];",
            "    edge [fontname=\"sans-serif\", fontsize=10];",
        ]
        var spaces: [Space] = []
        for stage in stages where !spaces.contains(stage.space) { spaces.append(stage.space) }
        for (number, space) in spaces.enumerated() {
            var indent = "    "
            if space.isThread {
                lines.append("    subgraph cluster_\(number) {")
                lines.append(
                    "        label=\(quoted(space.description)); fontname=\"sans-serif\"; style=rounded;"
                )
                indent = "        "
            }
            for stage in stages where stage.space == space {
                lines.append("\(indent)\(quoted(stage.name)) [label=\(label(stage))];")
            }
            if space.isThread { lines.append("    }") }
        }
        for edge in edges {
            let tooltip = quoted("\(edge.crossing.cost); \(edge.reason)")
            lines.append(
                "    \(quoted(edge.from)) -> \(quoted(edge.to)) [label=\(label(edge)), color=\"\(edge.crossing.colour)\", tooltip=\(tooltip)];"
            )
        }
        lines.append("}")
        return lines.joined(separator: "\n")
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    /// Name and space, on two lines; a thread's box says the space by itself.
    private func label(_ stage: Stage) -> String {
        if stage.space.isThread { return quoted(stage.name) }
        // `\n` is Graphviz's own escape, so it must not be escaped again.
        return quoted(stage.name).dropLast() + "\\n" + quoted(stage.space.description).dropFirst()
    }

    /// How, then why in small print, in Graphviz's HTML.
    private func label(_ edge: Edge) -> String {
        func escaped(_ text: String) -> String {
            text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        }
        var rows = [""]
        for word in edge.reason.split(separator: " ") {
            if rows[rows.count - 1].count + word.count > 30 { rows.append("") }
            rows[rows.count - 1] += (rows[rows.count - 1].isEmpty ? "" : " ") + word
        }
        let reason = rows.map { escaped($0) }.joined(separator: "<br/>")
        return "<<b>\(escaped(edge.crossing.rawValue))</b><br/><font point-size=\"8\">\(reason)</font>>"
    }
}

extension PipelineGraph.Space {
    /// Whether stages in it run one after the other, in one thread.
    fileprivate var isThread: Bool {
        switch self {
        case .captureThread, .thread: true
        case .kernel, .memory, .processes, .disk: false
        }
    }
}

extension PipelineGraph.Crossing {
    /// Calls green, signals orange, copies and disks grey.
    fileprivate var colour: String {
        switch self {
        case .inlined, .called, .calledPerBatch, .calledIndirectly: "#1b7f4d"
        case .descriptors, .indexBuffer, .chunks, .queue: "#c2570c"
        case .copy, .socketRing, .written: "#555555"
        }
    }
}
