// SPDX-License-Identifier: Apache-2.0
internal import BeltwayClassify
internal import BeltwayFlow
internal import BeltwayStore
internal import BeltwayWire
internal import Foundation

/// What `beltway extract` is asked: the packets behind an expression, from what is stored.
///
/// The expression is one of the query language, on flows (`flow_id == 17`, `ip == 10.0.0.1 and port == 443`): then the
/// flow store says which flows, and their packets are taken. Or it is a plain BPF string (`tcp port 443`): then each
/// stored packet is tried.
public struct ExtractRequest: Sendable {
    /// What to take.
    public var expression = ""
    /// Data directory; nil to look where runs put theirs.
    public var data: String?
    /// Only packets at or after this time.
    public var since: String?
    /// Only packets at or before this time.
    public var until: String?
    /// Capture file to write; `-` is standard output.
    public var output = "-"

    /// Asks for nothing yet.
    public init() {}

    /// Writes the packets and says on standard error how many there were.
    ///
    /// - Returns: Exit status: 1 if anything stored could not be read.
    /// - Throws: ``ApplianceError`` for a bad expression or time, or when nothing is stored.
    public func run() throws(ApplianceError) -> Int32 {
        let now = Timestamp(seconds: UInt64(max(0, Date().timeIntervalSince1970)))
        let since = try QueryRequest.time(since, "--since", now)
        let until = try QueryRequest.time(until, "--until", now)
        let directory = try DataDirectory.existing(data)
        let console = Console()
        if output == "-", isatty(1) == 1 {
            throw .usage("packets are not written to a terminal; use -w FILE, or a pipe")
        }
        guard FileManager.default.fileExists(atPath: directory + "/packets") else {
            throw .failure("no packets are stored in \(directory) (it was run with --no-packets)")
        }
        let selection = try select(directory, since, until, now, console)
        do {
            // Times of options are inclusive, the extractor's end is exclusive.
            let extractor = try PacketExtractor(
                folder: directory + "/packets",
                since: since ?? .zero,
                until: until.map { $0.advanced(byNanoseconds: 1) } ?? .distantFuture
            )
            let writer = try CaptureFileWriter(path: output)
            let outcome: PacketExtractor.Outcome
            switch selection {
            case .flows(let flows): outcome = try extractor.extract(flows, to: writer)
            case .filter(let filter):
                outcome = try extractor.extract(
                    matching: PacketTest { packet, about, linkType in
                        filter.accepts(packet, originalLength: about.originalLength, linkType: linkType)
                    },
                    to: writer
                )
            }
            try writer.finish()
            for problem in outcome.problems { console.note("\(problem)") }
            if let warning = outcome.linkTypeWarning { console.note(warning) }
            if outcome.datagramsLeftOut > 0 {
                console.note(
                    "fragments of \(outcome.datagramsLeftOut) datagrams may be missing: too many at a time"
                )
            }
            let noun = outcome.packets == 1 ? "packet" : "packets"
            console.note("\(outcome.packets) \(noun) extracted, \(humanBytes(outcome.bytes))")
            return outcome.problems.isEmpty ? 0 : 1
        } catch {
            throw .failure("\(error)")
        }
    }

    private enum Selection {
        case flows(FlowSelection)
        case filter(SharedFilter)
    }

    /// Decides which language the expression is in: what parses as an expression on flows is one; what does not, but
    /// compiles as BPF, is BPF; of what is neither, the expression's error is told.
    private func select(
        _ directory: String,
        _ since: Timestamp?,
        _ until: Timestamp?,
        _ now: Timestamp,
        _ console: Console
    ) throws(ApplianceError) -> Selection {
        guard expression.contains(where: { !$0.isWhitespace }) else {
            return .filter(SharedFilter(nil))
        }
        let parsed: QueryExpression
        do {
            parsed = try QueryExpression(parsing: expression, for: .flows, now: now)
        } catch {
            do {
                _ = try Filter(expression: expression, linkType: .ethernet)
            } catch let filterError {
                throw .usage(
                    "expression `\(excerpt(expression))`: \(error); and as BPF: \(filterError.message)"
                )
            }
            return .filter(SharedFilter(expression))
        }
        var query = FlowQuery(directory: directory)
        query.since = since
        query.until = until
        var records: [FlowRecord] = []
        do {
            let outcome = try query.flows(matching: parsed) { rows in
                records.append(contentsOf: rows.map(\.record))
                return true
            }
            for problem in outcome.problems { console.note("\(problem)") }
        } catch {
            throw .failure("\(error)")
        }
        console.note(records.count == 1 ? "1 flow matches" : "\(records.count) flows match")
        return .flows(
            FlowSelection(records, vlansSeparateFlows: DataDirectory.vlansSeparateFlows(in: directory))
        )
    }
}

/// A capture filter that a closure can hold; used by one thread.
private final class SharedFilter: @unchecked Sendable {
    private var filter: CaptureFilter
    init(_ expression: String?) { filter = CaptureFilter(expression) }
    func accepts(_ packet: RawSpan, originalLength: UInt32, linkType: LinkType) -> Bool {
        filter.accepts(packet, originalLength: originalLength, linkType: linkType)
    }
}
