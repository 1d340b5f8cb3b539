// SPDX-License-Identifier: Apache-2.0
// The way of files to disk: workers hand over pieces, one thread writes them (FileVault in BeltwayStore).
//
//     worker 0: begin, reserve, put > reserve, put > end --+--> pieces --take--> writer --> done
//     worker 1: begin, reserve, put > (lost: dropped) -----+      `- pendingBytes <= limits.pending
//
// Nobody locks it per packet: a piece is 64 KiB, or the rest of a file.
//
// Invariant 1. `keptBytes` is what is on disk, on its way there, or reserved for it, and `keptFiles` how many files that
//              is; neither exceeds its limit, whatever the disk held before. What ends without being kept is given back.
// Invariant 2. Every file that was begun ends with one piece `end` or `dropped`.
internal import Glibc
internal import Synchronization

/// Carries the bytes of files from workers to the thread that writes them.
public final class FileQueue: Sendable, Equatable {
    /// What the writing thread gets.
    public enum Piece: Sendable {
        /// The next bytes of a file.
        case bytes(UInt64, [UInt8])
        /// Its last bytes, if any: it is to be kept.
        case end(UInt64, [UInt8])
        /// It is not to be kept.
        case dropped(UInt64)

        /// Bytes that it carries.
        public var count: Int {
            switch self {
            case .bytes(_, let bytes), .end(_, let bytes): bytes.count
            case .dropped: 0
            }
        }
    }

    /// Files that may be on their way at a time.
    static var mostOpen: Int { 4096 }
    /// How long no file is begun after the disk refused one.
    private static var pause: Duration { .seconds(1) }

    private struct State {
        var pieces: [Piece] = []
        var pendingBytes = 0
        /// Of these, the ones that the writing thread has or may take: it will be done with them.
        var writableBytes = 0
        var keptBytes: UInt64 = 0
        var keptFiles = 0
        var open = 0
        var next: UInt64 = 1
        var isClosed = false
        /// Until when nothing is begun, since the disk refused something.
        var pausedUntil: ContinuousClock.Instant?
        var counters = FileStoreCounters()
    }

    /// How much it lets through.
    public let limits: FileExtraction
    /// Whether workers wait for the disk; else what does not fit is not stored.
    private let waits: Bool
    private let state = Mutex(State())

    /// Makes an empty queue.
    ///
    /// - Parameters:
    ///   - limits: How much it lets through.
    ///   - waits: Whether workers wait for the disk: over files, where nothing else is late for it.
    public init(_ limits: FileExtraction, waits: Bool) {
        self.limits = limits
        self.waits = waits
    }

    /// Whether both are the same queue.
    public static func == (a: FileQueue, b: FileQueue) -> Bool { a === b }

    /// What became of the files.
    public var counters: FileStoreCounters { state.withLock { $0.counters } }

    /// Files and bytes that are on disk or on their way there, those of earlier runs included.
    public var kept: (files: Int, bytes: UInt64) { state.withLock { ($0.keptFiles, $0.keptBytes) } }

    // MARK: Workers

    /// Begins a file.
    ///
    /// - Returns: Its number, or nil if there is no room for it, which is counted.
    func begin() -> UInt64? {
        state.withLock { state in
            if let until = state.pausedUntil {
                guard ContinuousClock.now >= until else {
                    state.counters.failed &+= 1
                    return nil
                }
                state.pausedUntil = nil
            }
            guard !state.isClosed, state.keptFiles < limits.count, state.open < FileQueue.mostOpen else {
                state.counters.overQuota &+= 1
                return nil
            }
            state.keptFiles += 1
            state.open += 1
            defer { state.next &+= 1 }
            return state.next
        }
    }

    /// Makes room for bytes of a file; waits for it if that is its way.
    ///
    /// - Returns: False if there is none, which is counted: the file is to be dropped.
    func reserve(_ count: Int) -> Bool {
        while true {
            let answer: Bool? = state.withLock { state in
                guard !state.isClosed, state.keptBytes &+ UInt64(count) <= limits.total else {
                    state.counters.overQuota &+= 1
                    return false
                }
                // What alone is more than may wait is let through when nothing waits. And a worker does not wait for bytes
                // that nobody writes before a worker goes on: its own, of files that have ended and are not committed.
                guard
                    state.pendingBytes == 0 || state.pendingBytes + count <= limits.pending
                        || waits && state.writableBytes == 0
                else {
                    if waits { return nil }
                    state.counters.overPending &+= 1
                    return false
                }
                state.keptBytes &+= UInt64(count)
                state.pendingBytes += count
                return true
            }
            if let answer { return answer }
            usleep(500)
        }
    }

    /// Hands over a piece for whose bytes there is room.
    ///
    /// - Parameter piece: The piece.
    public func put(_ piece: Piece) {
        state.withLock { state in
            state.pieces.append(piece)
            state.writableBytes += piece.count
        }
    }

    /// Gives back room that was reserved and not used.
    func giveBack(_ count: Int) {
        state.withLock { state in
            state.pendingBytes -= count
            state.keptBytes &-= UInt64(count)
        }
    }

    /// Counts a file that is larger than one may be.
    func noteTooLarge() { state.withLock { $0.counters.overQuota &+= 1 } }

    /// Counts a file that was not whole, or that no event tells of.
    func noteIncomplete() { state.withLock { $0.counters.incomplete &+= 1 } }

    // MARK: The writing thread

    /// What became of a file whose last piece was taken.
    public enum Outcome: Sendable {
        /// It is on disk under its name.
        case stored
        /// It was there already.
        case duplicate
        /// It was dropped.
        case dropped
        /// The disk did not take it.
        case failed
    }

    /// Says what is on disk already; call it before anything is begun.
    ///
    /// - Parameters:
    ///   - files: How many files.
    ///   - bytes: Their bytes.
    public func found(files: Int, bytes: UInt64) {
        state.withLock { state in
            state.keptFiles &+= files
            state.keptBytes &+= bytes
        }
    }

    /// Takes what waits; its bytes count as waiting until ``done(_:)``.
    ///
    /// - Returns: Pieces in their order; nil at the end.
    public func take() -> [Piece]? {
        state.withLock { state in
            if state.pieces.isEmpty { return state.isClosed ? nil : [] }
            var pieces: [Piece] = []
            swap(&pieces, &state.pieces)
            return pieces
        }
    }

    /// Says that so many bytes no longer wait.
    public func done(_ count: Int) {
        state.withLock { state in
            state.pendingBytes -= count
            state.writableBytes -= count
        }
    }

    /// Says what became of a file.
    ///
    /// - Parameters:
    ///   - outcome: What.
    ///   - bytes: Bytes of it that were handed over.
    public func ended(_ outcome: Outcome, bytes: UInt64) {
        state.withLock { state in
            state.open -= 1
            switch outcome {
            case .stored:
                state.counters.stored &+= 1
                state.counters.bytes &+= bytes
                return
            case .duplicate: state.counters.duplicates &+= 1
            case .failed:
                state.counters.failed &+= 1
                state.pausedUntil = ContinuousClock.now.advanced(by: FileQueue.pause)
            case .dropped: break
            }
            state.keptFiles -= 1
            state.keptBytes &-= bytes
        }
    }

    /// Says that nothing more will be begun; what waits is still taken.
    public func close() { state.withLock { $0.isClosed = true } }
}
