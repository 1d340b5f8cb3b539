// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Foundation

struct LiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "live",
        abstract:
            "Live capture at full rate: what a packet costs the thread that captures it, and whether any is lost.",
        discussion: """
            In a network namespace of its own, a sender puts frames on one end of a pair of interfaces as fast as it can,
            and contestants capture at the other end, in turn. Needs root and two processors. Processor time is the
            capturing thread's own. Ends with status 1 if packets sent are not packets received and dropped. With
            --crowd the program captures beside four taps, of which one is stopped, killed or slow, or beside a fifth that
            comes and goes a thousand times; the order turns with each round, and single runs differ by a third, so that
            fifteen rounds are the least that tells one twentieth.
            """
    )

    @Option(help: "Rounds, each with every contestant; without this 5, with --crowd 15.")
    var rounds: Int?
    @Option(help: "Packets per run.")
    var packets = 1_000_000
    @Option(help: "Packets a second; 0 as fast as the sender can.")
    var rate = 0
    @Option(help: "Bytes of a frame; may be repeated.")
    var length: [Int] = [64, 1_514]
    @Option(help: "Different flows among the frames, 1 to 4096.")
    var flows = 256
    @Option(help: "Queues of the program beltway.")
    var queues = 1
    @Option(help: "Only contestants whose name contains this.")
    var only: String?
    @Flag(help: "The program beside four taps of which one is a nuisance, instead.")
    var crowd = false
    @Option(help: "Program to measure; the one beside this one without it.")
    var beltway: String?

    func run() throws {
        let rounds = rounds ?? (crowd ? 15 : 5)
        for (name, value, range) in [
            ("--rounds", rounds, 1...100), ("--packets", packets, 1_000...1_000_000_000),
            ("--rate", rate, 0...100_000_000), ("--flows", flows, 1...4_096), ("--queues", queues, 1...64),
        ] where !range.contains(value) {
            throw ValidationError("\(name) takes \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
        for length in length where !(60...1_514).contains(length) {
            throw ValidationError("--length takes 60 to 1514, not \(length)")
        }
        let beside = Bundle.main.executableURL?.deletingLastPathComponent().appendingPathComponent("beltway")
        guard let program = beltway ?? beside?.path, FileManager.default.isExecutableFile(atPath: program)
        else { throw ValidationError("no beltway beside this program; name it with --beltway") }
        let network = try LiveNetwork()
        let contest = LiveContest(
            network: network,
            traffic: LiveTraffic(packets: UInt64(packets), rate: UInt64(rate), flows: flows),
            program: LiveProgram(path: program, queues: queues)
        )
        let contestants = LiveContestant.allCases.filter { only.map($0.rawValue.contains) ?? true }
        let disturbances = LiveDisturbance.allCases.filter { only.map($0.rawValue.contains) ?? true }
        var runs: [LiveRun] = []
        for length in length {
            for round in 1...rounds {
                func note(_ run: LiveRun) {
                    runs.append(run)
                    FileHandle.standardError.write(Data("\(length) B, round \(round): \(run)\n".utf8))
                }
                if crowd {
                    let first = (round - 1) % max(1, disturbances.count)
                    for disturbance in disturbances[first...] + disturbances[..<first] {
                        note(try contest.run(beside: disturbance, frameLength: length))
                    }
                } else {
                    for contestant in contestants {
                        note(try contest.run(contestant, frameLength: length))
                    }
                }
            }
        }
        print(LiveReport(runs: runs, command: CommandLine.arguments).text)
        if !runs.allSatisfy(\.isExact) { throw ExitCode.failure }
    }
}
