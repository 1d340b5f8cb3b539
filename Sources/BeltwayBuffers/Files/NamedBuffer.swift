// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What all who have a buffer open in this process share of it (paper, 3.7: `buf_data`).
final class NamedBuffer: Sendable {
    let name: String
    /// What is waited for, polled and drained: of a buffer with headers out of band, the headers' ring.
    let ring: Ring
    /// Set if its blocks have headers out of band.
    let described: DescribedRing?
    /// Where the blocks lie that index entries point to.
    var blocks: Ring { described?.bodies ?? ring }
    /// What index entries of this process call it.
    let number: UInt16
    /// Set if the buffer is another process's, opened by its name.
    let attached: AttachedRing?
    /// Who may read it in other processes; nil if nobody may, or if that is another process's to say.
    let access: AccessPolicy?
    /// Readers of this process.
    let localReaders = Atomic<Int>(0)
    /// Whether there ever was one.
    let hadLocalReaders = Atomic<Bool>(false)
    /// Where an index buffer's writer puts data that is in no buffer yet.
    let companion: NamedBuffer?

    init(
        name: String,
        ring: Ring,
        number: UInt16,
        described: DescribedRing? = nil,
        attached: AttachedRing? = nil,
        access: AccessPolicy? = nil,
        companion: NamedBuffer? = nil
    ) {
        self.name = name
        self.ring = ring
        self.number = number
        self.described = described
        self.attached = attached
        self.access = access
        self.companion = companion
    }

    private let sources = Mutex<[UInt16: NamedBuffer]>([:])

    /// Keeps a buffer that entries of this one point into as long as this one lives.
    func keep(_ source: NamedBuffer) { sources.withLock { $0[source.number] = source } }

    /// The buffer that entries of this one call `number`.
    func source(_ number: UInt16) -> NamedBuffer? {
        if let companion, companion.number == number { return companion }
        return sources.withLock { $0[number] }
    }

    /// Whether entries of this buffer may point into another one: who reads this one has to be able to follow.
    ///
    /// A buffer that is read in this process alone may point into any. A shared one, into a buffer of another process
    /// that was opened by name, which its readers can ask for too, and whose owner's policy decides; and into one of
    /// this process that lets in all who may read this one. Other data is copied.
    func mayPoint(into source: NamedBuffer) -> Bool {
        guard let access else { return true }
        return source.attached != nil || source.access?.covers(access) == true
    }

    /// What entries of this buffer name so far, for readers of other processes.
    var targets: [NamedTarget] {
        let named = [companion].compactMap { $0 } + sources.withLock { $0.values.map { $0 } }
        return named.compactMap { source in
            if let access = source.access {
                return NamedTarget(number: source.number, place: .here(source.blocks, access))
            }
            guard let attached = source.attached else { return nil }
            var entry = attached.ring.sharedEntry
            (entry.number, entry.name, entry.generation) = (source.number, source.name, attached.generation)
            return NamedTarget(number: source.number, place: .elsewhere(entry))
        }
    }

    /// Readers here and in other processes.
    var readerCount: Int { localReaders.load(ordering: .acquiring) + ring.coordination.attachedCount }

    /// Whether the process that writes it has gone without an end.
    var isOrphan: Bool { attached?.owner == .gone }
}

/// Tells a writer, cheaply, when its last reader has gone.
struct AudienceWatch {
    private var version: UInt64 = 0
    private var local = -1
    private var hadReaders = false
    private var hasReaders = true

    /// Whether there were readers and none is left.
    ///
    /// Two loads as long as nobody comes or goes.
    @inline(__always)
    mutating func hasGone(_ buffer: NamedBuffer) -> Bool {
        let version = buffer.ring.coordination.readersVersion
        let local = buffer.localReaders.load(ordering: .relaxed)
        if version != self.version || local != self.local || !hasReaders { look(buffer, version, local) }
        return hadReaders && !hasReaders
    }

    private mutating func look(_ buffer: NamedBuffer, _ version: UInt64, _ local: Int) {
        (self.version, self.local) = (version, local)
        hasReaders = buffer.readerCount > 0
        hadReaders = buffer.hadLocalReaders.load(ordering: .relaxed) || buffer.ring.coordination.hasAttached
    }
}
