// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayClassify
internal import BeltwayStore
internal import BeltwayWire
internal import Glibc

/// What `beltway tap` is asked: packets of a running capture, by a filter of the tap's own.
public struct TapRequest: Sendable {
    /// Where the capture runs.
    public enum Origin: Equatable, Sendable {
        /// On this machine: the data directory of the instance; nil to look for one that runs.
        case instance(data: String?)
        /// On another host that serves its rings.
        case remote(RemoteTapOptions)
    }

    /// Where the capture runs.
    public var origin = Origin.instance(data: nil)
    /// One ring (`eth0.1`) or all of an interface (`eth0`); nil for all.
    public var ring: String?
    /// Capture file to write, `-` for standard output; nil for a line per packet.
    public var output: String?
    /// Packets after which it ends.
    public var count: UInt64?
    /// Bytes of each packet that are written.
    public var snapLength: Int?
    /// BPF; empty for every packet.
    public var expression = ""
    /// Milliseconds that packets may wait for more, unless a megabyte of them is there; more is cheaper.
    ///
    /// Nil for 100 into a file, and 20 where somebody may watch. The first packet after a silence waits for nothing.
    public var delayMilliseconds: Int?
    /// Bytes of each packet that are looked at: filter, lines and files see no more of it; nil for all.
    public var headerLength: Int?
    /// Whether to say nothing but what went wrong.
    public var isQuiet = false
    /// Whether somebody watches the output file, and wants packets as they come.
    public var isInteractive = false

    /// Asks for every packet of a running instance, as lines.
    public init() {}

    /// Taps until the capture ends, somebody stops it, or enough was written; says at the end what was lost.
    ///
    /// - Returns: Exit status: 1 if the capture died or the output could not be written.
    /// - Throws: ``ApplianceError`` if there is nothing to attach to, or it is not allowed, or the filter is wrong.
    public func run() throws(ApplianceError) -> Int32 {
        if let count, count == 0 { throw .usage("--count takes 1 or more") }
        if let snapLength, snapLength < 1 { throw .usage("--snap takes 1 or more bytes") }
        if let headerLength, headerLength < 1 { throw .usage("--headers takes 1 or more bytes") }
        if let delayMilliseconds, !(0...10_000).contains(delayMilliseconds) {
            throw .usage("--delay takes 0 to 10000 milliseconds, not \(delayMilliseconds)")
        }
        if output == "-", isatty(1) == 1 {
            throw .usage("packets are not written to a terminal; use -w FILE, or a pipe, or leave -w out")
        }
        try checkTapExpression(expression)
        let stop = StopFlag()
        let signals = StopSignals(stop)
        defer { withExtendedLifetime(signals) {} }
        switch origin {
        case .instance(let data):
            let rings = try RunningInstance.find(data)
            let attachments = try rings.attach(ring, as: "tap")
            let source: LocalTapSource
            do {
                source = try LocalTapSource(
                    attachments,
                    coalescing: coalescing
                )
            } catch {
                throw .failure("cannot attach: \(error)")
            }
            return try run(source, until: stop)
        case .remote(let options): return try run(options, until: stop)
        }
    }

    private var coalescing: Coalescing {
        let isWatched = isInteractive || output == nil || output == "-"
        let milliseconds = delayMilliseconds ?? (isWatched ? 20 : 100)
        return Coalescing(delayNanoseconds: Int64(milliseconds) * 1_000_000, bytes: 16 << 20)
    }

    /// Taps any source; what remote taps share with local ones.
    func run<Source: TapSource & ~Copyable>(
        _ source: consuming Source,
        until stop: StopFlag,
        adding notes: () -> [String] = { [] }
    ) throws(ApplianceError) -> Int32 {
        let console = Console()
        // A named pipe is opened once somebody reads it: a signal ends the wait.
        guard try waitForReader(until: stop) else { return 0 }
        guard let output else {
            return try run(source, to: TapText(console), console, until: stop, adding: notes)
        }
        return try run(source, to: openFile(output), console, until: stop, adding: notes)
    }

    private func run<Source: TapSource & ~Copyable, Sink: TapSink>(
        _ source: consuming Source,
        to sink: Sink,
        _ console: Console,
        until stop: StopFlag,
        adding notes: () -> [String]
    ) throws(ApplianceError) -> Int32 {
        var tap: Tap<Source, Sink>
        do {
            tap = try Tap(
                source,
                to: sink,
                expression: expression,
                limit: count ?? .max,
                headerLength: headerLength
            )
        } catch {
            throw .usage("\(error)")
        }
        let names = tap.ledgers.map(\.ring).joined(separator: ", ")
        if !isQuiet { console.note("tapping \(names); Ctrl-C ends it") }
        let state = tap.run(until: stop)
        let isWritten = sink.finish()
        for ledger in tap.ledgers where !isQuiet || ledger.lost > 0 {
            console.note(
                "\(ledger.ring): \(ledger.published) published = \(ledger.read) read + \(ledger.lost) lost"
            )
        }
        if !isQuiet {
            for note in notes() { console.note(note) }
            let noun = tap.written == 1 ? "packet" : "packets"
            let place = output.map { $0 == "-" ? " to standard output" : " to \($0)" } ?? ""
            console.note("\(tap.written) \(noun) written\(place)")
        }
        var status: Int32 = 0
        if !isWritten, let problem = sink.problem {
            console.note(problem)
            status = 1
        }
        if case .broken(let what) = state {
            console.note(what)
            status = 1
        }
        return status
    }

    private func openFile(_ output: String) throws(ApplianceError) -> TapFile {
        do {
            return try TapFile(
                output,
                snapLength: snapLength ?? RecordLayout.maximumCapturedLength,
                isInteractive: isInteractive || output == "-"
            )
        } catch {
            throw .failure("\(error)")
        }
    }

    private func waitForReader(until stop: StopFlag) throws(ApplianceError) -> Bool {
        guard let output, output != "-", let code = waitForPipeReader(of: output, until: stop) else {
            return !stop.isRequested
        }
        throw .failure("cannot write \(output): \(systemText(code))")
    }
}

/// A filter that makes sense for no link type at all is refused before anything is attached or written.
func checkTapExpression(_ expression: String) throws(ApplianceError) {
    guard expression.contains(where: { !$0.isWhitespace }) else { return }
    do {
        try checkFilterExpression(expression)
    } catch {
        throw .usage(error.description)
    }
}
