// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// The speed table: goals, medians, spread and ratios to the first contestant of each pair.
struct RunReport {
    var capture: String
    var packets: UInt64
    var bytes: UInt64
    var results: [ContestResult]
    /// The ring alone, at 16 and 64 MiB.
    var rings: [RingBenchmark.Result]
    var missing: [String]
    var rounds: Int
    var command: String

    private func result(_ name: String) -> ContestResult? { results.first { $0.contestant.name == name } }

    /// Median over the rounds of the difference of two contestants in the same round, in microseconds per packet.
    private func difference(_ a: String, _ b: String) -> Double? {
        guard let a = result(a)?.microsecondsPerPacket(packets),
            let b = result(b)?.microsecondsPerPacket(packets),
            !a.isEmpty, a.count == b.count
        else { return nil }
        return median(zip(a, b).map { $0 - $1 })
    }

    /// Median of the CPU of some threads of a contestant, in microseconds per packet.
    private func threads(_ name: String, _ prefixes: [String]) -> Double? {
        guard let values = result(name)?.microsecondsPerPacket(packets, ofThreads: prefixes), !values.isEmpty
        else { return nil }
        return median(values)
    }

    private var goals: [(text: String, measured: Double?, goal: Double?)] {
        [
            (
                "flows into SQLite + EVE, us/packet",
                result("beltway flows").map { median($0.microsecondsPerPacket(packets)) },
                0.45
            ),
            ("  peak memory, MB", result("beltway flows").map(\.peakRSSInMegabytes), 300),
            (
                "+ every packet stored, us/packet more",
                difference("beltway flows + packets", "beltway flows"), 0.15
            ),
            ("+ rules, us/packet more", difference("beltway flows + rules", "beltway flows"), 2.0),
            ("decode + flow, workers, us/packet", threads("beltway workers, flows", ["worker"]), 0.20),
            (
                "+ streams and all parsers, workers",
                threads("beltway workers, protocols", ["worker"]), 0.55
            ),
            (
                "+ full EVE, workers and writer",
                threads("beltway workers, protocols", ["worker", "writer"]), 0.90
            ),
            (
                "+ SHA-256 of files, workers and writer",
                threads("beltway workers, digests", ["worker", "writer"]), nil
            ),
        ]
            + rings.flatMap { ring in
                let name = "ring of \(ring.ringCapacity >> 20) MiB, 576 B, batch 32"
                return [
                    ("\(name), ns", Optional(ring.nanoseconds), ring.ringCapacity <= 16 << 20 ? 22 : 60),
                    ("  against the same loop in C", Optional(ring.ratio), 1.1),
                ]
            }
    }

    /// The table for people.
    var text: String {
        var lines = [
            "beltway-bench run, \(ISO8601DateFormatter().string(from: Date()))",
            "command  \(command)",
            "machine  \(Machine.description)",
            "capture  \(capture): \(packets) packets, \(bytes) bytes on the wire, \(rounds) rounds after a warm-up",
            "",
            pad("", 28) + pad("us/packet CPU", 30) + pad("Gbit/s", 9) + "RSS MB",
            pad("", 28) + pad("median    (min .. max)", 30) + pad("per core", 9),
        ]
        for result in results where !result.costs.isEmpty {
            let values = result.microsecondsPerPacket(packets)
            let rate = Double(bytes) * 8 / (median(result.costs.map(\.cpu)) * 1e9)
            lines.append(
                pad(result.contestant.name, 28)
                    + pad(
                        "\(fixed(median(values)))     (\(fixed(values.min() ?? 0)) .. \(fixed(values.max() ?? 0)))",
                        30
                    )
                    + pad(fixed(rate, 1), 9) + fixed(result.peakRSSInMegabytes, 0)
            )
        }
        lines.append("")
        for goal in goals {
            guard let measured = goal.measured else { continue }
            let verdict = goal.goal.map {
                pad("goal \(fixed($0))", 14) + (measured <= $0 ? "reached" : "missed")
            }
            lines.append(pad(goal.text, 42) + pad(fixed(measured), 10) + (verdict ?? ""))
        }
        if !missing.isEmpty { lines.append("not installed here: \(missing.joined(separator: ", "))") }
        return lines.joined(separator: "\n")
    }

    /// The same as JSON.
    var json: Data {
        let rows: [[String: Any]] = results.map { result in
            [
                "name": result.contestant.name, "job": result.contestant.job,
                "command": result.contestant.command.joined(separator: " "),
                "cpu_seconds": result.costs.map(\.cpu), "wall_seconds": result.costs.map(\.wall),
                "microseconds_per_packet_median": median(result.microsecondsPerPacket(packets)),
                "peak_rss_bytes": result.costs.map { Int($0.peakRSSInBytes) }.max() ?? 0,
            ]
        }
        let figures: [[String: Any]] = goals.compactMap { goal in
            guard let measured = goal.measured else { return nil }
            var figure: [String: Any] = [
                "figure": goal.text.trimmingCharacters(in: .whitespaces), "measured": measured,
            ]
            if let limit = goal.goal { (figure["goal"], figure["holds"]) = (limit, measured <= limit) }
            return figure
        }
        let object: [String: Any] = [
            "capture": capture, "packets": Int(packets), "bytes": Int(bytes), "rounds": rounds,
            "command": command,
            "machine": Machine.description, "contestants": rows, "goals": figures, "missing": missing,
        ]
        return (try? JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys]))
            ?? Data()
    }
}

/// The machine that figures were measured on.
enum Machine {
    static var description: String {
        let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = info.split(separator: "\n").first { $0.hasPrefix("model name") }
        let name =
            model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
            ?? "unknown processor"
        let kernel = (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)) ?? ""
        return "\(ProcessInfo.processInfo.activeProcessorCount) x \(name), Linux "
            + kernel.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// Pads to a width.
func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
}

/// A number with so many decimals, without locale.
func fixed(_ value: Double, _ digits: Int = 3) -> String {
    guard value.isFinite else { return "-" }
    return String(format: "%.\(digits)f", value)
}
