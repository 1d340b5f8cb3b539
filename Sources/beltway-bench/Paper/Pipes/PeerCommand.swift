// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayBuffers

/// The second process of a measurement; started by this program alone (``PeerProcess``).
struct PeerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peer",
        abstract: "The second process of a measurement.",
        shouldDisplay: false
    )

    enum Kind: String, ExpressibleByArgument {
        /// Reads a pipe or socket.
        case kernel
        /// Reads a c-DBuf.
        case stream
        /// Readers of a d-DBuf that keep up, each packet within a millisecond or in batches.
        case readers, batches
        /// Readers of a d-DBuf that sleep.
        case asleep
    }

    @Argument var kind: Kind
    @Option(help: "Bytes per call.")
    var call = 4096
    @Option(help: "Readers.")
    var readers = 1
    @Option(help: "Folder of the ring's socket.")
    var folder = ""

    func run() throws {
        switch kind {
        case .kernel:
            var pipe = KernelPipe(descriptor: 3)
            drain(&pipe, report: 4)
        case .stream:
            var stream = try StreamReader(Ring(inheriting: [3, 4, 5, 6], name: "bench.pipe"))
            drain(&stream, report: 7)
        case .readers, .batches, .asleep:
            let manner: AttachedReaders.Manner = kind == .readers ? .keepingUp : .inBatches
            try AttachedReaders.run(
                readers,
                kind == .asleep ? .asleep : manner,
                ring: "bench.0",
                folder: folder,
                report: 3
            )
        }
    }

    /// Reads to the end, and reports.
    private func drain<Reader: PipeReader & ~Copyable>(_ reader: inout Reader, report: Int32) {
        let memory = CallMemory(call)
        let before = PeerReport.use()
        PeerProcess.say([1], on: report)
        let (bytes, checksum) = Self.read(&reader, memory)
        var result = PeerReport(end: UInt64(wallSeconds() * 1e9))
        let after = PeerReport.use()
        (result.bytes, result.checksum, result.lost) = (bytes, checksum, reader.lost)
        result.switches = after.switches - before.switches
        result.faults = after.faults - before.faults
        PeerProcess.say(result.words, on: report)
    }

    @inline(never)
    private static func read<Reader: PipeReader & ~Copyable>(
        _ reader: inout Reader,
        _ memory: CallMemory
    ) -> (bytes: UInt64, checksum: UInt64) {
        var (bytes, checksum) = (UInt64(0), UInt64(0))
        while true {
            let length = reader.read(into: memory)
            if length == 0 { return (bytes, checksum) }
            bytes &+= UInt64(length)
            checksum &+= memory.first
        }
    }
}
