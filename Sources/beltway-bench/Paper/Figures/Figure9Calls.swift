// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers

// Figure 9: what it costs to hand a packet to the next function: inlined, called, called through an address, signalled.

extension PaperFigure {
    static var callIndirection: PaperFigure {
        PaperFigure(
            number: 9,
            title: "Call indirection and parameter count",
            section: "section 5.3",
            measure: { try CallBenchmark.figure($0) }
        )
    }
}

/// Calls a small function by every method that the pipeline has.
enum CallBenchmark {
    enum Method: String, CaseIterable {
        case inlined = "inlined"
        case switched = "inlined, by a switch"
        case direct = "direct call"
        case indirect = "indirect call"
        case switchedIndirect = "switch, then indirect"
        case unpredictable = "indirect, two targets at random"
        case signalledInBatches = "signalled, 32 entries at a time"
        case signalled = "signalled, each entry"
    }

    /// What a sleeping thread is reached by; it has no parameters to vary.
    static let sleeper = "signalled, thread asleep"

    static func figure(_ effort: Effort) throws -> FigureResult {
        let data = CallData()
        var cells: [Cell] = []
        for method in Method.allCases {
            for callee in effort.steps(callees) { cells.append(callee(method, data)) }
        }
        let perParameters = PlotPanel(
            name: "a",
            title: "Cost of a call against its parameters",
            x: PlotAxis(name: "Parameters"),
            y: PlotAxis(name: "Time per call", unit: "ns", scale: .logarithmic),
            series: try measureInTurn(cells, effort)
        )
        let asleep = Cell(series: sleeper, x: 0) { seconds in
            try SleepingPeer.nanosecondsPerSignal(count: max(50, Int(seconds / 10e-6)))
        }
        let woken = try measureInTurn([asleep], effort)
        let three = Method.allCases.compactMap { method in
            perParameters.sample(method.rawValue, at: 3).map { (method.rawValue, $0) }
        }
        let methods = PlotPanel(
            name: "b",
            title: "Forwarding methods at three parameters",
            x: PlotAxis(name: ""),
            y: PlotAxis(name: "Time per packet", unit: "ns", scale: .logarithmic),
            style: .bars,
            categories: ["three parameters"],
            series: three.map { PlotSeries(name: $0.0, points: [PlotPoint(x: 0, y: $0.1)]) } + woken
        )
        return FigureResult(
            paper: paper,
            method: method,
            panels: [perParameters, methods],
            claims: claims(perParameters, methods),
            findings: []
        )
    }

    private static var callees: [(Method, CallData) -> Cell] {
        [
            cell(Callee1.self), cell(Callee2.self), cell(Callee3.self), cell(Callee4.self),
            cell(Callee6.self),
            cell(Callee8.self), cell(Callee12.self),
        ]
    }

    private static func cell<C: Callee>(_ callee: C.Type) -> (Method, CallData) -> Cell {
        { method, data in
            Cell(series: method.rawValue, x: Double(C.parameters)) { seconds in
                data.nanoseconds(C.self, method, seconds: seconds)
            }
        }
    }

    private static func claims(_ a: PlotPanel, _ b: PlotPanel) -> [Claim] {
        func ratio(_ over: String, _ under: String) -> Double? {
            guard let over = b.sample(over, at: 0), let under = b.sample(under, at: 0) else { return nil }
            return over.ratio(to: under)
        }
        func ordersClaim(_ text: String, _ paper: String, _ ratio: Double?, _ remark: String) -> Claim {
            Claim(
                text: text,
                paper: paper,
                goal: "10x and more",
                measured: ratio.map { "\(numberLabel($0))x" } ?? "-",
                holds: ratio.map { $0 >= 10 },
                remark: ratio.map { $0 >= 10 } == true ? "" : remark
            )
        }
        var claims = [
            ordersClaim(
                "an indirect call against inlined code, three parameters",
                "one to two orders of magnitude",
                ratio(Method.indirect.rawValue, Method.inlined.rawValue),
                "The processor of the paper (Pentium 4, twenty stages and more) paid for every call; one of today predicts "
                    + "the target and runs through it while it loads the next words. What is left of the order of magnitude is "
                    + "paid where the target cannot be predicted."
            ),
            ordersClaim(
                "the same, two targets at random",
                "one to two orders of magnitude",
                ratio(Method.unpredictable.rawValue, Method.inlined.rawValue),
                "Half of the calls are predicted even so."
            ),
            ordersClaim(
                "signalling each packet through an IBuf against an indirect call",
                "at least an order",
                ratio(Method.signalled.rawValue, Method.indirect.rawValue),
                "One publication is a few stores and a fence, without a system call: less than the paper's signals."
            ),
            ordersClaim(
                "signalling a thread that sleeps against an indirect call",
                "at least an order",
                ratio(sleeper, Method.indirect.rawValue),
                ""
            ),
        ]
        let most = a.abscissae.last ?? 12
        if let few = call(a, 3), let many = call(a, most) {
            let share = 1 - few / many
            claims.append(
                Claim(
                    text: "of the calling cost with \(Int(most)) parameters, what those beyond three make",
                    paper: "up to half is stack manipulation",
                    goal: "half and more",
                    measured: "\(Int((share * 100).rounded())) %",
                    holds: share >= 0.5,
                    remark: share >= 0.5
                        ? ""
                        : "Six parameters (x86-64; eight on arm64) pass in registers, and stores to the stack are forwarded."
                )
            )
        }
        return claims
    }

    /// What the indirect call adds to inlined code that does the same, in nanoseconds.
    private static func call(_ panel: PlotPanel, _ parameters: Double) -> Double? {
        guard let indirect = panel.sample(Method.indirect.rawValue, at: parameters),
            let inlined = panel.sample(Method.inlined.rawValue, at: parameters)
        else { return nil }
        return max(0.01, median(zip(indirect.values, inlined.values).map { $0 - $1 }))
    }

    private static let paper = [
        "Streamline reaches its functions in three ways, \"each at least an order faster than the next\": inlined, by an "
            + "indirect call, by signalling. A switch decides: each inlined function has a case of its own, all others fall "
            + "through to an indirect call. The right plot compares inlined and indirect calls against the number of "
            + "parameters, with and without optimisation (10^9 iterations on a Pentium 4 at 1.8 GHz).",
        "It finds indirect calls one to two orders of magnitude more expensive than inlined code, and up to half of that "
            + "cost due to the stack; so Streamline passes three parameters, in registers.",
    ]

    private static let method = [
        "The same, optimised only. The function adds the words that it is given to a state, rotated on each call, so that "
            + "every call waits for the one before and none can be left out or merged. Its caller loads the words from "
            + "memory in the first cache; that is the same for every method, and part of every figure.",
        "Inlined: the body in the loop. By a switch: the body in a case of a switch over a code loaded per packet. Direct: "
            + "a call that the compiler may not inline. Indirect: through an address loaded per packet, with one target, "
            + "through the switch's last label, or with two targets in a random order of 65,536. Signalled: an "
            + "entry of 32 bytes is appended to an index buffer and published (one by one, or 32 at a time), taken out by its "
            + "reader in the same thread, and the function inlined there. Thread asleep: the reader is another thread "
            + "that sleeps until it is woken for this one entry; half of the round trip, in time that passes.",
    ]
}
