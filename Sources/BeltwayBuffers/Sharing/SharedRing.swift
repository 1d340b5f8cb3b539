// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

// What a server's callers and its service thread both look at, under one lock that is never held over a system call
// that waits.

/// A buffer behind a socket.
final class SharedRing: Sendable {
    let name: String
    let buffer: any SharedBuffer
    /// Buffers that its index entries name so far: handed over with it, as far as they fit, and when they are asked for.
    let targets: @Sendable () -> [NamedTarget]
    let policy: AccessPolicy
    /// Whether its producer waits for readers of other processes that ask for it.
    let mayHold: Bool
    let listener: UnixSocket
    /// Of the socket's file: what is removed at the end must be what was made.
    let inode: UInt64?

    init(
        name: String,
        buffer: any SharedBuffer,
        targets: @escaping @Sendable () -> [NamedTarget],
        policy: AccessPolicy,
        mayHold: Bool,
        listener: UnixSocket,
        inode: UInt64?
    ) {
        self.name = name
        self.buffer = buffer
        self.targets = targets
        self.policy = policy
        self.mayHold = mayHold
        self.listener = listener
        self.inode = inode
    }
}

/// A reader of another process that is attached.
final class AttachedReader: Sendable {
    let ring: SharedRing
    let name: String
    let peer: PeerIdentity
    let since: UInt64
    /// What it has of each part of the buffer.
    private struct Part {
        let buffer: any SharedBuffer
        let cursor: ReaderCursor
        let id: UInt64
        let firstOrdinal: UInt64
    }

    private let parts: [Part]

    /// Makes the reader's pages and registers it with the buffer.
    init(ring: SharedRing, hello: SharingRequest.Hello, peer: PeerIdentity, since: UInt64) throws(BufferError)
    {
        self.ring = ring
        self.peer = peer
        self.since = since
        name = hello.name
        var parts: [Part] = []
        for buffer in ring.buffer.sharedParts {
            do throws(BufferError) {
                let cursor = try ReaderCursor()
                let (id, first) = try buffer.attachReader(cursor, holds: hello.holds && ring.mayHold)
                parts.append(Part(buffer: buffer, cursor: cursor, id: id, firstOrdinal: first))
            } catch {
                for part in parts { part.buffer.detachReader(part.id) }
                throw error
            }
        }
        self.parts = parts
    }

    func detach() { for part in parts { part.buffer.detachReader(part.id) } }

    /// One for each part of the buffer.
    var cursorDescriptors: [Int32] { parts.map(\.cursor.page.descriptor) }

    /// What it says of itself, as far as it can be true: it cannot have been offered more than was published.
    var status: ReaderStatus {
        var status = ReaderStatus(name: name, process: peer.process, user: peer.user, since: since)
        guard let part = parts.last else { return status }
        let (cursor, firstOrdinal) = (part.cursor, part.firstOrdinal)
        let (read, lost) = (cursor.load(ReaderCursor.read), cursor.load(ReaderCursor.lost))
        let first = cursor.load(ReaderCursor.firstOrdinal)
        let tail = ring.buffer.sharedProgress.ordinal
        let start = min(max(first, firstOrdinal), tail)
        let offered = tail - start
        status.read = min(read, offered)
        status.lost = min(lost, offered - status.read)
        status.published = status.read + status.lost
        status.lag = offered - status.published
        status.lagInBytes = status.lag == 0 ? 0 : ring.buffer.bytesBehind(ordinal: start + status.published)
        return status
    }
}

/// One reader's ledger, as a summary shows it: `published == read + lost`.
public struct ReaderLedger: Equatable, Sendable {
    /// The ring that it read.
    public var ring: String
    /// What it called itself, its process, and how far it came.
    public var status: ReaderStatus
    /// Whether it is still attached.
    public var isAttached: Bool
}

/// Everything that is shared between threads.
struct SharingState {
    var rings: [SharedRing] = []
    var readers: [AttachedReader] = []
    var former: [ReaderLedger] = []
    /// Readers that have gone whose ledgers were not kept.
    var forgotten: UInt64 = 0
    var counters = SharingCounters()
    var isStopping = false
    /// Changes with `rings`.
    var version: UInt64 = 0

    /// The ring of packets that index entries call `number`.
    func buffer(_ number: UInt16) -> NamedTarget? {
        for ring in rings where ring.buffer.isNamedByEntries && ring.buffer.sharedEntry.number == number {
            return NamedTarget(number: number, place: .here(ring.buffer, ring.policy))
        }
        return nil
    }

    mutating func forget(_ reader: AttachedReader, keeping limit: Int) {
        readers.removeAll { $0 === reader }
        guard former.count < limit else {
            forgotten += 1
            return
        }
        former.append(ReaderLedger(ring: reader.ring.name, status: reader.status, isAttached: false))
    }
}
