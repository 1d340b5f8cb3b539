// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayClassify
internal import BeltwayFlow
internal import BeltwayStore
internal import BeltwayTrace
internal import BeltwayWire
internal import Foundation
internal import Synchronization

/// What `beltway trace` is asked: what happens on the flows that an expression selects.
public struct TraceRequest: Sendable {
    /// Capture files, `-` is standard input; none: a running instance.
    public var captures: [String] = []
    /// Data directory of the running instance; nil to look for one.
    public var data: String?
    /// One ring (`eth0.1`) or all of an interface (`eth0`); nil for all.
    public var ring: String?
    /// Which flows.
    public var expression = ""
    /// Whether packets get lines too.
    public var showsPackets = false
    /// Whether JSON is printed, one object a line.
    public var asJSON = false

    /// Asks for nothing yet.
    public init() {}

    private static var flowLimit: Int { 65_536 }

    /// Follows flows until the captures end, the instance does, or somebody stops it.
    ///
    /// - Returns: Exit status: 1 if a capture is damaged or the instance died.
    /// - Throws: ``ApplianceError`` for a wrong expression, or if there is nothing to attach to.
    public func run() throws(ApplianceError) -> Int32 {
        if asJSON, showsPackets { throw .usage("--packets prints lines: it does not go with --format json") }
        if !captures.isEmpty, data != nil || ring != nil {
            throw .usage("--data and --ring name a running instance, -r a capture: give one of them")
        }
        let parsed: QueryExpression
        let now = Timestamp(seconds: UInt64(max(0, Date().timeIntervalSince1970)))
        do {
            parsed = try QueryExpression(parsingTrace: expression, now: now)
        } catch {
            throw .usage("`\(excerpt(expression))`: \(error)")
        }
        return captures.isEmpty ? try attach(parsed) : try read(parsed)
    }

    private func follower(
        _ expression: QueryExpression,
        _ console: Console,
        _ reader: Readership
    ) -> FlowFollower {
        var form = TraceForm()
        form.showsPackets = showsPackets
        form.isJSON = asJSON
        // An instance names flows by packets that came before we did.
        form.showsFlowIDs = !captures.isEmpty
        return FlowFollower(
            flow: FlowConfiguration(),
            expression: expression,
            form: form,
            flowLimit: TraceRequest.flowLimit
        ) {
            if !console.print($0.bytes) { reader.isGone.store(true, ordering: .relaxed) }
        }
    }

    private func read(_ expression: QueryExpression) throws(ApplianceError) -> Int32 {
        let console = Console()
        var number: UInt16 = 0
        var producer = FileProducer(
            paths: captures,
            filter: AcceptEverything(),
            stage: TraceStage(follower(expression, console, Readership()))
        ) { (name, linkType) throws(BufferError) in
            // A hostile file may name any number of link types; 60 are in use.
            guard number < 256 else { throw .tooManyBuffers(256) }
            defer { number += 1 }
            return try DataBuffer(
                name: name,
                number: number,
                linkType: linkType,
                capacity: 16 << 20,
                policy: .blocking
            )
        }
        var status: Int32 = 0
        for report in producer.run() {
            switch report.ending {
            case .whole, .stopped: break
            case .cut, .failed:
                console.note(report.description)
                status = 1
            }
        }
        for line in producer.stage.follower.summary { console.note(line) }
        return status
    }

    private func attach(_ expression: QueryExpression) throws(ApplianceError) -> Int32 {
        let console = Console()
        let stop = StopFlag()
        let signals = StopSignals(stop)
        defer { withExtendedLifetime(signals) {} }
        let rings = try RunningInstance.find(data)
        let attachments = try rings.attach(ring, as: "trace")
        let source: LocalTapSource
        do {
            source = try LocalTapSource(attachments, coalescing: Coalescing(delayNanoseconds: 1_000_000))
        } catch {
            throw .failure("cannot attach: \(error)")
        }
        let reader = Readership()
        var trace = RunningTrace(source, follower(expression, console, reader))
        console.note("following \(trace.ledgers.map(\.ring).joined(separator: ", ")); Ctrl-C ends it")
        let state = trace.run { stop.isRequested || reader.isGone.load(ordering: .relaxed) }
        for ledger in trace.ledgers {
            console.note(
                "\(ledger.ring): \(ledger.published) published = \(ledger.read) read + \(ledger.lost) lost"
            )
        }
        for line in trace.summary { console.note(line) }
        guard case .broken(let what) = state else { return 0 }
        console.note(what)
        return 1
    }
}

/// Whether anybody still reads standard output.
private final class Readership: Sendable {
    let isGone = Atomic<Bool>(false)
}

extension FlowFollower {
    /// What was followed, and what was not, for people.
    var summary: [String] {
        let counts = (tracer.flowsFollowed, tracer.packets, tracer.flowsRefused)
        var lines = [
            "\(counts.0) \(counts.0 == 1 ? "flow" : "flows") followed, "
                + "\(counts.1) \(counts.1 == 1 ? "packet" : "packets")"
        ]
        if counts.2 > 0 {
            lines.append("\(counts.2) more flows matched while as many as can be were followed")
        }
        return lines
    }
}
