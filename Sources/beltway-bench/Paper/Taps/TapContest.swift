// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// Who reads the interface.
enum TapSide: String, CaseIterable {
    /// Each tcpdump has a packet socket and a copy of every packet of its own.
    case stock = "stock tcpdump"
    /// One capture; `beltway tap` reads the ring in place.
    case taps = "beltway tap"
    /// One capture; tcpdump as it is reads the ring by the preloaded library.
    case shared = "tcpdump on Beltway"
}

/// What readers do with each packet.
enum TapJob: String, CaseIterable {
    case write = "-w /dev/null"
    case text = "text"
    case reject = "a filter that takes nothing"

    /// For tcpdump and `beltway tap` alike.
    var arguments: [String] {
        switch self {
        case .write: ["-w", "/dev/null"]
        case .text: []
        case .reject: ["-w", "/dev/null", "udp", "port", "9"]
        }
    }
}

/// One configuration.
struct TapCell: Hashable {
    var side: TapSide
    var job: TapJob
    var length: Int
    var readers: Int
}

/// What it cost, over the time in which frames were sent and read.
struct TapCost {
    var packets = 0.0
    var readers = TaskUse()
    var capture = TaskUse()
    /// The thread that sends, and softirqs: delivery to every socket is part of it.
    var sender = 0.0
    /// Packets that a reader did not get, summed over readers; of those that count what they take.
    var missed = 0.0

    /// All processor time in microseconds per packet.
    var microseconds: Double { (readers.seconds + capture.seconds + sender) * 1e6 / max(1, packets) }
    var switches: Double { readers.switches + capture.switches }
}

/// Runs configurations, each with programs of its own, in the network of the calling thread.
struct TapContest {
    let program: String?
    let folder: String
    /// Frames per second, as in the paper's time of a busy server.
    static let rate = 75_000.0

    /// Why a side cannot take part; nil if it can.
    func absence(_ side: TapSide) -> String? {
        guard side != .stock else { return nil }
        guard let program else { return "no beltway beside this program" }
        guard side == .shared else { return nil }
        // `beltway exec` wants an instance that runs; call this in the network.
        let data = "\(folder)/data-trial"
        defer { try? FileManager.default.removeItem(atPath: data) }
        guard let capture = try? startCapture(data) else { return "no capture can be started" }
        let command = [program, "exec", "--data", data, "--", "tcpdump", "--version"]
        let trial = MeasuredProcess.run(command, limit: 20)
        capture.interrupt()
        _ = capture.finish()
        return trial?.status == 0
            ? nil : "the library for unmodified programs is not built (deployments/build-pcap)"
    }

    /// Measures one configuration.
    ///
    /// - Parameters:
    ///   - cell: The configuration.
    ///   - seconds: For so long frames are sent.
    /// - Returns: What it cost.
    /// - Throws: ``FigureTrouble`` if a program does not start.
    func run(_ cell: TapCell, seconds: Double) throws -> TapCost {
        let data = "\(folder)/data-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: data) }
        let capture = try cell.side == .stock ? nil : startCapture(data)
        let readers = try (0..<cell.readers).map { _ in try startReader(cell, data) }
        let source = try FrameSource(length: cell.length)
        _ = source.send(seconds: 0.1, perSecond: Self.rate)
        usleep(300_000)

        func use() -> (readers: TaskUse, capture: TaskUse, kernel: TaskUse) {
            (
                readers.reduce(TaskUse()) { $0 + $1.use }, capture?.use ?? TaskUse(),
                TaskUse.ofKernelThreads()
            )
        }
        let before = use()
        let start = threadSeconds()
        let sent = source.send(seconds: seconds, perSecond: Self.rate)
        let sending = threadSeconds() - start
        usleep(250_000)  // until the last block has been handed over and read
        let after = use()

        for reader in readers { reader.interrupt() }
        let texts = readers.map { $0.finish() }
        capture?.interrupt()
        _ = capture?.finish()
        var cost = TapCost(packets: Double(sent))
        cost.readers = after.readers - before.readers
        cost.capture = after.capture - before.capture
        cost.sender = sending + (after.kernel - before.kernel).seconds
        let all = sent + Int(0.1 * Self.rate)
        cost.missed = texts.reduce(0) { $0 + missed(of: all, $1, cell) }
        return cost
    }

    private func startCapture(_ data: String) throws -> TapProgram {
        let none = "\(folder)/none.rules"
        _ = FileManager.default.createFile(atPath: none, contents: nil)
        let capture = try TapProgram(
            [
                program ?? "beltway", "run", "-i", TapNetwork.receiving, "--data", data, "--rules", none,
                "--no-packets", "--no-flows", "--no-eve",
            ],
            in: folder
        )
        try capture.wait(for: "capturing on")
        return capture
    }

    private func startReader(_ cell: TapCell, _ data: String) throws -> TapProgram {
        let program = program ?? "beltway"
        let reader: TapProgram
        switch cell.side {
        case .stock:
            let arguments = ["-i", TapNetwork.receiving, "-nn", "-q", "-Z", "root"] + cell.job.arguments
            reader = try TapProgram(["tcpdump"] + arguments, in: folder)
            try reader.wait(for: "listening on")
        case .taps:
            reader = try TapProgram([program, "tap", "--data", data] + cell.job.arguments, in: folder)
            try reader.wait(for: "tapping")
        case .shared:
            let arguments =
                ["-i", "beltway:\(TapNetwork.receiving)", "-nn", "-q", "-Z", "root"] + cell.job.arguments
            reader = try TapProgram(
                [program, "exec", "--data", data, "--", "tcpdump"] + arguments,
                in: folder
            )
            try reader.wait(for: "listening on")
        }
        return reader
    }

    /// What one reader's own words leave unread of `all` packets.
    private func missed(of all: Int, _ text: String, _ cell: TapCell) -> Double {
        for line in text.split(separator: "\n") {
            let numbers = line.split { !$0.isNumber }.compactMap { Double($0) }
            if cell.side != .taps, line.contains("dropped by kernel"), let dropped = numbers.first {
                return dropped
            }
            if cell.side == .taps, line.contains(" published = "), let lost = numbers.last { return lost }
        }
        return Double(all)
    }
}
