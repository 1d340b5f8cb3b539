// SPDX-License-Identifier: Apache-2.0
internal import Foundation

// Figure 12(b): many unmodified tcpdumps on one interface, each with a copy of every packet against one shared ring.

extension PaperFigure {
    static var taps: PaperFigure {
        PaperFigure(
            number: 12,
            part: "b",
            title: "Many tcpdumps on one interface",
            section: "section 6",
            measure: { effort in
                // A thread of its own: it moves into a network of its own and is left there.
                try PeerThread { Result { try TapBenchmark.figure(effort) } }.join().get()
            }
        )
    }
}

enum TapBenchmark {
    private static let packet = 170
    private static let longPacket = 1514
    private static let most = 16

    static func figure(_ effort: Effort) throws -> FigureResult {
        var result = FigureResult(paper: paper, method: method, panels: [], claims: [])
        if let absence = TapNetwork.absence {
            result.claims = claims(TapResults(), grown: TapResults(), nil)
            result.findings = ["Nothing was measured: \(absence)."]
            return result
        }
        let folder = NSTemporaryDirectory() + "beltway-bench-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let beside = Bundle.main.executableURL?.deletingLastPathComponent().appendingPathComponent("beltway")
            .path
        let program = beside.flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }
        let contest = TapContest(program: program, folder: folder)
        _ = try TapNetwork()
        let absences = TapSide.allCases.compactMap { side in contest.absence(side).map { (side, $0) } }
        let sides = TapSide.allCases.filter { side in !absences.contains { $0.0 == side } }

        var results = TapResults()
        let cells = Self.cells(sides, effort)
        func run(_ cells: [TapCell], into results: inout TapResults) throws {
            for cell in cells where !results.hasTrouble(cell) {
                do {
                    results.add(try contest.run(cell, seconds: effort.isQuick ? 0.1 : 1.5), of: cell)
                } catch let trouble as FigureTrouble { results.add(trouble: trouble.description, of: cell) }
            }
        }
        for _ in 0..<(effort.isQuick ? 1 : 3) { try run(cells, into: &results) }
        // The capture's own time differs by more from run to run than it may grow: runs apart of the two that are compared.
        let compared = cells.filter { cell in
            cell.side == .taps && cell.job == .write && cell.length == packet
                && (cell.readers == 1 || cell.readers == most)
        }
        var grown = TapResults()
        for _ in 0..<(effort.isQuick ? 1 : 9) { try run(compared, into: &grown) }
        let writing = try [packet, longPacket].map { try OwnWriting.microseconds(length: $0) }
        result.panels = panels(results)
        result.claims = claims(results, grown: grown, writing)
        result.findings = absences.map { "\($0.0.rawValue) takes no part: \($0.1)." }
        result.findings += results.troubles.map { cell, reason in
            "\(cell.readers) of \(cell.side.rawValue) (\(cell.job.rawValue), \(cell.length) bytes) could not be run: \(reason)"
        }
        result.findings.append(
            "To write a packet to /dev/null once it has it takes tcpdump \(numberLabel(writing[0])) us (\(packet) bytes) and "
                + "\(numberLabel(writing[1])) us (\(longPacket) bytes) of libpcap's pcap_dump: its own part of the figures above."
        )
        return result
    }

    private static func cells(_ sides: [TapSide], _ effort: Effort) -> [TapCell] {
        let jobs: [(TapJob, Int)] = [(.write, packet), (.write, longPacket), (.text, packet)]
        var cells: [TapCell] = []
        for (job, length) in effort.isQuick ? [jobs[0]] : jobs {
            for side in sides {
                var counts = effort.isQuick ? [0, 1, 2] : [0, 1, 2, 4, 8, 12, most]
                if side == .taps, !effort.isQuick { counts += [32, 64] }
                // Nobody reads: the same whatever they would do.
                if side == .shared || (side == .stock && job != .write) { counts.removeFirst() }
                cells += counts.map { TapCell(side: side, job: job, length: length, readers: $0) }
            }
        }
        if !effort.isQuick {
            cells += sides.map { TapCell(side: $0, job: .reject, length: packet, readers: most) }
        }
        return cells
    }

    private static func panels(_ results: TapResults) -> [PlotPanel] {
        let cost = "Processor time above sending"
        return [
            results.panel("b1", "\(cost), 170 bytes, -w /dev/null", "us/packet", .write, packet) {
                results.aboveSending($0)
            },
            results.panel("b2", "\(cost), 1514 bytes, -w /dev/null", "us/packet", .write, longPacket) {
                results.aboveSending($0)
            },
            results.panel("b3", "\(cost), 170 bytes, text", "us/packet", .text, packet) {
                results.aboveSending($0)
            },
            results.panel(
                "b4",
                "Context switches, 170 bytes, -w /dev/null",
                "per 1000 packets",
                .write,
                packet
            ) {
                results.sample($0) { $0.switches * 1000 / max(1, $0.packets) }
            },
        ].filter { !$0.series.isEmpty }
    }

    private static func claims(_ results: TapResults, grown: TapResults, _ writing: [Double]?) -> [Claim] {
        func cell(_ side: TapSide, _ job: TapJob, _ length: Int, _ readers: Int) -> TapCell {
            TapCell(side: side, job: job, length: length, readers: readers)
        }
        func claim(
            _ text: String,
            _ goal: Double,
            _ own: Sample?,
            _ other: Sample?,
            paper: String = "-",
            unit: String = "of stock"
        ) -> Claim {
            let ratio = own.flatMap { own in other.map { own.ratio(to: $0) } }
            return Claim(
                text: text,
                paper: paper,
                goal: "at most \(numberLabel(goal)) \(unit)",
                measured: ratio.map { "\(numberLabel($0)) \(unit)" } ?? "-",
                holds: ratio.map { $0 <= goal },
                remark: ratio == nil ? "One of the two sides could not be run here." : ""
            )
        }
        func above(_ side: TapSide, _ job: TapJob, _ length: Int, _ readers: Int) -> Sample? {
            results.aboveSending(cell(side, job, length, readers))
        }
        func notOwn(_ side: TapSide, _ length: Int) -> Sample? {
            guard let writing else { return nil }
            let own = Double(most) * writing[length == packet ? 0 : 1]
            return above(side, .write, length, most).map { Sample(values: $0.values.map { $0 - own }) }
        }
        func switches(_ side: TapSide) -> Sample? {
            results.sample(cell(side, .write, packet, most)) { $0.switches }
        }
        var claims: [Claim] = []
        for (side, name) in [(TapSide.shared, "unmodified tcpdumps"), (.taps, "beltway taps")] {
            let cost = "16 \(name), processor time above sending"
            claims += [
                claim(
                    "\(cost), 170 bytes, -w /dev/null",
                    0.4,
                    above(side, .write, packet, most),
                    above(.stock, .write, packet, most),
                    paper: "one capture for all costs little more than one tcpdump"
                ),
                claim(
                    "\(cost), 1514 bytes, -w /dev/null",
                    0.5,
                    above(side, .write, longPacket, most),
                    above(.stock, .write, longPacket, most)
                ),
                claim("16 \(name), context switches", 1, switches(side), switches(.stock)),
                claim(
                    "16 \(name) whose filter takes nothing, 170 bytes",
                    0.5,
                    above(side, .reject, packet, most),
                    above(.stock, .reject, packet, most)
                ),
            ]
        }
        for length in [packet, longPacket] {
            claims.append(
                claim(
                    "16 unmodified tcpdumps, what is not tcpdump's own writing, \(length) bytes",
                    1.0 / 6,
                    notOwn(.shared, length),
                    above(.stock, .write, length, most)
                )
            )
        }
        let alone = results.aboveSending(cell(.taps, .write, packet, 0))
        claims.append(
            claim(
                "a capture that nobody reads, against one stock tcpdump, 170 bytes",
                1.25,
                alone,
                above(.stock, .write, packet, 1)
            )
        )
        claims.append(
            claim(
                "the capture's own time with 16 readers against one",
                1.05,
                grown.sample(cell(.taps, .write, packet, most)) { $0.capture.seconds },
                grown.sample(cell(.taps, .write, packet, 1)) { $0.capture.seconds },
                unit: "of that"
            )
        )
        claims.append(loss(results))
        return claims
    }

    private static func loss(_ results: TapResults) -> Claim {
        let counts = [1, 2, 4, 8, 12, most]
        var (cells, lost) = (0, 0.0)
        for (job, length) in [(TapJob.write, packet), (.write, longPacket), (.text, packet)] {
            for readers in counts {
                let stock = TapCell(side: .stock, job: job, length: length, readers: readers)
                guard results.sample(stock, { $0.missed })?.greatest == 0 else { continue }
                for side in [TapSide.taps, .shared] {
                    let cell = TapCell(side: side, job: job, length: length, readers: readers)
                    guard let missed = results.sample(cell, { $0.missed }) else { continue }
                    (cells, lost) = (cells + 1, lost + missed.values.reduce(0, +))
                }
            }
        }
        return Claim(
            text: "packets lost where stock tcpdumps lose none",
            paper: "-",
            goal: "none",
            measured: cells > 0 ? "\(numberLabel(lost)) in \(cells) configurations" : "-",
            holds: cells > 0 ? lost == 0 : nil
        )
    }

    private static let paper = [
        "Several unmodified tcpdumps listen on one interface. With a standard kernel each has a buffer of its own, into which every "
            + "packet is copied, and each is woken for itself; through the buffers' pcap interface all read one ring."
    ]

    private static let method = [
        "A pair of virtual interfaces in a network of its own; frames of 170 and 1514 bytes at 75,000 a second are sent on one end, "
            + "a thousandth of a second's worth at a time, and read on the other. Stock: N tcpdumps from the distribution. Beltway: one "
            + "`beltway run` that does nothing but capture, and N readers of its ring: `beltway tap`, and tcpdump as it is with the "
            + "preloaded library (`beltway exec`), where that is built. Taps and tcpdump alike let a megabyte of packets come "
            + "together, or a tenth of a second go by (tcpdump: a second), before they are woken; stock, a block of the kernel's.",
        "Everything that costs processor time is counted, by the kernel's accounting in nanoseconds: all threads of the "
            + "readers and of the capture, the thread that sends, in whose context the kernel delivers to every socket, and the threads "
            + "of the kernel that run what is put off. What sending takes with nobody there is subtracted. Start and end of the programs are not in it; the time "
            + "in which the last packets are read is. Three runs of each; for the capture's own time nine more of one tap and of sixteen. TZ is set, without which tcpdump asks for the file of the time zone "
            + "for each line.",
    ]
}
