// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Synchronization

// How much of a disk an instance's packets may take, shared by all its loggers.
//
//   size of the file system
//   |<- others ->|<------- used (<= quota) ------->|<---- free (>= floor) ---->|
//                 oldest closed segment ... open ones
//
// Invariant. Before space is taken, used + wanted <= quota and free - wanted >= floor; otherwise the segments
//            finished longest ago go first, whichever ring they are of, and if even all of them would not be
//            enough, none goes and the space is refused. So it is the oldest packets that are lost, and the
//            disk never fills.

/// The share of a file system that stored packets may take: a quota, and free space that is never touched.
public final class StorageBudget: Sendable {
    /// The folder whose folders hold the segments, `packets` of a data directory.
    public let folder: String
    private let wantedQuota: UInt64?
    private let wantedFloor: UInt64?
    private let state: Mutex<State>

    /// 5 GiB, which the default floor does not exceed.
    public static let greatestDefaultFloor: UInt64 = 5 << 30

    /// How the budget stands.
    public struct Status: Equatable, Sendable {
        /// Bytes that segments take on the disk, space kept ahead of open ones included.
        public var used: UInt64 = 0
        /// Most bytes they may take.
        public var quota: UInt64 = 0
        /// Bytes of the file system that stay free.
        public var floor: UInt64 = 0
        /// Finished segments.
        public var segments = 0
        /// Segments deleted to make room since the start.
        public var deleted: UInt64 = 0
    }

    private struct Finished {
        var path: String
        var bytes: UInt64
    }

    private struct State {
        var isPrepared = false
        var status = Status()
        /// Finished longest ago first; `first` is the index of the oldest that is still there.
        var finished: [Finished] = []
        var first = 0
        var loggers = 0
        var remaining: ArraySlice<Finished> { finished[first...] }
    }

    /// Makes a budget; nothing is looked at until ``prepare()`` or the first segment.
    ///
    /// - Parameters:
    ///   - folder: `packets` of the data directory.
    ///   - quota: Bytes that segments may take in all; by default half of the free space found at the start,
    ///     what segments take already counted as free.
    ///   - floor: Bytes that stay free; by default 5 % of the file system, and never more than 5 GiB.
    public init(folder: String, quota: UInt64? = nil, floor: UInt64? = nil) {
        self.folder = folder
        wantedQuota = quota
        wantedFloor = floor
        state = Mutex(State())
    }

    /// Makes the folder, takes stock of its segments, and settles quota and floor.
    ///
    /// - Throws: ``PacketStoreError`` if the folder cannot be made or listed; it may be called again.
    public func prepare() throws(PacketStoreError) {
        try state.withLock { (state) throws(PacketStoreError) in try prepare(&state) }
    }

    /// How the budget stands now.
    public var status: Status {
        state.withLock { state in
            var status = state.status
            status.segments = state.remaining.count
            return status
        }
    }

    private func prepare(_ state: inout State) throws(PacketStoreError) {
        guard !state.isPrepared else { return }
        try FileSystem.createFolders(folder)
        let space = try FileSystem.space(at: folder)
        var found: [(modified: FileSystem.FileStatus.Timespec, finished: Finished)] = []
        for ring in try FileSystem.names(in: folder) {
            let ringFolder = "\(folder)/\(ring)"
            guard FileSystem.status(ringFolder)?.isFolder == true else { continue }
            for name in try FileSystem.names(in: ringFolder) {
                let path = "\(ringFolder)/\(name)"
                if name.hasSuffix(SegmentName.suffix + SegmentName.partialSuffix) {
                    _ = FileSystem.remove(path)  // left by a crash before its first region was whole
                }
                guard SegmentName(name) != nil, var status = FileSystem.status(path) else { continue }
                if status.allocated > status.length + (1 << 20) {
                    FileSystem.cut(path, to: status.length)  // space that a crash left beyond the end
                    status.allocated = FileSystem.status(path)?.allocated ?? status.allocated
                }
                found.append((status.modified, Finished(path: path, bytes: status.allocated)))
            }
        }
        found.sort { ($0.modified, $0.finished.path) < ($1.modified, $1.finished.path) }
        state.finished = found.map(\.finished)
        let used = state.finished.reduce(UInt64(0)) { $0 &+ $1.bytes }
        state.status.used = used
        state.status.floor = wantedFloor ?? min(space.size / 20, StorageBudget.greatestDefaultFloor)
        state.status.quota = wantedQuota ?? (space.free &+ used) / 2
        state.isPrepared = true
    }

    // MARK: For loggers

    func addLogger() { state.withLock { $0.loggers += 1 } }
    func removeLogger() { state.withLock { $0.loggers -= 1 } }

    /// Bytes a segment may reach, so that each logger's open one is a small part of the room there is.
    func segmentLength(atMost wanted: UInt64) throws(PacketStoreError) -> UInt64 {
        try state.withLock { (state) throws(PacketStoreError) in
            try prepare(&state)
            let free = try FileSystem.space(at: folder).free
            let status = state.status
            let underFloor = status.used &+ (free > status.floor ? free - status.floor : 0)
            let room = min(status.quota, underFloor)
            return min(wanted, room / UInt64(max(8, 2 * state.loggers)))
        }
    }

    /// Takes space, deleting the oldest segments if that makes enough of it.
    ///
    /// - Throws: `noRoom`, with nothing taken and nothing deleted, or why the disk could not be asked.
    func take(_ bytes: UInt64) throws(PacketStoreError) {
        try state.withLock { (state) throws(PacketStoreError) in
            try prepare(&state)
            let free = try FileSystem.space(at: folder).free
            let status = state.status
            let wanted = status.used &+ bytes
            let overQuota = wanted > status.quota ? wanted - status.quota : 0
            let needed = status.floor &+ bytes
            let underFloor = needed > free ? needed - free : 0
            let excess = max(overQuota, underFloor)
            if excess > 0 {
                let deletable = state.remaining.reduce(UInt64(0)) { $0 &+ $1.bytes }
                guard deletable >= excess, delete(excess, &state) else {
                    throw .noRoom(
                        path: folder,
                        needed: bytes,
                        used: state.status.used,
                        quota: status.quota,
                        free: free,
                        floor: status.floor
                    )
                }
            }
            state.status.used &+= bytes
        }
    }

    private func delete(_ excess: UInt64, _ state: inout State) -> Bool {
        var freed: UInt64 = 0
        while freed < excess, let oldest = state.remaining.first {
            state.first += 1
            // One that cannot be removed still takes its space: it stays in `used` and is not tried again.
            guard FileSystem.remove(oldest.path) else { continue }
            freed &+= oldest.bytes
            state.status.used &-= min(state.status.used, oldest.bytes)
            state.status.deleted &+= 1
        }
        if state.first > 64, state.first * 2 > state.finished.count {
            state.finished.removeFirst(state.first)
            state.first = 0
        }
        return freed >= excess
    }

    /// Gives back space that was taken and not used.
    func giveBack(_ bytes: UInt64) {
        state.withLock { $0.status.used &-= min($0.status.used, bytes) }
    }

    /// Hands a finished segment over: from now on it may be deleted.
    func finish(path: String, bytes: UInt64) {
        state.withLock { $0.finished.append(Finished(path: path, bytes: bytes)) }
    }

    /// The time in the name of a folder's first segment that is left; nil without one.
    func oldestTime(in ringFolder: String) -> Timestamp? {
        state.withLock { state in
            let prefix = ringFolder + "/"
            for finished in state.remaining where finished.path.hasPrefix(prefix) {
                return SegmentName(String(finished.path.dropFirst(prefix.count)))?.time
            }
            return nil
        }
    }
}
