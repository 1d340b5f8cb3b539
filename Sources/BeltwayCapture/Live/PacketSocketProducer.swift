// SPDX-License-Identifier: Apache-2.0
// One queue of an interface into its data buffer, one thread.
//
//    kernel block --walk--> packet in place --filter--> append (the one copy) --256--> publish, stage
//         ^------------------- given back once all its packets are copied -------'
//
// Invariant: a block goes back to the kernel only when all its packets are in the ring, so what the kernel
// refuses meanwhile is counted by it as dropped, and nothing else is lost here.
public import BeltwayBuffers
import BeltwayWire
import CLinux
import Glibc

/// Captures one queue of an interface into a data buffer and runs a stage on each batch, in its thread.
public struct PacketSocketProducer<Stage: BatchStage & ~Copyable, Filter: PacketFilter>: ~Copyable {
    /// The stage, which has seen every batch when ``run()`` returns.
    public var stage: Stage
    private var filter: Filter
    private let socket: PacketSocket
    private var producer: DataBufferProducer
    private let counters: CaptureCounters
    private let stop: StopFlag
    private let padsToPages: Bool
    private var counts = CaptureCounts()
    private var context: WalkContext
    private var latest = Timestamp.zero
    private var kernelReceived: UInt64 = 0
    private var kernelDropped: UInt64 = 0
    private var nextChores: Timestamp
    private var stopDeadline: Timestamp?
    private var isDown = false

    /// Makes a producer.
    ///
    /// - Parameters:
    ///   - socket: The queue, capturing already.
    ///   - buffer: Where its packets go; of the interface's link type, and nobody else's.
    ///   - filter: Which packets to keep of those that the kernel's filter lets through.
    ///   - stage: What follows in this thread.
    ///   - counters: Where to count.
    ///   - stop: Ends the capture.
    ///   - padsToPages: Whether to pad to a page once a second, for a packet logger on a quiet line.
    /// - Throws: ``BufferError`` if the buffer has no room for the interface's name.
    public init(
        socket: PacketSocket,
        buffer: DataBuffer,
        filter: Filter,
        stage: consuming Stage,
        counters: CaptureCounters = CaptureCounters(),
        stop: StopFlag = StopFlag(),
        padsToPages: Bool = false
    ) throws(BufferError) {
        precondition(buffer.linkType == socket.interface.linkType, "buffer and interface differ in link type")
        var producer = buffer.makeProducer()
        let number = try producer.addInterface(named: socket.interface.name)
        context = WalkContext(
            linkType: buffer.linkType,
            isCooked: socket.interface.isCooked,
            skipsOutgoing: socket.interface.isLoopback,
            filtersTaggedOnly: socket.options.letsTaggedPass && !socket.options.filter.isEmpty,
            interface: number
        )
        self.producer = producer
        self.socket = socket
        self.filter = filter
        self.stage = stage
        self.counters = counters
        self.stop = stop
        self.padsToPages = padsToPages
        nextChores = currentTime().advanced(byNanoseconds: choresEvery)
    }

    /// Captures until it is asked to stop or the interface is gone, then closes buffer and stage.
    ///
    /// An interface that goes down is waited for. On a stop, what the kernel has taken by then is still
    /// delivered.
    ///
    /// - Returns: Why it ended.
    public mutating func run() -> LiveCaptureEnd {
        stage.open(producer.buffer)
        var end: LiveCaptureEnd?
        while end == nil {
            let before = currentTime()
            if !takeBlock() { end = wait(since: before) }
            if before >= nextChores { doChores(before) }
            if stop.isRequested { end = .stopped }
        }
        drain()
        readStatistics(currentTime())
        producer.close()
        stage.finish()
        return end ?? .stopped
    }

    /// Takes everything out of the next block, if the kernel has handed it over.
    private mutating func takeBlock() -> Bool {
        guard let block = socket.readyBlock() else { return false }
        isDown = false
        var place = WalkPlace(next: block.first, left: block.count)
        var isDone = false
        while !isDone {
            let outcome = walk(
                block,
                from: &place,
                context,
                into: &producer,
                filter: &filter,
                counts: &counts,
                latest: &latest
            )
            publish()
            switch outcome {
            case .full: break
            case .done: isDone = true
            case .noRoom(let packet):
                producer.waitForRoom()
                place.pending = packet
                // A reader that never lets go must not keep the capture from ending.
                if stop.isRequested, currentTime() > deadlineOfStop() {
                    counts.dropped &+= UInt64(place.left) &+ 1
                    counters.add(&counts)
                    isDone = true
                }
            }
        }
        socket.release(block)
        // Packets of several processors reach a queue slightly out of order.
        producer.setTimeThrough(latest.earlier(byNanoseconds: disorder))
        return true
    }

    /// When to give up on readers once a stop was asked for.
    private mutating func deadlineOfStop() -> Timestamp {
        if let stopDeadline { return stopDeadline }
        let deadline = currentTime().advanced(byNanoseconds: patienceAtStop)
        stopDeadline = deadline
        return deadline
    }

    private mutating func publish() {
        counters.add(&counts)
        guard producer.unpublished > 0 else { return }
        stage.process(producer.publish(), of: producer.buffer)
    }

    /// Nothing was ready at `before`: a packet that comes later was received at most two block time-outs
    /// earlier, since the kernel's timer closes a block on the second of its ticks that finds it open.
    private mutating func wait(since before: Timestamp) -> LiveCaptureEnd? {
        let timeout = UInt64(socket.options.blockTimeout) &* 2_000_000
        let through = before.earlier(byNanoseconds: timeout &+ slack)
        producer.setTimeThrough(through)
        stage.idle(through: through)
        switch socket.wait(milliseconds: 10) {
        case .something: return nil
        case .nothing: return isDown && socket.isVanished ? .interfaceVanished(socket.interface.name) : nil
        case .down:
            // The kernel says so once: an interface that is removed after it went down must be looked for.
            isDown = true
            return nil
        case .vanished: return .interfaceVanished(socket.interface.name)
        case .failed(let code): return .failed(LiveCaptureError("poll", socket.interface.name, code))
        }
    }

    /// Takes what the kernel already has: its open block comes when its time-out is over.
    private mutating func drain() {
        socket.refuseEverything()
        let patience = UInt64(socket.options.blockTimeout) &* 2_000_000 &+ slack
        let deadline = currentTime().advanced(byNanoseconds: patience)
        repeat {
            if !takeBlock() { _ = socket.wait(milliseconds: 2) }
        } while currentTime() < deadline
        while takeBlock() {}
    }

    private mutating func doChores(_ now: Timestamp) {
        nextChores = now.advanced(byNanoseconds: choresEvery)
        readStatistics(now)
        if padsToPages, producer.padToPage() { producer.publish() }
    }

    private mutating func readStatistics(_ now: Timestamp) {
        let numbers = socket.statistics()
        kernelReceived &+= numbers.received
        kernelDropped &+= numbers.dropped
        counts.dropped &+= numbers.dropped
        counters.add(&counts)
        producer.setStatistics(
            received: kernelReceived,
            dropped: kernelDropped,
            interface: context.interface,
            time: now
        )
    }
}

/// How often the kernel's counters are read, and pages padded.
private let choresEvery: UInt64 = 1_000_000_000
/// How long readers of a blocking buffer may hold up a capture that is asked to stop.
private let patienceAtStop: UInt64 = 10_000_000_000
/// How late the kernel's timer may be.
private let slack: UInt64 = 10_000_000
/// How far two neighbouring packets of a queue may be out of order.
private let disorder: UInt64 = 1_000_000

/// What the clock says that the kernel stamps packets with.
func currentTime() -> Timestamp {
    Timestamp(nanoseconds: beltway_wall_clock())
}

extension Timestamp {
    /// This time moved back by `nanoseconds`; not before the epoch.
    func earlier(byNanoseconds delta: UInt64) -> Timestamp {
        Timestamp(nanoseconds: nanoseconds > delta ? nanoseconds - delta : 0)
    }
}
