// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// One end of a pair of channels in memory, for tests and for comparison with channels that cost something.
///
/// Each direction holds at most 4 MiB on the way; who sends more waits until the other end has received.
public struct MemoryChannel: ~Copyable, RemoteChannel {
    private let inbound: Direction
    private let outbound: Direction

    private init(inbound: Direction, outbound: Direction) {
        self.inbound = inbound
        self.outbound = outbound
    }

    /// Makes both ends.
    ///
    /// - Throws: ``RemoteError/system(call:errno:)`` if there is no memory.
    public static func pair() throws(RemoteError) -> Pair {
        let (there, back) = (try Direction(), try Direction())
        return Pair(
            client: MemoryChannel(inbound: back, outbound: there),
            server: MemoryChannel(inbound: there, outbound: back)
        )
    }

    /// Both ends.
    public struct Pair: ~Copyable {
        /// The reader's end.
        public var client: MemoryChannel
        /// The server's end.
        public var server: MemoryChannel
        /// Gives both ends away.
        public consuming func split(_ use: (consuming MemoryChannel, consuming MemoryChannel) -> Void) {
            use(client, server)
        }
    }

    deinit {
        inbound.close()
        outbound.close()
    }

    /// Sends all the bytes, waiting for room.
    public mutating func send(_ bytes: RawSpan, nanoseconds: Int64) throws(RemoteError) {
        var sent = 0
        let deadline = monotonicNanoseconds() &+ nanoseconds
        while sent < bytes.byteCount {
            switch outbound.put(bytes, from: sent) {
            case .closed: throw .closed
            case .moved(let count): sent += count
            case .nothing:
                let left = deadline - monotonicNanoseconds()
                guard left > 0 else {
                    throw .timedOut("room to send", seconds: Int(nanoseconds / 1_000_000_000))
                }
                outbound.wait(nanoseconds: left)
            }
        }
    }

    /// Receives what has come.
    public mutating func receive(
        into bytes: inout MutableRawSpan,
        nanoseconds: Int64
    ) throws(RemoteError) -> Int {
        let deadline = monotonicNanoseconds() &+ nanoseconds
        while true {
            switch inbound.take(into: &bytes) {
            case .closed: throw .closed
            case .moved(let count): return count
            case .nothing:
                let left = deadline - monotonicNanoseconds()
                guard left > 0 else { return 0 }
                inbound.wait(nanoseconds: left)
            }
        }
    }

    private enum Outcome {
        case closed
        case nothing
        case moved(Int)
    }

    /// Bytes on their way from one end to the other: a ring of their own, under a lock.
    private final class Direction: Sendable {
        private struct State {
            var start = 0
            var end = 0
            var isClosed = false
        }
        private let state = Mutex(State())
        private let store: ByteStore
        /// Where either end sleeps until the other has done something.
        private let words: ByteStore

        init() throws(RemoteError) {
            store = try ByteStore(capacity: 4 << 20)
            words = try ByteStore(capacity: 4096)
        }

        private var change: WakeUp { words.wakeUp }

        func put(_ source: RawSpan, from first: Int) -> Outcome {
            let (store, capacity) = (store, store.capacity)
            let outcome: Outcome = state.withLock { state in
                guard !state.isClosed else { return .closed }
                let room = capacity - (state.end - state.start)
                let place = state.end % capacity
                let count = min(source.byteCount - first, room, capacity - place)
                guard count > 0 else { return .nothing }
                store.copy(source.extracting(first..<first + count), to: place)
                state.end += count
                return .moved(count)
            }
            change.wake()
            return outcome
        }

        func take(into target: inout MutableRawSpan) -> Outcome {
            // What lies between start and end is this end's alone until start is moved.
            let (start, end, isClosed) = state.withLock { ($0.start, $0.end, $0.isClosed) }
            let place = start % store.capacity
            let count = min(target.byteCount, end - start, store.capacity - place)
            guard count > 0 else { return isClosed ? .closed : .nothing }
            store.read(place, count, into: &target, at: 0)
            state.withLock { $0.start += count }
            change.wake()
            return .moved(count)
        }

        func close() {
            state.withLock { $0.isClosed = true }
            change.wake()
        }

        /// Sleeps a little: a step between the look before and this sleep would be missed, so it is kept short.
        func wait(nanoseconds: Int64) {
            change.wait(nanoseconds: min(nanoseconds, 200_000)) { false }
        }
    }
}
