// SPDX-License-Identifier: Apache-2.0

/// The tables of `beltway-bench ring`, and whether the goals were reached.
struct RingReport {
    /// Runs per configuration.
    var pairs: Int

    func print() throws {
        Swift.print("machine  \(Machine.description)")
        try printKinds()
        try printPackets()
        try printSleepers()
        try printHarmed()
        try printReaders(inBatches: true)
        try printReaders(inBatches: false)
    }

    private func printKinds() throws {
        Swift.print("\np-, c- and v-DBuf and IBuf: a block's cost for the producer")
        row(["kind", "ring", "block", "batch", "ns", "ns in C", "ratio"])
        let results = try KindBenchmark.run(pairs: pairs)
        for result in results {
            row([
                result.kind, "\(result.capacity >> 20) MiB", "\(result.length)", "\(result.batch)",
                fixed(result.nanoseconds, 1), fixed(result.peerNanoseconds, 1), fixed(result.ratio, 2),
            ])
        }
        goal("the worst kind against C", results.map(\.ratio).max() ?? .nan, 1.1, "x")
    }

    private func printPackets() throws {
        Swift.print("\nd-DBuf: a packet's cost for the producer")
        row(["kind", "ring", "packet", "batch", "ns", "ns in C", "ratio"])
        let results = try RingBenchmark.run(pairs: pairs)
        for result in results {
            row([
                "d-DBuf", "\(result.ringCapacity >> 20) MiB", "\(result.packetLength)", "\(result.batch)",
                fixed(result.nanoseconds, 1), fixed(result.peerNanoseconds, 1), fixed(result.ratio, 2),
            ])
        }
        goal("the worst d-DBuf against C", results.map(\.ratio).max() ?? .nan, 1.1, "x")
    }

    private func printSleepers() throws {
        Swift.print("\nd-DBuf, 64 bytes, batch 32, 1 MiB: a packet's cost beside attached readers that sleep")
        row(["readers", "ns", "least", "most"])
        let results = try ReaderBenchmark.idle(rounds: pairs)
        for result in results {
            row([
                "\(result.readers)", fixed(median(result.producer), 2),
                fixed(result.producer.min() ?? .nan, 2), fixed(result.producer.max() ?? .nan, 2),
            ])
        }
        guard let none = results.first, let most = results.last else { return }
        goal("alone", median(none.producer), 4, "ns")
        let more = median(zip(most.producer, none.producer).map { $0 - $1 }) / Double(most.readers)
        goal("per further sleeping reader", more, 0.4, "ns")
    }

    private func printHarmed() throws {
        Swift.print("\nThe same beside four attached readers of a process that is stopped or killed")
        row(["readers", "ns", "least", "most"])
        let results = try ReaderBenchmark.harmed(rounds: pairs)
        for (harm, result) in zip(ReaderBenchmark.harms, results) {
            row([
                harm.name, fixed(median(result.producer), 2),
                fixed(result.producer.min() ?? .nan, 2), fixed(result.producer.max() ?? .nan, 2),
            ])
        }
        guard let asleep = results.first else { return }
        for (harm, result) in zip(ReaderBenchmark.harms, results).dropFirst() {
            let ratio = median(zip(result.producer, asleep.producer).map { $0 / $1 })
            goal("beside readers that are \(harm.name)", ratio, 1.05, "x")
        }
    }

    private func printReaders(inBatches: Bool) throws {
        let manner = inBatches ? "when 4 MiB are there, as taps do" : "within a millisecond"
        Swift.print(
            "\nThe same at a million packets a second beside attached readers that keep up, \(manner) (64 MiB ring)"
        )
        row(["readers", "producer", "reader", "lost"])
        let results = try ReaderBenchmark.keepingUp(rounds: min(pairs, 5), inBatches: inBatches)
        for result in results {
            row([
                "\(result.readers)", fixed(median(result.producer), 2), fixed(median(result.reader), 2),
                "\(result.lost)",
            ])
        }
        guard let one = results.first, let most = results.last else { return }
        goal(
            "producer, \(most.readers) readers by one",
            median(most.producer) / median(one.producer),
            1.05,
            "x"
        )
        // Who loses packets does not keep up: its figure would be that of skipping.
        if results.contains(where: { $0.lost > 0 }) {
            Swift.print("  readers were lapped: no figure for them")
        }
        goal("a reader among \(most.readers)", most.lost > 0 ? .infinity : median(most.reader), 12, "ns")
    }

    private func goal(_ text: String, _ measured: Double, _ limit: Double, _ unit: String) {
        Swift.print(
            pad("  " + text, 42) + pad("\(fixed(measured, 2)) \(unit)", 12)
                + pad("goal \(fixed(limit, 2))", 12)
                + (measured <= limit ? "reached" : "missed")
        )
    }

    private func row(_ cells: [String]) {
        Swift.print(cells.map { pad($0, 10) }.joined())
    }
}
