// SPDX-License-Identifier: Apache-2.0

// The command line that Wireshark calls an extcap program with, and that a person may extend by `--data`.

extension ExtcapRequest {
    /// Reads a command line: `--name value` and `--name=value`, in any order; of equal ones the last counts.
    ///
    /// Options of Wireshark's that are not known are passed over, since later versions have more.
    ///
    /// - Parameter arguments: Without the name of the program.
    /// - Throws: ``ApplianceError/usage(_:)`` if nothing is asked, or a value makes no sense.
    public init(arguments: [String]) throws(ApplianceError) {
        var values: [String: String] = [:]
        var asked: Question?
        var rest = arguments[...]
        while let word = rest.popFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let (name, given) = (String(parts[0]), parts.count > 1 ? String(parts[1]) : nil)
            if let question = Self.questions[name] {
                // A capture may carry every other option.
                asked = asked == .capture ? asked : question
            } else if Self.options.contains(name) {
                guard let value = given ?? rest.popFirst() else { throw .usage("\(name) takes a value") }
                values[name] = value
            } else if name.hasPrefix("--extcap-") {
                // Whether the next word is its value is not known; values do not begin with two dashes.
                if given == nil, let next = rest.first, !next.hasPrefix("--") { rest.removeFirst() }
            } else {
                throw .usage("extcap does not know `\(excerpt(word))`")
            }
        }
        captureFilter = values["--extcap-capture-filter"] ?? ""
        guard let question = asked ?? (captureFilter.isEmpty ? nil : .filterCheck) else {
            throw .usage(
                "extcap is what Wireshark calls; try --extcap-interfaces, or `beltway extcap --install FOLDER` once"
            )
        }
        self.question = question
        interface = values["--extcap-interface"]
        fifo = values["--fifo"]
        data = values["--data"].flatMap { $0.isEmpty ? nil : $0 }
        filter = values["--filter"] ?? ""
        ring = values["--ring"].flatMap { $0 == ExtcapText.allRings || $0.isEmpty ? nil : $0 }
        snapLength = try Self.number(values["--snap"], "--snap", 1...262_144)
        if let delay = try Self.number(values["--delay"], "--delay", 0...10_000) { delayMilliseconds = delay }
        guard question != .interfaces else { return }
        guard let interface, ExtcapText.isOurs(interface) else {
            throw .usage(
                "expected --extcap-interface beltway:NAME, found `\(excerpt(interface ?? "nothing"))`"
            )
        }
    }

    private static let questions: [String: Question] = [
        "--extcap-interfaces": .interfaces, "--extcap-dlts": .linkTypes, "--extcap-config": .choices,
        "--capture": .capture,
    ]
    private static let options: Set<String> = [
        "--extcap-interface", "--extcap-capture-filter", "--fifo", "--data", "--ring", "--filter", "--snap",
        "--delay",
    ]

    private static func number(
        _ text: String?,
        _ name: String,
        _ range: ClosedRange<Int>
    ) throws(ApplianceError) -> Int? {
        guard let text, !text.isEmpty else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw .usage(
                "\(name) takes \(range.lowerBound) to \(range.upperBound), not `\(excerpt(text))`"
            )
        }
        return number
    }
}
