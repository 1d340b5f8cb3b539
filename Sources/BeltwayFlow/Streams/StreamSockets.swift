// SPDX-License-Identifier: Apache-2.0
// A socket-like view over reassembly (paper, 5.2), for programs that read what others say to each other:
//
//     segments --> TCPReassembler --> StreamSockets       accept()  the next new connection
//                                      |    |             ready()   one with something new: what `select` would say
//                  per direction:      |    |             peek      its next bytes, where they lie
//                  entries o->o->o <---'    '--> ready    receive   a copy of them; what was read is let go
//
// An entry names bytes in the ring; none are copied but those that lie in no adopted ring. Nobody is slowed down by a reader
// that does not read: what the ring has overwritten, or what goes beyond a budget, is a gap.
//
// Invariant. Of each direction, bytes and gaps come in the order of the stream, and their lengths add up to its length.

public import BeltwayBuffers
internal import BeltwayWire

/// A connection that a program follows.
public struct StreamSocket: Hashable, Sendable, BitwiseCopyable {
    /// The flow's identifier.
    public let flowID: UInt64
    /// Where it is kept, while it is.
    let index: Int
}

/// Limits of a socket view.
public struct SocketConfiguration: Sendable, BitwiseCopyable {
    /// Connections at a time, those included that have ended and were not closed by the reader.
    public var connections = 65_536
    /// Entries of one direction that wait to be read.
    public var entries = 4096
    /// Bytes of all connections that may be copied, where they lie in no ring.
    public var copiedBytes = 16 << 20

    /// Makes the defaults.
    public init() {}
}

/// What reading a direction gave.
public enum StreamReading: Equatable, Sendable {
    /// So many bytes.
    case bytes(Int)
    /// So many bytes will never come; they count as read.
    case gap(UInt64)
    /// Everything was read, and the sender has ended, was reset, or the flow is over (nil).
    case ended(StreamEnd?)
    /// Nothing yet.
    case nothing
}

/// Connections and their bytes, asked for as from sockets; a consumer of ``TCPReassembler``.
public struct StreamSockets: ~Copyable {
    /// What it was told.
    public let configuration: SocketConfiguration
    var rings: [DataBuffer] = []
    var sockets: [SocketConnection] = []
    var free: [Int] = []
    /// By the tracker's slot.
    var places: [UInt32: Int] = [:]
    var fresh = SocketQueue()
    var readable = SocketQueue()
    var copiedBytes = 0
    /// Connections passed over, since too many were open.
    public internal(set) var passedOver: UInt64 = 0
    /// Bytes that became gaps, since nobody read them in time or too much was kept.
    public internal(set) var overrun: UInt64 = 0

    /// Makes a view without connections.
    public init(_ configuration: SocketConfiguration = SocketConfiguration()) {
        self.configuration = configuration
    }

    /// Lets bytes of a ring be read where they lie; without it they are copied.
    public mutating func adopt(_ ring: DataBuffer) {
        if !rings.contains(where: { $0.number == ring.number }) { rings.append(ring) }
    }

    // MARK: For the reader

    /// The next connection that was not handed out yet, in the order in which their first bytes came.
    public mutating func accept() -> StreamSocket? {
        while let socket = fresh.next() {
            if isOpen(socket) { return socket }
        }
        return nil
    }

    /// The next connection with something new to read, each once until something newer comes.
    public mutating func ready() -> StreamSocket? {
        while let socket = readable.next() {
            guard isOpen(socket) else { continue }
            sockets[socket.index].isReady = false
            return socket
        }
        return nil
    }

    /// Lends the next bytes of a direction, where they lie, and leaves them there.
    ///
    /// - Parameters:
    ///   - socket: The connection.
    ///   - toResponder: The direction.
    ///   - body: Gets at least one byte, at most one segment's; not called unless there are bytes.
    /// - Returns: How many bytes, or what comes in their place. What the ring overwrote while `body` looked is a gap.
    public mutating func peek(
        _ socket: StreamSocket,
        toResponder: Bool,
        _ body: (RawSpan) -> Void
    ) -> StreamReading {
        guard isOpen(socket) else { return .ended(nil) }
        let side = toResponder ? 0 : 1
        guard let entry = sockets[socket.index].sides[side].first else {
            let end = sockets[socket.index].sides[side].end
            return end != nil || sockets[socket.index].isOver ? .ended(end) : .nothing
        }
        switch entry.source {
        case .gap: return .gap(UInt64(entry.length))
        case .copy(let bytes):
            bytes.withPacket { body($0.extracting(entry.within..<(entry.within + entry.length))) }
        case .ring(let position, let number):
            guard let ring = rings.first(where: { $0.number == number }) else {
                return .gap(UInt64(entry.length))
            }
            let memory = ring.memory
            if memory.isWhole(position) {
                memory.withBytes(
                    at: position,
                    offset: RecordLayout.headerLength + entry.within,
                    length: entry.length,
                    body
                )
            }
            if !memory.isWhole(position) {
                sockets[socket.index].sides[side].loseFirst()
                overrun += UInt64(entry.length)
                return .gap(UInt64(entry.length))
            }
        }
        return .bytes(entry.length)
    }

    /// Appends a copy of the next bytes of a direction to `bytes`, and lets go of them.
    ///
    /// - Parameters:
    ///   - socket: The connection.
    ///   - toResponder: The direction.
    ///   - bytes: Where they go.
    ///   - limit: How many at most.
    /// - Returns: How many; or a gap, which then is read; or why there are none.
    public mutating func receive(
        _ socket: StreamSocket,
        toResponder: Bool,
        into bytes: inout [UInt8],
        atMost limit: Int
    ) -> StreamReading {
        var taken = 0
        while taken < limit {
            let start = bytes.count
            let reading = peek(socket, toResponder: toResponder) { part in
                for offset in 0..<min(part.byteCount, limit - taken) { bytes.append(part.byte(at: offset)) }
            }
            guard case .bytes = reading else {
                bytes.removeLast(bytes.count - start)
                if taken > 0 { return .bytes(taken) }
                if case .gap(let length) = reading {
                    skip(socket, toResponder: toResponder, Int(clamping: length))
                }
                return reading
            }
            skip(socket, toResponder: toResponder, bytes.count - start)
            taken += bytes.count - start
        }
        return .bytes(taken)
    }

    /// Lets go of the next bytes of a direction, or of a gap, after a ``peek(_:toResponder:_:)``.
    public mutating func skip(_ socket: StreamSocket, toResponder: Bool, _ count: Int) {
        guard isOpen(socket) else { return }
        let side = toResponder ? 0 : 1
        var left = count
        while left > 0, let entry = sockets[socket.index].sides[side].first {
            let part = min(left, entry.length)
            left -= part
            if case .copy = entry.source { copiedBytes -= part }
            sockets[socket.index].sides[side].drop(part)
        }
    }

    /// Forgets a connection, read or not; bytes that still come for it are passed over.
    public mutating func close(_ socket: StreamSocket) {
        guard isOpen(socket) else { return }
        letGo(socket.index)
    }

    /// Connections that are kept.
    public var count: Int { sockets.count - free.count }

    func isOpen(_ socket: StreamSocket) -> Bool {
        sockets.indices.contains(socket.index) && sockets[socket.index].flowID == socket.flowID
            && !sockets[socket.index].isClosed
    }
}
