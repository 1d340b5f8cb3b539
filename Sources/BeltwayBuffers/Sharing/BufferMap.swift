// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// What an index entry points into, mapped in this process.
public enum EntryTarget: Sendable {
    /// A ring of packets.
    case packets(DataBuffer)
    /// A ring of another kind; of one with headers out of band the blocks' ring.
    case ring(Ring)
}

/// Turns the buffer numbers of index entries into mapped buffers (paper, 3.5).
///
/// A buffer that is not mapped yet is asked for over the connection, once; the owner may refuse, or name another owner,
/// who is asked then. Not for the path of a packet: that keeps a ``BufferCache``.
public final class BufferMap: Sendable {
    private struct State {
        var targets: [UInt16: EntryTarget] = [:]
        /// Buffers of other owners, who are asked for them.
        var elsewhere: [UInt16: SharedBufferEntry] = [:]
    }

    private let connection: SharingConnection
    private let state: Mutex<State>
    private let folder: SocketFolder
    private let reader: String

    init(
        _ connection: SharingConnection,
        first: DataBuffer? = nil,
        in folder: SocketFolder,
        as reader: String
    ) {
        self.connection = connection
        state = Mutex(State(targets: first.map { [$0.number: .packets($0)] } ?? [:]))
        self.folder = folder
        self.reader = reader
    }

    /// The ring of packets that entries call `number`.
    ///
    /// - Throws: ``SharingError/refused(_:_:)`` if there is none, or its policy does not let this process in.
    public func buffer(_ number: UInt16) throws(SharingError) -> DataBuffer {
        guard case .packets(let buffer) = try target(number) else {
            throw .refused(.unknownBuffer, "buffer \(number) is no ring of packets")
        }
        return buffer
    }

    /// What entries call `number`, of whatever kind.
    ///
    /// - Throws: ``SharingError/refused(_:_:)`` if there is none, or its policy does not let this process in.
    public func target(_ number: UInt16) throws(SharingError) -> EntryTarget {
        if let known = state.withLock({ $0.targets[number] }) { return known }
        if let entry = state.withLock({ $0.elsewhere[number] }) { return try follow(entry) }
        let received = try connection.buffer(number).buffers[0]
        if received.entry.areas.isEmpty {
            state.withLock { remember(received.entry, &$0) }
            return try follow(received.entry)
        }
        return add(try mapped(received), number)
    }

    /// The ring of packets, if it is mapped already.
    public func known(_ number: UInt16) -> DataBuffer? {
        guard case .packets(let buffer) = state.withLock({ $0.targets[number] }) else { return nil }
        return buffer
    }

    /// Maps what came with the attachment; what cannot be mapped now is asked for again when an entry names it.
    func preload(_ received: ReceivedBuffer) {
        let entry = received.entry
        if entry.areas.isEmpty {
            state.withLock { remember(entry, &$0) }
            _ = try? target(entry.number)
        } else if let target = try? mapped(received) {
            _ = add(target, entry.number)
        }
    }

    private func remember(_ entry: SharedBufferEntry, _ state: inout State) {
        if state.elsewhere[entry.number] == nil { state.elsewhere[entry.number] = entry }
    }

    private func mapped(_ received: ReceivedBuffer) throws(SharingError) -> EntryTarget {
        if received.entry.kind == DataBuffer.sharedKind { return .packets(try AttachedBuffer.map(received)) }
        return .ring(try AttachedRing.map(received, connection, number: received.entry.number))
    }

    /// Asks another owner for its buffer's memory, without becoming its reader.
    ///
    /// - Throws: ``SharingError``, also if it is not the run of its owner that the entries speak of.
    private func follow(_ entry: SharedBufferEntry) throws(SharingError) -> EntryTarget {
        let owner = try SharingConnection(folder, entry.name)
        let hello = SharingRequest.Hello(name: reader, follows: true)
        let (attachment, buffers) = try owner.hello(hello)
        let found = buffers[0]
        guard attachment.generation == entry.generation, found.entry.kind == entry.kind else {
            throw .refused(.unknownBuffer, "ring \(entry.name) has been started anew since it was indexed")
        }
        guard entry.kind == DataBuffer.sharedKind else {
            // The connection stays as long as the ring: it may grow new areas.
            let ring = try AttachedRing.map(found, owner, number: SharingRequest.ownRing)
            return add(.ring(ring), entry.number)
        }
        guard found.entry.number == entry.number else {
            throw .protocolViolation("buffer \(found.entry.number) instead of \(entry.number)")
        }
        return add(.packets(try AttachedBuffer.map(found)), entry.number)
    }

    /// Adds a buffer unless another thread was faster; returns the one that stays.
    private func add(_ target: EntryTarget, _ number: UInt16) -> EntryTarget {
        state.withLock { state in
            if let known = state.targets[number] { return known }
            state.targets[number] = target
            return target
        }
    }
}

/// One thread's own view of a ``BufferMap``: no lock for a buffer that it has seen before.
public struct BufferCache: ~Copyable {
    private let map: BufferMap
    private var buffers: [DataBuffer?] = []

    /// Makes an empty cache.
    public init(_ map: BufferMap) { self.map = map }

    /// The buffer that entries call `number`, mapped on first use.
    ///
    /// - Throws: ``SharingError`` if the owner does not hand it over.
    public mutating func buffer(_ number: UInt16) throws(SharingError) -> DataBuffer {
        let index = Int(number)
        if index < buffers.count, let known = buffers[index] { return known }
        let found = try map.buffer(number)
        while buffers.count <= index { buffers.append(nil) }
        buffers[index] = found
        return found
    }
}
