// SPDX-License-Identifier: Apache-2.0
// A capture that runs beside a test, in a namespace of the test's own.
import BeltwayBuffers
import BeltwayCapture
import BeltwayTestSupport
import BeltwayWire
import Foundation

/// A stage that keeps what it is shown, with the flags and lengths of each packet.
struct LiveStage: BatchStage {
    struct Packet {
        var bytes: [UInt8]
        var originalLength: Int
        var flags: RecordFlags
        var time: UInt64
    }
    var delay: UInt32 = 0
    var packets: [Packet] = []
    var idleThrough = Timestamp.zero
    var opened = 0
    var isFinished = false

    mutating func open(_ buffer: DataBuffer) { opened += 1 }
    mutating func process(_ batch: PublishedBatch, of buffer: DataBuffer) {
        var copies: [Packet] = []
        buffer.memory.forEachPacket(in: batch) { descriptor, _, bytes in
            copies.append(
                Packet(
                    bytes: bytes.withUnsafeBytes { Array($0) },
                    originalLength: Int(descriptor.originalLength),
                    flags: descriptor.flags,
                    time: descriptor.time.nanoseconds
                )
            )
        }
        packets += copies
        if delay > 0 {
            usleep(delay)
            delay = 0
        }
    }
    mutating func idle(through time: Timestamp) { idleThrough = max(idleThrough, time) }
    mutating func finish() { isFinished = true }
}

/// Keeps everything, or only what has one VLAN tag.
struct TagFilter: PacketFilter {
    var tag: UInt8?
    func accepts(_ packet: RawSpan, originalLength: UInt32, linkType: LinkType) -> Bool {
        tag == nil || packet.bigEndian16(at: 12) == 0x8100 && packet.byte(at: 15) == tag
    }
}

/// What one queue's producer brought.
struct LiveResult {
    var end: LiveCaptureEnd
    var stage: LiveStage
    var counts: CaptureCounts
    var buffer: DataBuffer
}

/// Runs a producer per queue, each on its own thread.
final class LiveCapture: @unchecked Sendable {
    let stop = StopFlag()
    let counters: [CaptureCounters]
    private let delay: UInt32
    private let tag: UInt8?
    private let group = DispatchGroup()
    private let lock = NSLock()
    private var results: [Int: LiveResult] = [:]

    /// Starts capturing; the stage takes `delay` microseconds for its first batch.
    init(
        _ namespace: NetworkNamespace,
        interface: String,
        _ options: PacketSocketOptions = PacketSocketOptions(),
        ringBytes: Int = 16 << 20,
        delay: UInt32 = 0,
        tag: UInt8? = nil
    ) throws {
        self.tag = tag
        self.delay = delay
        var options = options
        options.ringBytes = ringBytes
        let sockets = try namespace.run {
            try PacketSocket.open(CaptureInterface(named: interface), options)
        }
        counters = sockets.map { _ in CaptureCounters() }
        for (index, socket) in sockets.enumerated() {
            let buffer = try DataBuffer(
                name: "\(interface).\(index)",
                number: UInt16(index),
                linkType: socket.interface.linkType,
                capacity: 16 << 20,
                policy: .fastReader
            )
            group.enter()
            let thread = Thread { [self] in
                run(socket, buffer, index)
                group.leave()
            }
            thread.start()
        }
    }

    private func run(_ socket: PacketSocket, _ buffer: DataBuffer, _ index: Int) {
        do {
            var producer = try PacketSocketProducer(
                socket: socket,
                buffer: buffer,
                filter: TagFilter(tag: tag),
                stage: LiveStage(delay: delay),
                counters: counters[index],
                stop: stop,
                padsToPages: true
            )
            let end = producer.run()
            let result = LiveResult(
                end: end,
                stage: producer.stage,
                counts: counters[index].counts,
                buffer: buffer
            )
            lock.withLock { results[index] = result }
        } catch { fatalError("\(error)") }
    }

    var received: UInt64 { counters.reduce(0) { $0 + $1.counts.received } }

    /// Waits until so many packets have come, at most five seconds.
    func waitFor(_ count: Int) {
        let deadline = Date().addingTimeInterval(5)
        while received < UInt64(count), Date() < deadline { usleep(2_000) }
    }

    /// Waits for the producers to end by themselves, or asks them to.
    func finish(asking: Bool = true) -> [LiveResult] {
        if asking { stop.request() }
        if group.wait(timeout: .now() + 10) == .timedOut { stop.request() }
        group.wait()
        return results.sorted { $0.key < $1.key }.map(\.value)
    }
}
