// SPDX-License-Identifier: Apache-2.0
import FoundationEssentials

/// What loading gave: the compiled rules, and everything that was not loaded, with its reason.
public struct RuleLoadReport: Sendable {
    /// The rules, compiled together.
    public var ruleSet: RuleSet
    /// Rules in ``ruleSet``, passing ones included.
    public var loaded = 0
    /// Rules that were not loaded, in order of appearance.
    public var refused: [RuleProblem] = []
    /// Files and folders that could not be read; their problems have line 0.
    public var unreadable: [RuleProblem] = []
    /// Rules that are commented out.
    public var disabled = 0
    /// Rules whose gid and sid another rule of the same or a higher revision has.
    public var duplicates = 0
    /// Rules refused per unknown keyword; a rule with two of them counts under both.
    public var keywordRefusals: [String: Int] = [:]
    /// Rules refused per protocol that is not supported.
    public var protocolRefusals: [String: Int] = [:]
    /// Files that were read, in order.
    public var files: [String] = []
}

/// Reads rule files, parses them rule by rule and compiles what is good together.
public enum RuleLoader {
    /// Loads rules.
    ///
    /// - Parameters:
    ///   - paths: Files, or folders whose `*.rules` are read in order of name.
    ///   - variables: What `$NAME` stands for, names without the dollar sign, on top of
    ///     ``RuleVariables/defaults``.
    ///   - classes: Rule classes; nil takes the first `classification.config` found beside a rule file, else
    ///     ``RuleClasses/standard``.
    /// - Returns: The compiled rules and what was refused; never fails as a whole.
    public static func load(
        paths: [String],
        variables: [String: String] = [:],
        classes: RuleClasses? = nil
    ) -> RuleLoadReport {
        var collector = RuleCollector(variables: variables)
        var found = classes
        for path in paths {
            guard let files = ruleFiles(at: path) else {
                collector.unreadable(path)
                continue
            }
            for file in files {
                guard let bytes = contents(of: file) else {
                    collector.unreadable(file)
                    continue
                }
                if found == nil { found = classesBeside(file) }
                collector.read(bytes, file: file)
            }
        }
        return collector.report(classes: found ?? .standard)
    }

    /// Loads rules from text, as if it were a file called `name`.
    public static func load(
        text: String,
        name: String = "rules",
        variables: [String: String] = [:],
        classes: RuleClasses = .standard
    ) -> RuleLoadReport {
        var collector = RuleCollector(variables: variables)
        collector.read(Array(text.utf8), file: name)
        return collector.report(classes: classes)
    }

    private static func ruleFiles(at path: String) -> [String]? {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            return FileManager.default.fileExists(atPath: path) ? [path] : nil
        }
        let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
        return names.filter { $0.hasSuffix(".rules") }.sorted().map { folder + "/" + $0 }
    }

    private static func contents(of file: String) -> [UInt8]? {
        FileManager.default.contents(atPath: file).map { Array($0) }
    }

    private static func classesBeside(_ file: String) -> RuleClasses? {
        let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        guard let bytes = contents(of: folder + "classification.config") else { return nil }
        return RuleClasses.parse(bytes).classes
    }
}

/// Gathers rules from any number of files, one at a time.
struct RuleCollector {
    private var parser: RuleParser
    private var rules: [LoadedRule] = []
    private var ruleBySignature: [UInt64: Int] = [:]
    private var report: RuleLoadReport

    init(variables: [String: String]) {
        parser = RuleParser(variables: variables)
        report = RuleLoadReport(ruleSet: RuleSet.empty)
    }

    mutating func unreadable(_ path: String) {
        report.unreadable.append(
            RuleProblem(
                file: path,
                line: 0,
                column: 0,
                reason: "no such rule file or folder, or it cannot be read"
            )
        )
    }

    mutating func read(_ bytes: [UInt8], file: String) {
        report.files.append(file)
        for line in LogicalLines(bytes) {
            let text = Array(trimmed(line.text[...]))
            let indent = line.text.prefix { $0.isSpace }.count
            if text.isEmpty { continue }
            if text.first == UInt8(ascii: "#") {
                if Self.isDisabledRule(text) { report.disabled += 1 }
                continue
            }
            if line.isTooLong {
                refuse(
                    RuleSyntaxError(
                        offset: 0,
                        reason: "rule is longer than \(LogicalLines.longestLine) bytes"
                    ),
                    line: line,
                    indent: indent,
                    file: file
                )
                continue
            }
            switch parser.parse(text) {
            case .rule(let rule): add(rule, file: file, line: line, indent: indent)
            case .refused(let error, let sid, let keywords, let protocolName):
                refuse(error, line: line, indent: indent, file: file, sid: sid)
                for keyword in keywords { report.keywordRefusals[keyword, default: 0] += 1 }
                if let protocolName { report.protocolRefusals[protocolName, default: 0] += 1 }
            }
        }
    }

    /// A comment is a disabled rule if an action and a protocol follow its marks.
    private static func isDisabledRule(_ text: [UInt8]) -> Bool {
        let body = text.drop { $0 == UInt8(ascii: "#") || $0.isSpace }
        let words = body.prefix(64).split(separator: UInt8(ascii: " "), maxSplits: 2)
        return words.count == 3 && RuleAction(String(decoding: words[0], as: UTF8.self)) != nil
            && body.contains(UInt8(ascii: "("))
    }

    private mutating func add(_ rule: Rule, file: String, line: LogicalLine, indent: Int) {
        var loaded = LoadedRule(rule: rule, expressions: [])
        for case .expression(let expression) in rule.steps {
            do {
                loaded.expressions.append(try RegularExpression(expression))
            } catch {
                let error = RuleSyntaxError(
                    offset: expression.place + error.offset,
                    reason: "pcre: \(error.reason)"
                )
                return refuse(error, line: line, indent: indent, file: file, sid: rule.info.sid)
            }
        }
        let signature = UInt64(rule.info.generator) << 32 | UInt64(rule.info.sid)
        guard let index = ruleBySignature[signature] else {
            ruleBySignature[signature] = rules.count
            rules.append(loaded)
            return
        }
        report.duplicates += 1
        if rules[index].rule.info.revision < rule.info.revision { rules[index] = loaded }
    }

    private mutating func refuse(
        _ error: RuleSyntaxError,
        line: LogicalLine,
        indent: Int,
        file: String,
        sid: UInt32? = nil
    ) {
        let place = line.position(of: min(error.offset + indent, line.text.count))
        report.refused.append(
            RuleProblem(file: file, line: place.line, column: place.column, reason: error.reason, sid: sid)
        )
    }

    consuming func report(classes: RuleClasses) -> RuleLoadReport {
        var report = report
        report.loaded = rules.count
        report.ruleSet = RuleSet(
            rules: rules,
            addresses: parser.resolver.addressSets,
            ports: parser.resolver.portSets,
            classes: classes
        )
        return report
    }
}
