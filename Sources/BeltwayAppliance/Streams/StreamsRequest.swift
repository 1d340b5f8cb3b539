// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayFlow
internal import BeltwayWire

/// What `beltway streams` is asked: the TCP streams of a capture, as digests or as files.
public struct StreamsRequest: Sendable {
    /// Capture files; `-` is standard input.
    public var captures: [String] = []
    /// Whose bytes stand where segments overlap, by name.
    public var overlap = "first"
    /// Folder for one file per direction; nil for digests.
    public var output: String?
    /// Whether digests are printed.
    public var digest = false

    /// Asks for nothing yet.
    public init() {}

    /// Reads the captures and prints or writes their streams.
    ///
    /// - Returns: Exit status: 1 if a capture is damaged or something could not be written.
    /// - Throws: ``ApplianceError`` for an unknown policy, or a folder that cannot be used.
    public func run() throws(ApplianceError) -> Int32 {
        guard !captures.isEmpty else { throw .usage("`beltway streams` reads a capture: -r FILE") }
        guard digest != (output != nil) else {
            throw .usage("`beltway streams` either prints digests (--digest) or writes files (-o DIR)")
        }
        guard let policy = OverlapPolicy(name: overlap) else {
            let names = OverlapPolicy.allCases.map(\.name).joined(separator: ", ")
            throw .usage("no overlap policy is called `\(overlap.prefix(40))`; there are: \(names)")
        }
        var configuration = StreamConfiguration()
        configuration.overlap = policy
        configuration.flows = 1 << 22
        let console = Console()
        if let output {
            return read(StreamsStage(configuration, output: try StreamFiles(folder: output)), console)
        }
        return read(StreamsStage(configuration, output: StreamDigests(console)), console)
    }

    private func read<Output: StreamOutput & ~Copyable>(
        _ stage: consuming StreamsStage<Output>,
        _ console: Console
    ) -> Int32 {
        var number: UInt16 = 0
        var producer = FileProducer(
            paths: captures,
            filter: AcceptEverything(),
            stage: stage
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
        if let trouble = producer.stage.streams.consumer.trouble {
            console.note(trouble)
            status = 1
        }
        let counts = producer.stage.streams.reassembler.statistics
        if counts.gaps > 0 {
            console.note("\(counts.gaps) gaps, \(counts.gapBytes) bytes that were never seen")
        }
        return status
    }
}
