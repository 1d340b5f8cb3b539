// SPDX-License-Identifier: Apache-2.0
// What libpcap captures into a data buffer, one thread: the portable way, several times dearer than packet
// sockets.
public import BeltwayBuffers
import BeltwayWire
import Glibc

/// Captures through libpcap into a data buffer and runs a stage on each batch, in the calling thread.
public struct LibpcapProducer<Stage: BatchStage & ~Copyable, Filter: PacketFilter>: ~Copyable {
    /// The stage, which has seen every batch when ``run()`` returns.
    public var stage: Stage
    private var filter: Filter
    private var handle: LibpcapHandle
    private let options: PacketSocketOptions
    private var producer: DataBufferProducer
    private let counters: CaptureCounters
    private let stop: StopFlag
    private let padsToPages: Bool
    private let interface: UInt16
    private var counts = CaptureCounts()
    private var kernel: (received: UInt64, dropped: UInt64) = (0, 0)
    private var nextChores: Timestamp

    /// Makes a producer.
    ///
    /// - Parameters:
    ///   - handle: The interface, open.
    ///   - options: What it was opened with, to open it again after it was down.
    ///   - buffer: Where its packets go; of the handle's link type, and nobody else's.
    ///   - filter: Which packets to keep of those that libpcap's filter lets through.
    ///   - stage: What follows in this thread.
    ///   - counters: Where to count.
    ///   - stop: Ends the capture.
    ///   - padsToPages: Whether to pad to a page once a second, for a packet logger on a quiet line.
    /// - Throws: ``BufferError`` if the buffer has no room for the interface's name.
    public init(
        handle: consuming LibpcapHandle,
        options: PacketSocketOptions,
        buffer: DataBuffer,
        filter: Filter,
        stage: consuming Stage,
        counters: CaptureCounters = CaptureCounters(),
        stop: StopFlag = StopFlag(),
        padsToPages: Bool = false
    ) throws(BufferError) {
        precondition(buffer.linkType == handle.linkType, "buffer and interface differ in link type")
        var producer = buffer.makeProducer()
        interface = try producer.addInterface(named: handle.interface)
        self.producer = producer
        self.handle = handle
        self.options = options
        self.filter = filter
        self.stage = stage
        self.counters = counters
        self.stop = stop
        self.padsToPages = padsToPages
        nextChores = currentTime().advanced(byNanoseconds: 1_000_000_000)
    }

    /// Captures until it is asked to stop or the interface is gone, then closes buffer and stage.
    ///
    /// - Returns: Why it ended.
    public mutating func run() -> LiveCaptureEnd {
        stage.open(producer.buffer)
        var end: LiveCaptureEnd?
        while end == nil {
            let before = currentTime()
            end = takeBatch(before)
            if before >= nextChores { doChores(before) }
            if stop.isRequested { end = end ?? .stopped }
        }
        readStatistics(currentTime())
        producer.close()
        stage.finish()
        return end ?? .stopped
    }

    /// Takes packets until a batch is full or there is none; then waits a little.
    private mutating func takeBatch(_ before: Timestamp) -> LiveCaptureEnd? {
        var end: LiveCaptureEnd?
        var isEmpty = false
        while end == nil, !isEmpty, producer.unpublished < 256, producer.unpublishedBytes < 256 << 10 {
            switch handle.next() {
            case .packet(let packet): take(packet)
            case .nothing: isEmpty = true
            case .failed(let words): end = reopen(words)
            }
        }
        publish()
        if isEmpty {
            // The kernel may hold a packet for two time-outs; libpcap's own buffer adds nothing to that.
            let through = before.earlier(
                byNanoseconds: UInt64(options.blockTimeout) &* 2_000_000 &+ 10_000_000
            )
            producer.setTimeThrough(through)
            stage.idle(through: through)
            handle.wait(milliseconds: 10)
        }
        return end
    }

    private mutating func take(_ packet: LibpcapHandle.Packet) {
        let linkType = producer.buffer.linkType
        guard filter.accepts(handle.bytes, originalLength: packet.originalLength, linkType: linkType) else {
            counts.filtered &+= 1
            return
        }
        while !producer.append(
            handle.bytes,
            time: packet.time,
            originalLength: packet.originalLength,
            interface: interface,
            flags: []
        ) {
            publish()
            producer.waitForRoom()
            guard stop.isRequested else { continue }
            counts.dropped &+= 1
            return
        }
        counts.received &+= 1
        counts.bytes &+= UInt64(packet.originalLength)
        if handle.bytes.byteCount > producer.buffer.geometry.snapLength { counts.truncated &+= 1 }
    }

    private mutating func publish() {
        counters.add(&counts)
        guard producer.unpublished > 0 else { return }
        stage.process(producer.publish(), of: producer.buffer)
    }

    /// libpcap ends when an interface goes down; as long as the interface exists, it is opened again.
    private mutating func reopen(_ words: String) -> LiveCaptureEnd? {
        readStatistics(currentTime())
        while !stop.isRequested {
            guard handle.interface == "any" || CaptureInterface.names.contains(handle.interface) else {
                return .interfaceVanished(handle.interface)
            }
            usleep(100_000)
            do {
                let again = try LibpcapHandle(handle.interface, options)
                guard again.linkType == producer.buffer.linkType else {
                    return .failed(
                        .libpcap(interface: again.interface, "its link type has changed: \(words)")
                    )
                }
                handle = again
                return nil
            } catch {
                // Down interfaces cannot be opened; anything else will not get better by waiting.
                guard case .libpcap = error else { return .failed(error) }
            }
        }
        return .stopped
    }

    private mutating func doChores(_ now: Timestamp) {
        nextChores = now.advanced(byNanoseconds: 1_000_000_000)
        readStatistics(now)
        if padsToPages, producer.padToPage() { producer.publish() }
    }

    private mutating func readStatistics(_ now: Timestamp) {
        let numbers = handle.statistics()
        kernel.received &+= numbers.received
        kernel.dropped &+= numbers.dropped
        counts.dropped &+= numbers.dropped
        counters.add(&counts)
        producer.setStatistics(
            received: kernel.received,
            dropped: kernel.dropped,
            interface: interface,
            time: now
        )
    }
}
