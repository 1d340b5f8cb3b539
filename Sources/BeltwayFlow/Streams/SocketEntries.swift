// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers

/// Bytes of one direction that wait for their reader, or a gap in them.
struct SocketEntry {
    enum Source {
        /// In a ring: the record's position, and the buffer's number.
        case ring(Position, UInt16)
        case copy([UInt8])
        case gap
    }

    var source: Source
    /// Where they begin in the packet, or in the copy.
    var within: Int
    var length: Int

    init(_ source: Source, within: Int = 0, length: Int) {
        (self.source, self.within, self.length) = (source, within, length)
    }
}

/// One direction of a connection.
struct SocketSide {
    private var entries: [SocketEntry] = []
    private var head = 0
    /// How its sender ended.
    var end: StreamEnd?

    /// What is read next.
    var first: SocketEntry? { head < entries.count ? entries[head] : nil }
    /// Bytes that are held in copies.
    var copied: Int {
        entries[head...].reduce(0) { if case .copy = $1.source { $0 + $1.length } else { $0 } }
    }

    /// Adds an entry; beyond the limit, and for a gap behind a gap, only its length.
    ///
    /// - Returns: Whether its bytes are kept.
    mutating func append(_ entry: SocketEntry, limit: Int) -> Bool {
        let isFull = entries.count - head >= limit
        var entry = entry
        if isFull { entry = SocketEntry(.gap, length: entry.length) }
        if case .gap = entry.source, entries.count > head, case .gap = entries[entries.count - 1].source {
            entries[entries.count - 1].length += entry.length
        } else {
            entries.append(entry)
        }
        return !isFull
    }

    /// Lets go of the next bytes, at most those of one entry.
    mutating func drop(_ count: Int) {
        entries[head].length -= count
        entries[head].within += count
        guard entries[head].length == 0 else { return }
        entries[head].source = .gap
        head += 1
        if head == entries.count {
            entries.removeAll(keepingCapacity: entries.capacity <= 64)
            head = 0
        } else if head >= 64, head * 2 >= entries.count {
            entries.removeSubrange(0..<head)
            head = 0
        }
    }

    /// The next bytes were overwritten.
    mutating func loseFirst() { entries[head].source = .gap }
}

/// A connection that is followed.
struct SocketConnection {
    let flowID: UInt64
    /// The tracker's slot, while the flow lives.
    let slot: UInt32
    var sides = [SocketSide(), SocketSide()]
    /// Whether it stands in the queue of those with something new.
    var isReady = false
    /// Whether the flow has ended.
    var isOver = false
    /// Whether the reader wants no more of it.
    private(set) var isClosed = false

    init(flowID: UInt64, slot: UInt32) { (self.flowID, self.slot) = (flowID, slot) }

    mutating func close() {
        isClosed = true
        sides = [SocketSide(), SocketSide()]
    }
}

/// Connections in the order in which they came.
struct SocketQueue {
    private var waiting: [StreamSocket] = []
    private var head = 0

    var count: Int { waiting.count - head }

    mutating func append(_ socket: StreamSocket) { waiting.append(socket) }

    mutating func next() -> StreamSocket? {
        guard head < waiting.count else { return nil }
        defer {
            head += 1
            if head >= 64, head * 2 >= waiting.count {
                waiting.removeSubrange(0..<head)
                head = 0
            }
        }
        return waiting[head]
    }

    /// Keeps those only that a test holds for.
    mutating func keep(_ isThere: (StreamSocket) -> Bool) {
        waiting = waiting[head...].filter(isThere)
        head = 0
    }
}
