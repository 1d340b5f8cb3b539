// SPDX-License-Identifier: Apache-2.0
public import BeltwayBuffers
import BeltwayWire
import Synchronization

// The packet logger: takes a ring in regions and has the disk fetch them from the ring's own memory.
//
//   ring     |..........|== region ==|~~~~ producer
//                             |  pwrite, O_DIRECT: no copy through this process
//   segment  | head | region | region |
//
// Invariant 1. A region counts only if the ring still held all of it after the write (`isWhole`); else its
//              pages are taken back from the file, and its packets counted lost.
// Invariant 2. Every packet offered is written, passed over or lost; see LoggerCounters.
// Invariant 3. Whatever fails, the logger goes on taking regions, so that no producer waits for a disk that
//              is gone.
//
// Budget: 0.06 s of processor time per GB written (`beltway-bench run`, with and without storing); per region
// a few system calls, and nothing per packet.

/// Writes one ring's packets to segment files; runs in a thread of its own.
public struct PacketLogger: ~Copyable {
    /// How segments are cut, and how often a failed disk is tried again.
    public struct Configuration: Sendable {
        /// Bytes after which a segment is closed; less where the budget is small, and at least one region.
        public var segmentLength: UInt64 = 1 << 30
        /// Bytes of space kept ahead of the file at a time.
        public var allocationStep: UInt64 = 64 << 20
        /// How long packets are passed over before a disk that failed or is full is tried again.
        public var retryIntervalInNanoseconds: UInt64 = 1_000_000_000

        /// Makes the default configuration.
        public init() {}
    }

    /// What a logger tells people; each once, when it begins.
    public enum Report: Equatable, Sendable {
        /// Nothing is stored until there is room, or until the disk works again.
        case paused(ring: String, PacketStoreError)
        /// Packets are being stored again, after so many were passed over.
        case resumed(ring: String, passedOver: UInt64)
    }

    /// What it has done; may be read from other threads.
    public let counters: LoggerCounters
    /// Where the ring's segments are.
    public let folder: String

    private var reader: RegionReader
    private let budget: StorageBudget
    private let configuration: Configuration
    private let report: @Sendable (Report) -> Void
    private var segment: OpenSegment?
    private var nextNumber = 0
    private var retryAt: UInt64 = 0
    private var isPaused = false
    private var passedOverWhenPaused: UInt64 = 0
    /// Packets not stored that a closing block has told of already.
    private var notStoredTold: UInt64 = 0
    private var isClosed = false

    /// Attaches a logger; it makes its folder and first file when the first region is whole.
    ///
    /// - Parameters:
    ///   - reader: The ring's reader, which from now on is the logger's.
    ///   - budget: Shared by all loggers of an instance; segments go to `<budget's folder>/<ring's name>`.
    ///   - configuration: How segments are cut.
    ///   - counters: Where to count.
    ///   - report: Gets what people should know, in the logger's thread.
    public init(
        reader: consuming RegionReader,
        budget: StorageBudget,
        configuration: Configuration = Configuration(),
        counters: LoggerCounters = LoggerCounters(),
        report: @escaping @Sendable (Report) -> Void = { _ in }
    ) {
        folder = budget.folder + "/" + reader.buffer.name
        self.reader = reader
        self.budget = budget
        self.configuration = configuration
        self.counters = counters
        self.report = report
        budget.addLogger()
    }

    deinit { if !isClosed { budget.removeLogger() } }

    /// Whether the producer has ended and everything was taken.
    public var isAtEnd: Bool { reader.isAtEnd }
    /// Bytes published and not yet taken.
    public var lagInBytes: Int { reader.lagInBytes }

    /// Takes the regions that are whole.
    ///
    /// - Parameter limit: Regions to take at most, so that one thread can serve several rings.
    /// - Returns: Whether there was any.
    @discardableResult
    public mutating func drain(limit: Int = 64) -> Bool {
        var taken = 0
        while taken < limit, let region = reader.next() {
            taken += 1
            store(region)
            reader.release()
        }
        counters.published.store(reader.published, ordering: .relaxed)
        counters.packetsLost.store(reader.lost, ordering: .relaxed)
        return taken > 0
    }

    /// Sleeps until there may be a region, at most `nanoseconds`.
    public func wait(nanoseconds: Int64) { reader.wait(nanoseconds: nanoseconds) }

    /// Takes what is left, and closes the open segment with its statistics.
    public mutating func close() {
        guard !isClosed else { return }
        while drain() {}
        closeSegment()
        isClosed = true
        budget.removeLogger()
    }

    // MARK: One region

    private mutating func store(_ region: Region) {
        // Loaded after the region was taken: every interface that it names is among them.
        let interfaces = reader.buffer.interfaces
        if segment?.accepts(region, interfaceCount: interfaces.count) == false { closeSegment() }
        // Statistics alone begin no segment: a capture without packets leaves no file.
        if segment == nil, region.packets == 0 { return }
        guard retryAt == 0 || FileSystem.now >= retryAt else { return passOver(region) }
        do {
            if segment == nil { try openSegment(for: region, interfaces) }
            try write(region)
            resume()
        } catch {
            fail(error, region)
        }
    }

    private mutating func write(_ region: Region) throws(PacketStoreError) {
        guard var open = segment.take() else { return }
        do throws(PacketStoreError) {
            try open.allocate(for: region, budget, step: configuration.allocationStep)
            let memory = reader.memory
            try memory.withBytes(at: region.position, offset: 0, length: region.length) {
                (bytes) throws(PacketStoreError) in try open.file.write(bytes)
            }
            guard reader.isWhole(region) else {
                reader.giveBackLapped(region)
                open.discard(budget)
                segment = consume open
                return
            }
            try open.keep(region)
            LoggerCounters.add(region.packets, to: counters.packetsWritten)
            LoggerCounters.add(UInt64(region.length), to: counters.bytesWritten)
            segment = consume open
        } catch {
            open.discard(budget)
            segment = consume open
            throw error
        }
    }

    // MARK: Segments

    private mutating func openSegment(for region: Region, _ interfaces: [String]) throws(PacketStoreError) {
        let head = SegmentLayout.head(
            interfaces: interfaces.isEmpty ? [reader.buffer.name] : interfaces,
            linkType: reader.buffer.linkType
        )
        let limit = try budget.segmentLength(atMost: configuration.segmentLength)
        try FileSystem.createFolders(folder)
        if nextNumber == 0 {
            nextNumber = try FileSystem.names(in: folder).reduce(1) { next, name in
                max(next, (SegmentName(name)?.number ?? 0) + 1)
            }
        }
        let name = SegmentName(number: nextNumber, time: region.leastTime)
        segment = try OpenSegment.create(
            folder + "/" + name.fileName,
            head: head,
            interfaceCount: interfaces.count,
            limit: limit,
            budget
        )
        nextNumber += 1
        LoggerCounters.add(1, to: counters.segments)
        LoggerCounters.add(UInt64(head.count), to: counters.bytesWritten)
        let oldest = budget.oldestTime(in: folder) ?? name.time
        counters.oldestTimeInNanoseconds.store(oldest.nanoseconds, ordering: .relaxed)
    }

    private mutating func closeSegment() {
        guard let open = segment.take() else { return }
        let notStored = reader.lost &+ counters.packetsPassedOver.load(ordering: .relaxed)
        if open.close(budget, notStored: notStored &- notStoredTold) {
            notStoredTold = notStored
            LoggerCounters.add(UInt64(SegmentLayout.closingLength), to: counters.bytesWritten)
        }
    }

    // MARK: Trouble

    private mutating func passOver(_ region: Region) {
        LoggerCounters.add(region.packets, to: counters.packetsPassedOver)
    }

    private mutating func fail(_ error: PacketStoreError, _ region: Region) {
        if !isPaused {
            isPaused = true
            passedOverWhenPaused = counters.packetsPassedOver.load(ordering: .relaxed)
            report(.paused(ring: reader.buffer.name, error))
        }
        passOver(region)
        // Closed, its space ahead is free again, and it can make room for what comes.
        closeSegment()
        counters.setError(error)
        LoggerCounters.add(1, to: counters.errors)
        retryAt = max(1, FileSystem.now &+ configuration.retryIntervalInNanoseconds)
    }

    private mutating func resume() {
        guard isPaused else { return }
        isPaused = false
        retryAt = 0
        counters.setError(nil)
        let count = counters.packetsPassedOver.load(ordering: .relaxed) &- passedOverWhenPaused
        report(.resumed(ring: reader.buffer.name, passedOver: count))
    }
}
