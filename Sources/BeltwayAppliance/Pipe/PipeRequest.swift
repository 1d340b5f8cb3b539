// SPDX-License-Identifier: Apache-2.0

internal import BeltwayBuffers
internal import BeltwayCapture
internal import Glibc

// Multiway named pipes in a shell (paper, 3.6: "a multicast pipe").
//
//     producer | beltway pipe write NAME        standard input --read(2)--> ring in shared memory
//                                                                            |         |
//     beltway pipe read NAME | consumer         standard output <--write(2)--'         `--> another reader
//
// A pipe lives as long as its writer, at run/pipes/NAME of the data directory. As with a FIFO either side may come
// first; each reader gets every byte from when it came.

/// What `beltway pipe` is asked.
public struct PipeRequest: Sendable {
    /// The pipe's name.
    public var name: String
    /// Data directory; nil for the one that `beltway` would look in, else `beltway-data`.
    public var data: String?
    /// Bytes of the ring.
    public var size = 262_144
    /// `blocking`, `slow`, `medium` or `fast`.
    public var policy = "blocking"
    /// Readers that the writer waits for before it begins.
    public var readers = 1
    /// Whether the ring grows and shrinks with use.
    public var resizes = false
    /// Who may read, bits as a file's, in octal.
    public var mode = "600"
    /// Seconds that a stopped reader may hold up the writer.
    public var patience = 5
    /// Whether the writer goes on when all readers have gone.
    public var keepsOn = false

    /// Asks for a pipe with the usual values.
    public init(name: String) { self.name = name }

    // MARK: write

    /// Writes standard input to the pipe, and stays until readers have taken everything.
    ///
    /// - Returns: Exit status: 0 if every byte was taken by every reader that stayed.
    /// - Throws: ``ApplianceError``, one line that says what is wrong; also if it was stopped before that.
    public func write() throws(ApplianceError) -> Int32 {
        let policies: [String: BufferFlags] = [
            "blocking": .blocking, "slow": .slowReader, "medium": .mediumReader, "fast": .fastReader,
        ]
        guard let policy = policies[policy] else {
            throw .usage("--policy takes blocking, slow, medium or fast, not `\(self.policy.prefix(40))`")
        }
        guard let mode = UInt16(mode, radix: 8), mode <= 0o777 else {
            throw .usage("--mode takes bits as chmod does, such as 640, not `\(self.mode.prefix(40))`")
        }
        guard (0...256).contains(readers) else { throw .usage("--readers takes 0 to 256") }
        guard (4_096...1 << 30).contains(size) else { throw .usage("--size takes 4KiB to 1GiB") }
        guard (0...86_400).contains(patience) else { throw .usage("--patience takes 0 to 86400 seconds") }
        let stop = StopFlag()
        let signals = StopSignals(stop)
        defer { withExtendedLifetime(signals) {} }
        let folder = try folder()
        var limits = SharingLimits()
        limits.patienceMilliseconds = patience * 1_000
        let files = BufferFiles(
            BufferDirectory(
                folder: folder,
                limits: limits,
                interruption: Interruption { stop.isRequested }
            )
        )
        var flags: BufferFlags = [.writing, .shared, .stream, policy]
        if resizes { flags.insert(.resizesWithin) }
        if !keepsOn { flags.insert(.endsWithReaders) }
        do throws(BufferFileError) {
            let pipe = try files.open(name, flags, mode: mode, size: size)
            var patience = WaitingNote("\(readers) readers of pipe \(name)", in: folder)
            while try files.readerCount(pipe) < readers {
                if stop.isRequested { throw .interrupted }
                usleep(2_000)
                patience.tellOnce()
            }
            let dropped = try copyInput(to: pipe, files, stop)
            _ = try files.drain(pipe)
            if readers > 0, !keepsOn, try files.readerCount(pipe) == 0 { throw .brokenPipe }
            try files.close(pipe)
            if dropped > 0 {
                Console().note("\(dropped) bytes found no room and were dropped (policy \(self.policy))")
            }
            return 0
        } catch { return try Self.status(error, name) }
    }

    /// Moves standard input into the ring; returns the bytes that found no room.
    private func copyInput(
        to pipe: Int32,
        _ files: BufferFiles,
        _ stop: StopFlag
    ) throws(BufferFileError) -> UInt64 {
        var dropped: UInt64 = 0
        while true {
            guard waitForDescriptor(STDIN_FILENO, POLLIN, until: stop) else { throw .interrupted }
            do throws(BufferFileError) {
                if try files.splice(fromFile: STDIN_FILENO, to: pipe, atMost: size).isAtEnd { return dropped }
            } catch {
                guard error == .wouldBlock else { throw error }
                // Where the policy does not wait, what finds no room is taken all the same, and given up.
                let count = skipInput()
                if count == 0 { return dropped }
                dropped += UInt64(max(0, count))
            }
        }
    }

    // MARK: read

    /// Writes what comes through the pipe to standard output, until the writer ends.
    ///
    /// - Returns: Exit status: 0 at the writer's end, or when nobody takes the output any more.
    /// - Throws: ``ApplianceError``: the writer died, the pipe may not be read, or it was stopped before the end.
    public func read() throws(ApplianceError) -> Int32 {
        let stop = StopFlag()
        let signals = StopSignals(stop)
        defer { withExtendedLifetime(signals) {} }
        let folder = try folder()
        let directory = BufferDirectory(
            folder: folder,
            interruption: Interruption { stop.isRequested }
        )
        let files = BufferFiles(directory)
        var lost: UInt64 = 0
        do throws(BufferFileError) {
            let pipe = try openWaiting(files, folder, stop)
            let policy = try files.ring(pipe).policy
            while true {
                guard waitForDescriptor(STDOUT_FILENO, POLLOUT, until: stop) else { throw .interrupted }
                do throws(BufferFileError) {
                    let isAtEnd =
                        policy == .fastReader
                        ? try copyOutput(from: pipe, files)
                        : try files.splice(from: pipe, toFile: STDOUT_FILENO, atMost: 1 << 20).isAtEnd
                    if isAtEnd { break }
                } catch {
                    // Told once; whoever chose a policy that loses goes on behind the gap.
                    guard case .leftWindow(let count, _, _) = error, policy != .blocking else { throw error }
                    lost += count
                }
            }
            try files.close(pipe)
            if lost > 0 { Console().note("\(lost) bytes were overwritten before they were read") }
            return 0
        } catch {
            if error == .brokenPipe { return 0 }
            return try Self.status(error, name)
        }
    }

    /// Opens the pipe as soon as it has a writer; says where it looks for one, which without `--data` may not be where the
    /// writer is.
    private func openWaiting(
        _ files: BufferFiles,
        _ folder: String,
        _ stop: StopFlag
    ) throws(BufferFileError) -> Int32 {
        var patience = WaitingNote("a writer of pipe \(name)", in: folder)
        while true {
            do throws(BufferFileError) { return try files.open(name, .reading) } catch {
                guard case .notFound = error else { throw error }
            }
            if stop.isRequested { throw .interrupted }
            usleep(10_000)
            patience.tellOnce()
        }
    }

    /// Copies, checks, then writes: what the ring may overwrite at any time never reaches the output torn.
    private func copyOutput(from pipe: Int32, _ files: BufferFiles) throws(BufferFileError) -> Bool {
        let bytes = try files.read(pipe, count: 65_536)
        if bytes.isEmpty { return true }
        let number = writeAll(bytes, to: STDOUT_FILENO)
        if number == EPIPE { throw .brokenPipe }
        if number != 0 { throw .system(call: "write", errno: number) }
        return false
    }

    // MARK: Both

    private func folder() throws(ApplianceError) -> String {
        let base = data ?? (try? DataDirectory.existing(nil)) ?? "beltway-data"
        let folder = base + "/run/pipes"
        if let problem = makeFolders(folder) { throw .failure("cannot make \(folder): \(problem)") }
        return folder
    }

    private static func status(_ error: BufferFileError, _ name: String) throws(ApplianceError) -> Int32 {
        switch error {
        case .interrupted: throw .failure("pipe \(name): stopped before its end")
        case .sharing(.invalidName): throw .usage("pipe: \(error)")
        case .hasWriter: throw .failure("pipe \(name) has a writer already")
        case .brokenPipe: throw .failure("pipe \(name): all readers have gone")
        case .writerGone: throw .failure("pipe \(name): the writer died; what it wrote until then was read")
        case .leftWindow(let lost, _, _):
            throw .failure("pipe \(name): \(lost) bytes lost: this reader stood still for too long")
        default: throw .failure("pipe \(name): \(error)")
        }
    }
}

/// Says, once, what is waited for and where, if it takes longer than a second.
private struct WaitingNote {
    private let text: String
    private let due = ContinuousClock.now + .seconds(1)
    private var isTold = false

    init(_ whom: String, in folder: String) { text = "waiting for \(whom) in \(folder)" }

    mutating func tellOnce() {
        guard !isTold, ContinuousClock.now >= due else { return }
        isTold = true
        Console().note(text)
    }
}
