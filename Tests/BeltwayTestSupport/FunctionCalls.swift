// SPDX-License-Identifier: Apache-2.0
// Whom a function of a built program calls, as objdump shows it: for tests of what the compiler has inlined.
import Foundation

/// The calls in one function's machine code.
public struct FunctionCalls: Sendable {
    /// Mangled names of those that it calls directly, once for each place.
    public private(set) var direct: [String] = []
    /// Places where it calls by address.
    public private(set) var indirect = 0

    /// Whether the tools are there that this needs.
    public static let hasTools = isInstalled("objdump") && isInstalled("nm")

    /// Why a function's calls could not be found out, in a sentence.
    public struct Failure: Error, CustomStringConvertible {
        /// The sentence.
        public var description: String
    }

    /// Disassembles the one function whose mangled name has all of these parts, in this order.
    ///
    /// - Throws: ``Failure`` if there is none, or more than one.
    public init(in program: String, of parts: [String]) throws {
        let names = try Self.functions(in: program).filter { name in
            var rest = name[...]
            return parts.allSatisfy { part in
                guard let found = rest.firstRange(of: part) else { return false }
                rest = rest[found.upperBound...]
                return true
            }
        }
        guard names.count == 1 else {
            throw Failure(description: "\(names.count) functions are called \(parts): \(names.prefix(4))")
        }
        let outcome = try RunningProgram(
            ["objdump", "-d", "--no-show-raw-insn", "--disassemble=\(names[0])", program]
        ).wait(seconds: 60)
        var instructions = 0
        for line in outcome.output.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.count > 1, words[0].hasSuffix(":") { instructions += 1 }
            // x86-64, then arm64.
            guard let call = words.firstIndex(where: { ["call", "callq", "bl", "blr"].contains($0) }),
                let callee = words.last
            else { continue }
            if callee.hasPrefix("<") {
                direct.append(String(callee.dropFirst().dropLast()))
            } else if words[call] == "blr" || callee.hasPrefix("*") {
                indirect += 1
            }
        }
        guard instructions > 0 else {
            throw Failure(description: "\(names[0]) was not disassembled: \(outcome.errors)")
        }
    }

    /// Whether a function whose mangled name has this part is called directly.
    public func has(_ part: String) -> Bool { direct.contains { $0.contains(part) } }

    private static func functions(in program: String) throws -> [String] {
        let outcome = try RunningProgram(["nm", program]).wait(seconds: 60)
        return outcome.output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 3, ["t", "T", "W"].contains(words[1]) else { return nil }
            return String(words[2])
        }
    }
}
