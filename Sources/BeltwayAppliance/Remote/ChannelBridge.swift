// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Dispatch
internal import NIOCore
internal import NIOTLS
internal import Synchronization

// Between an event loop, which owns a connection and its TLS, and the one thread that reads or serves a ring over it.
//
//     event loop   channelRead > queue ...... more than 2 MiB waiting: no further read until half is taken
//     thread       receive < queue            send > write, and wait while the channel is not writable
//
// Safe because the state is behind a lock, and `context` is touched on the event loop alone.

/// The last handler of a connection: hands its bytes to a thread that waits for them.
final class ChannelBridge: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private struct State {
        var queue = CircularBuffer<ByteBuffer>()
        var queuedBytes = 0
        var isClosed = false
        var isWritable = true
        var isReady = false
        /// Why the connection failed, the first reason.
        var failure: RemoteError?
        /// Whether a read was asked for while too much was waiting.
        var heldRead = false
        var isWaiting = false
    }

    private let state = Mutex(State())
    /// Signalled once for each `isWaiting` that was answered.
    private let change = DispatchSemaphore(value: 0)
    private let eventLoop: any EventLoop
    private let channel: any Channel
    private let explain: @Sendable (any Error) -> RemoteError
    private let whenReady: @Sendable (ChannelBridge) -> Void
    private var context: ChannelHandlerContext?

    private static var limit: Int { 2 << 20 }

    /// Makes the handler.
    ///
    /// - Parameters:
    ///   - channel: The connection.
    ///   - explain: Turns an error of the connection into one for people.
    ///   - whenReady: Called on the event loop once TLS is established.
    init(
        _ channel: any Channel,
        explain: @escaping @Sendable (any Error) -> RemoteError,
        whenReady: @escaping @Sendable (ChannelBridge) -> Void = { _ in }
    ) {
        self.channel = channel
        eventLoop = channel.eventLoop
        self.explain = explain
        self.whenReady = whenReady
    }

    // MARK: On the event loop

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        end()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        change { state in
            state.queuedBytes += bytes.readableBytes
            state.queue.append(bytes)
        }
    }

    func read(context: ChannelHandlerContext) {
        let holds = state.withLock { state in
            state.heldRead = state.queuedBytes > Self.limit
            return state.heldRead
        }
        if !holds { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        change { $0.isWritable = isWritable }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            change { $0.isReady = true }
            whenReady(self)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(explain(error))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() { change { $0.isClosed = true } }

    /// Notes why the connection ends, unless a reason is known.
    func fail(_ error: RemoteError) {
        change { state in
            if state.failure == nil { state.failure = error }
        }
    }

    /// Changes the state and wakes the thread if it waits.
    private func change(_ body: (inout sending State) -> Void) {
        let wakes = state.withLock { state in
            body(&state)
            defer { state.isWaiting = false }
            return state.isWaiting
        }
        if wakes { change.signal() }
    }

    // MARK: On the thread

    /// Why the connection ended, if it was not simply closed.
    var failure: RemoteError? { state.withLock { $0.failure } }

    /// Waits until TLS is established.
    func awaitHandshake(seconds: Int) throws(RemoteError) {
        let deadline = DispatchTime.now() + .seconds(seconds)
        while true {
            let (isReady, isOver, failure) = state.withLock { state in
                state.isWaiting = !state.isReady && !state.isClosed && state.failure == nil
                return (state.isReady, state.isClosed, state.failure)
            }
            if let failure { throw failure }
            if isReady { return }
            if isOver { throw .closed }
            guard sleep(until: deadline) else {
                throw .timedOut("TLS handshake", seconds: seconds)
            }
        }
    }

    /// Sleeps until the state has changed since `isWaiting` was set; false when the time is over.
    private func sleep(until deadline: DispatchTime) -> Bool {
        if change.wait(timeout: deadline) == .success { return true }
        let isStillWaiting = state.withLock { state in
            defer { state.isWaiting = false }
            return state.isWaiting
        }
        // Who cleared the flag signals: that signal must not be left for the next sleep.
        if !isStillWaiting { change.wait() }
        return !isStillWaiting
    }

    /// Takes bytes that have come; nil if none came before the deadline.
    func receive(
        nanoseconds: Int64,
        _ take: (inout ByteBuffer) -> Int
    ) throws(RemoteError) -> Int? {
        let deadline = DispatchTime.now() + .nanoseconds(Int(nanoseconds))
        while true {
            var taken: Int?
            var isOver: (closed: Bool, failure: RemoteError?) = (false, nil)
            let resumes = state.withLock { state in
                guard !state.queue.isEmpty else {
                    isOver = (state.isClosed, state.failure)
                    state.isWaiting = nanoseconds > 0
                    return false
                }
                let count = take(&state.queue[state.queue.startIndex])
                if state.queue[state.queue.startIndex].readableBytes == 0 { state.queue.removeFirst() }
                state.queuedBytes -= count
                taken = count
                guard state.heldRead, state.queuedBytes < Self.limit / 2 else { return false }
                state.heldRead = false
                return true
            }
            if resumes { eventLoop.execute { self.context?.read() } }
            if let taken { return taken }
            if let failure = isOver.failure { throw failure }
            if isOver.closed { throw .closed }
            guard nanoseconds > 0, sleep(until: deadline) else { return nil }
        }
    }

    /// Sends bytes once the channel takes them.
    func send(_ bytes: ByteBuffer, nanoseconds: Int64) throws(RemoteError) {
        let deadline = DispatchTime.now() + .nanoseconds(Int(nanoseconds))
        while true {
            let (isOver, failure, isWritable) = state.withLock { state in
                state.isWaiting = !state.isWritable && !state.isClosed && state.failure == nil
                return (state.isClosed, state.failure, state.isWritable)
            }
            if let failure { throw failure }
            if isOver { throw .closed }
            if isWritable { break }
            guard sleep(until: deadline) else {
                throw .timedOut("room to send", seconds: Int(nanoseconds / 1_000_000_000))
            }
        }
        channel.writeAndFlush(bytes, promise: nil)
    }

    /// Closes the connection after what was sent.
    func close() { channel.close(promise: nil) }
}
