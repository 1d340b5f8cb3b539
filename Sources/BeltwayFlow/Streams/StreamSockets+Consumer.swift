// SPDX-License-Identifier: Apache-2.0
// The reassembler's side of a socket view: connections begin, entries are kept, flows end.

internal import BeltwayBuffers
internal import BeltwayWire

extension StreamSockets: StreamConsumer, FactSink {
    /// Passes over: a place is needed.
    public mutating func bytes(_ bytes: RawSpan, of stream: StreamView) {
        self.bytes(bytes, of: stream, at: .nowhere, within: 0)
    }

    /// Keeps an entry for the bytes; a copy if they lie in no ring that was adopted.
    public mutating func bytes(_ bytes: RawSpan, of stream: StreamView, at place: SegmentPlace, within: Int) {
        let length = bytes.byteCount
        if rings.contains(where: { $0.number == place.buffer }) {
            add(SocketEntry(.ring(place.position, place.buffer), within: within, length: length), stream)
        } else if copiedBytes + length <= configuration.copiedBytes {
            let copy = (0..<length).map { bytes.byte(at: $0) }
            add(SocketEntry(.copy(copy), length: length), stream)
        } else {
            overrun += UInt64(length)
            add(SocketEntry(.gap, length: length), stream)
        }
    }

    /// Keeps a gap.
    public mutating func gap(_ length: UInt64, of stream: StreamView) {
        add(SocketEntry(.gap, length: Int(clamping: length)), stream)
    }

    /// Notes the end of a direction.
    public mutating func ended(_ stream: StreamView, _ reason: StreamEnd) {
        guard let index = known(stream) else { return }
        sockets[index].sides[stream.toResponder ? 0 : 1].end = reason
        makeReady(index)
    }

    /// Notes the end of a flow; what was not read stays readable.
    public mutating func closed(slot: UInt32, flowID: UInt64) {
        guard let index = places.removeValue(forKey: slot), sockets[index].flowID == flowID else { return }
        sockets[index].isOver = true
        if sockets[index].isClosed { letGo(index) } else { makeReady(index) }
    }

    /// Does nothing: entries are checked when they are read.
    public mutating func overwritten(slot: UInt32, flowID: UInt64) {}

    /// Passes facts over.
    public mutating func record(_ fact: Fact) {}

    /// The connection's place, made if it is new; nil if there are too many.
    private mutating func place(_ stream: StreamView) -> Int? {
        if let index = known(stream) { return index }
        if let stale = places[stream.slot] { closed(slot: stream.slot, flowID: sockets[stale].flowID) }
        guard count < configuration.connections else {
            passedOver += 1
            return nil
        }
        let index = free.popLast() ?? sockets.count
        let made = SocketConnection(flowID: stream.flowID, slot: stream.slot)
        if index == sockets.count { sockets.append(made) } else { sockets[index] = made }
        places[stream.slot] = index
        let socket = StreamSocket(flowID: stream.flowID, index: index)
        tidy()
        fresh.append(socket)
        return index
    }

    private func known(_ stream: StreamView) -> Int? {
        guard let index = places[stream.slot], sockets[index].flowID == stream.flowID else { return nil }
        return index
    }

    private mutating func add(_ entry: SocketEntry, _ stream: StreamView) {
        guard entry.length > 0, let index = place(stream), !sockets[index].isClosed else { return }
        if case .copy = entry.source { copiedBytes += entry.length }
        let side = stream.toResponder ? 0 : 1
        let isKept = sockets[index].sides[side].append(entry, limit: configuration.entries)
        if !isKept {
            if case .copy = entry.source { copiedBytes -= entry.length }
            if case .gap = entry.source {} else { overrun += UInt64(entry.length) }
        }
        makeReady(index)
    }

    private mutating func makeReady(_ index: Int) {
        guard !sockets[index].isReady, !sockets[index].isClosed else { return }
        sockets[index].isReady = true
        tidy()
        readable.append(StreamSocket(flowID: sockets[index].flowID, index: index))
    }

    /// Sweeps what was closed out of queues that nobody asks, so that they stay as small as there are connections.
    private mutating func tidy() {
        let most = 2 * sockets.count + 64
        for list in 0..<2 where (list == 0 ? fresh.count : readable.count) > most {
            let sockets = self.sockets
            let isThere = { (socket: StreamSocket) in sockets[socket.index].flowID == socket.flowID }
            if list == 0 { fresh.keep(isThere) } else { readable.keep(isThere) }
        }
    }

    /// Gives a connection's place back.
    mutating func letGo(_ index: Int) {
        for side in 0..<2 { copiedBytes -= sockets[index].sides[side].copied }
        let slot = sockets[index].slot
        if sockets[index].isOver {
            sockets[index] = SocketConnection(flowID: 0, slot: slot)
            free.append(index)
        } else {
            // The flow goes on: its place is kept until it ends, so that it does not seem new.
            sockets[index].close()
        }
    }
}
