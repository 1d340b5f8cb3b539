// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers

// What the paper leaves open in section 4.3.1: does gradual under-reporting of free space stabilise?

extension PaperFigure {
    static var exhaustionAvoidance: PaperFigure {
        PaperFigure(
            number: 13,
            title: "Exhaustion avoidance: does it stabilise? (no figure in the paper)",
            section: "section 4.3.1",
            measure: { AvoidanceExperiment.figure($0) }
        )
    }
}

/// An overloaded chain of two rings, in steps of simulated time: everything but the rings is counted, nothing is timed.
///
///     source, 16 a step on average --> ring A --> stage, at most 12 a step --> ring B --> sink, 8 a step on average
///
/// Twice as much comes in as goes out. Dropped at A's input a block has cost nothing; dropped at B's it has cost the
/// stage's work.
enum AvoidanceExperiment {
    static let tailDrop = "tail drop"
    static let backPressure = "real free space reported"
    static let underReporting = "gradual under-reporting"

    /// 1/256 to 1/2.
    private static let agilities: [Double] = (1...8).reversed().map { power in 1 / Double(1 << power) }

    /// The courses of one agility, a round each.
    private struct Point {
        var agility: Double
        var courses: [Course] = []
    }

    static func figure(_ effort: Effort) -> FigureResult {
        let steps = effort.isQuick ? 4_000 : 40_000
        let names = [tailDrop, backPressure, underReporting]
        var results: [String: [Point]] = [:]
        for agility in effort.steps(agilities) {
            for name in names {
                var point = Point(agility: agility)
                for round in 1...effort.rounds {
                    point.courses.append(
                        Course.run(name, agility: agility, steps: steps, seed: UInt64(round))
                    )
                }
                results[name, default: []].append(point)
            }
        }
        func series(_ name: String, _ value: (Course) -> Double) -> PlotSeries {
            let points = (results[name] ?? []).map { point in
                PlotPoint(x: point.agility, y: Sample(values: point.courses.map(value)))
            }
            return PlotSeries(name: name, points: points, isReference: name != underReporting)
        }
        func panel(_ name: String, _ title: String, _ value: (Course) -> Double) -> PlotPanel {
            PlotPanel(
                name: name,
                title: title,
                x: PlotAxis(name: "Agility: change of the reported share per report", scale: .powersOfTwo),
                y: PlotAxis(name: title, unit: "%"),
                series: names.map { series($0, value) }
            )
        }
        let wasted = panel("a", "Stage's work that was thrown away") { $0.wastedShare * 100 }
        let used = panel("b", "Sink's capacity that was used") { $0.sinkShare * 100 }
        let swing = panel("c", "Swing of the second ring's fill, standard deviation") { $0.swing * 100 }
        let waiting = panel("d", "Fill of the second ring, mean") { $0.fill * 100 }
        return FigureResult(
            paper: paper,
            method: method,
            panels: [wasted, used, swing, waiting],
            claims: claims(wasted, used, swing, waiting),
            findings: [
                "Asking for the free space at all is what moves the losses to the input; that it is under-reported adds room for "
                    + "bursts in the second ring, and some swing. It stabilises at every agility that was tried, here, with one "
                    + "stage. The default stays tail drop, as in the paper: a stage has to ask for it to help."
            ]
        )
    }

    private static func claims(
        _ wasted: PlotPanel,
        _ used: PlotPanel,
        _ swing: PlotPanel,
        _ waiting: PlotPanel
    ) -> [Claim] {
        let chosen = 1.0 / 16
        func percent(_ panel: PlotPanel, _ series: String) -> Double {
            panel.sample(series, at: chosen)?.median ?? panel[series]?.points.last?.y.median ?? .nan
        }
        let (dropped, ours) = (percent(wasted, tailDrop), percent(wasted, underReporting))
        let (full, kept) = (percent(used, backPressure), percent(used, underReporting))
        let (before, after) = (percent(swing, backPressure), percent(swing, underReporting))
        return [
            Claim(
                text: "congestion is pushed back to the input: the stage's work is not thrown away",
                paper: "early warning trickles back to the input",
                goal: "under 1 %",
                measured: "\(numberLabel(ours)) %, tail drop \(numberLabel(dropped)) %",
                holds: ours < 1
            ),
            Claim(
                text: "without starving the sink",
                paper: "-",
                goal: "99 % of what it can take",
                measured: "\(numberLabel(kept)) %, with the real free space \(numberLabel(full)) %",
                holds: kept >= 99
            ),
            Claim(
                text: "it stabilises: the fill of the second ring swings by less than a tenth of the ring",
                paper: "\"we mean to investigate stabilisation\"",
                goal: "under 10 %",
                measured: "\(numberLabel(after)) % at a mean fill of "
                    + "\(numberLabel(percent(waiting, underReporting))) %; with the real free space "
                    + "\(numberLabel(before)) % at \(numberLabel(percent(waiting, backPressure))) %",
                holds: after < 10
            ),
        ]
    }

    private static let paper = [
        "Buffers report less free space than they have as they fill up, so that packets are dropped at the input, before work "
            + "is spent on them. \"Self-stabilisation depends strongly on the agility of stream expansion and contraction. This "
            + "parameter is hard to configure\": the paper keeps tail drop as its default and leaves the question open."
    ]

    private static let method = [
        "Two rings of 256 slots under slow reader preference and a stage between them, in steps of simulated time. Each step 8 "
            + "to 24 blocks arrive, the stage handles at most 12, the sink takes 0 to 16, all at random. With tail drop the stage takes what there is "
            + "and loses what the second ring refuses. Otherwise it asks the second ring for its free space first and leaves "
            + "blocks in the first ring (\"kept in flight longer\"), which then drops at its input: the real free space, or the "
            + "under-reported one, at several agilities. Counted, not timed; the first half of each course is not counted. "
            + "Agility 1/16 is the library's default."
    ]
}

/// What one course of the chain came to, in its second half.
struct Course {
    /// Blocks that the stage handled and the second ring refused, by those that it handled.
    var wastedShare = 0.0
    /// What the sink took, by what it could have taken.
    var sinkShare = 0.0
    /// Mean fill of the second ring, 0 to 1.
    var fill = 0.0
    /// Standard deviation of that.
    var swing = 0.0

    private static let slots = 256

    static func run(_ name: String, agility: Double, steps: Int, seed: UInt64) -> Course {
        let options = RingOptions(
            kind: .slots,
            policy: .slowReader,
            capacity: slots * 64,
            slotLength: 64,
            avoidsExhaustion: name == AvoidanceExperiment.underReporting,
            agility: agility
        )
        guard let first = try? Ring(name: "a", options: options),
            let second = try? Ring(name: "b", options: options),
            var taker = try? RingReader(first, as: SlotLayout.self),
            var sink = try? RingReader(second, as: SlotLayout.self)
        else { return Course() }
        var source = first.makeProducer(SlotLayout.self)
        var stage = second.makeProducer(SlotLayout.self)
        let block = [UInt8](repeating: 1, count: 48)
        let asks = name != AvoidanceExperiment.tailDrop
        var random = seed &* 0x9E37_79B9_7F4A_7C15
        var (handled, refused, taken, takeable, counted) = (0, 0, 0, 0, 0)
        var (sum, squares) = (0.0, 0.0)
        for step in 0..<steps {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            for _ in 0..<8 + Int((random >> 33) % 17) { _ = source.append(block.rawSpan) }
            source.publish()
            var (now, lost, out) = (0, 0, 0)
            // What is reported at the start of a step goes for all of it.
            let room = asks ? stage.reportedRoom() / 64 : 12
            while now < min(12, room) {
                guard taker.next() != nil else { break }
                now += 1
                if !stage.append(block.rawSpan) { lost += 1 }
            }
            stage.publish()
            taker.release()
            let wanted = Int((random >> 40) % 17)
            while out < wanted, sink.next() != nil { out += 1 }
            sink.release()
            guard step >= steps / 2 else { continue }
            handled += now
            refused += lost
            taken += out
            takeable += wanted
            counted += 1
            let fill = Double(sink.lagInBytes) / Double(slots * 64)
            sum += fill
            squares += fill * fill
        }
        let mean = sum / Double(counted)
        return Course(
            wastedShare: Double(refused) / Double(max(1, handled)),
            sinkShare: Double(taken) / Double(max(1, takeable)),
            fill: mean,
            swing: max(0, squares / Double(counted) - mean * mean).squareRoot()
        )
    }
}
