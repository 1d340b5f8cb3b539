// SPDX-License-Identifier: Apache-2.0
internal import Glibc

// Figure 11: bytes from one process to another through the kernel and through c-DBufs.

extension PaperFigure {
    static var pipes: PaperFigure {
        PaperFigure(
            number: 11,
            title: "Evaluation of pipes",
            section: "section 6",
            measure: { try PipeBenchmark.figure($0) }
        )
    }
}

/// Pipes of all kinds, by bytes per call.
enum PipeBenchmark {
    /// Bytes per call.
    static let calls = [64, 256, 1024, 4096, 16_384, 65_536, 262_144]
    /// Five rings, as in the paper.
    static let rings = [16_384, 65_536, 262_144, 1_048_576, 8_388_608]
    /// The goal's greatest call.
    private static let small = 4096.0

    static func figure(_ effort: Effort) throws -> FigureResult {
        // A reader that dies is an error of write(2), not our end.
        signal(SIGPIPE, SIG_IGN)
        let rings = effort.steps(rings)
        let kinds = [PipeKind.pipe, .socketPair] + rings.map { PipeKind.stream($0) } + [.memory]
        let calls = effort.steps(calls)
        var speeds: [PipeKind: [[Double]]] = [:]
        var switches: [PipeKind: [Double]] = [:]
        var faults: [PipeKind: [Double]] = [:]
        for kind in kinds { speeds[kind] = Array(repeating: [], count: calls.count) }
        for round in 0...effort.rounds {
            var total: [PipeKind: Transfer] = [:]
            for (index, call) in calls.enumerated() {
                for kind in kinds {
                    let transfer = try PipeContest(call: call).run(kind, seconds: effort.secondsPerCell * 2)
                    guard round > 0 else { continue }
                    speeds[kind]?[index].append(Double(transfer.bytes) / transfer.seconds / 1e9)
                    var sum = total[kind] ?? Transfer(bytes: 0, seconds: 0, switches: 0, faults: 0)
                    sum.bytes += transfer.bytes
                    sum.switches += transfer.switches
                    sum.faults += transfer.faults
                    total[kind] = sum
                }
            }
            for (kind, sum) in total {
                switches[kind, default: []].append(Double(sum.switches) * 1_048_576 / Double(sum.bytes))
                faults[kind, default: []].append(Double(sum.faults) * 1_048_576 / Double(sum.bytes))
            }
        }
        let throughput = PlotPanel(
            name: "a",
            title: "Copying from one process to another",
            x: PlotAxis(name: "Bytes per call", scale: .powersOfTwo, format: .bytes),
            y: PlotAxis(name: "Throughput", unit: "GB/s", scale: .logarithmic),
            series: kinds.map { kind in
                PlotSeries(
                    name: kind.name,
                    points: zip(calls, speeds[kind] ?? []).map {
                        PlotPoint(x: Double($0), y: Sample(values: $1))
                    },
                    isReference: kind == .memory
                )
            }
        )
        return FigureResult(
            paper: paper,
            method: method,
            panels: [throughput, use(rings, switches, faults)],
            claims: claims(throughput, rings) + useClaims(rings, switches)
        )
    }

    /// Switches and faults by the ring's size, the kernel's own as levels beside them.
    private static func use(
        _ rings: [Int],
        _ switches: [PipeKind: [Double]],
        _ faults: [PipeKind: [Double]]
    ) -> PlotPanel {
        func line(_ name: String, _ values: [PipeKind: [Double]], level: PipeKind? = nil) -> PlotSeries {
            PlotSeries(
                name: name,
                points: rings.map {
                    PlotPoint(x: Double($0), y: Sample(values: values[level ?? .stream($0)] ?? []))
                },
                isReference: level != nil
            )
        }
        return PlotPanel(
            name: "b",
            title: "Context switches and page faults, all calls together",
            x: PlotAxis(name: "Bytes of the ring", scale: .powersOfTwo, format: .bytes),
            y: PlotAxis(name: "Per MiB moved", scale: .logarithmic),
            series: [
                line("context switches", switches), line("page faults", faults),
                line("switches, Linux pipe", switches, level: .pipe),
                line("switches, socketpair", switches, level: .socketPair),
            ]
        )
    }

    private static func claims(_ panel: PlotPanel, _ rings: [Int]) -> [Claim] {
        let streams = rings.compactMap { panel[PipeKind.stream($0).name] }
        func ratios(_ series: PlotSeries, _ kernel: String, from: Double, to: Double) -> [Double] {
            series.points.filter { $0.x >= from && $0.x <= to }.compactMap { point in
                panel.sample(kernel, at: point.x).map { point.y.ratio(to: $0) }
            }
        }
        let kernels = [PipeKind.pipe.name, PipeKind.socketPair.name]
        // The best ring is one for all calls: the one whose worst small call is the best.
        func worst(_ series: PlotSeries, to: Double) -> Double {
            kernels.compactMap { ratios(series, $0, from: 0, to: to).min() }.min() ?? 0
        }
        guard let best = streams.max(by: { worst($0, to: small) < worst($1, to: small) }) else { return [] }
        var claims: [Claim] = kernels.flatMap { kernel -> [Claim] in
            let few = ratios(best, kernel, from: 0, to: small).min() ?? .nan
            let all = ratios(best, kernel, from: 0, to: .infinity).min() ?? .nan
            return [
                Claim(
                    text: "\(best.name) against a \(kernel), up to 4 KiB a call, the worst call",
                    paper: kernel == kernels[0] ? "up to 2.5x" : "-",
                    goal: "2.5x and more",
                    measured: "\(numberLabel(few))x",
                    holds: few >= 2.5
                ),
                Claim(
                    text: "\(best.name) against a \(kernel), any call, the worst",
                    paper: "faster",
                    goal: "never slower",
                    measured: "\(numberLabel(all))x",
                    holds: all >= 1
                ),
            ]
        }
        if let bound = panel[PipeKind.memory.name] {
            let most = ratios(bound, kernels[0], from: 0, to: .infinity).max() ?? .nan
            claims.append(
                Claim(
                    text: "shared memory against a Linux pipe, the best call (the bound)",
                    paper: "2.5x",
                    goal: "2.5x and more",
                    measured: "\(numberLabel(most))x",
                    holds: most >= 2.5
                )
            )
        }
        return claims
    }

    private static func useClaims(_ rings: [Int], _ switches: [PipeKind: [Double]]) -> [Claim] {
        let medians = rings.map { Sample(values: switches[.stream($0)] ?? []).median }
        guard let first = medians.first, let last = medians.last, medians.count > 1 else { return [] }
        return [
            Claim(
                text: "context switches diminish with the ring's size",
                paper: "exponentially",
                goal: "fewer with each size",
                measured:
                    "\(numberLabel(first)) per MiB with the smallest ring, \(numberLabel(last)) with the largest",
                holds: zip(medians, medians.dropFirst()).allSatisfy { $0 > $1 }
            )
        ]
    }

    private static let paper = [
        "Copying through a UNIX pipe against copying through SRP c-DBufs of five sizes, by bytes per call; no peek, so the same "
            + "data is copied and all gain comes from fewer context switches. As an upper bound, a threaded application with direct "
            + "access to shared memory, which is 2.5 times as fast as a Linux pipe.",
        "The fastest ring is neither the largest nor the smallest: throughput grows while calls block less often, until the TLB "
            + "runs out of entries; it peaks between 64 and 256 KB. Context switches diminish exponentially with the ring, page "
            + "faults grow from 256 KB on (right plot).",
    ]

    private static let method = [
        "Two processes: this program writes, a second copy of it (started before, not timed) reads. Every write copies from the "
            + "caller's memory and is visible when it returns; every read copies into the caller's. Time runs from the first write "
            + "until the reader has seen the end. Pipe and socketpair have their default buffers (64 KiB and what "
            + "net.core.wmem_default says).",
        "The c-DBuf's writer waits where a slow reader's ring would drop. Its reader inherits the ring's descriptors, maps "
            + "them read-only, lets go of what it read at each quarter of the ring, and sleeps until a quarter is there or "
            + "a millisecond has passed. The bound: two threads, in C, spinning, on a ring of 256 KiB, copying in and out too.",
        "Switches and faults are those of both processes from getrusage, voluntary and forced, over all calls of a round. Where "
            + "there is less than one in 8 MiB, with the two largest rings often, what is left is the scheduler's and not theirs.",
    ]
}
