// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayCapture
internal import BeltwayClassify
internal import BeltwayWire
internal import CLinux
internal import CRingPeer
internal import Foundation
internal import Synchronization

/// Who captures.
enum LiveContestant: String, CaseIterable {
    /// The least: a loop in C that walks the kernel's blocks and reads each packet's first bytes.
    case floor = "walk in C"
    /// The same with a copy into a ring.
    case copyingFloor = "walk and copy in C"
    /// Beltway's capture thread with nothing behind it.
    case capture = "capture"
    /// The same with every packet decoded and classified in that thread.
    case classified = "capture, classify"
    /// The program: capture, classifier, index buffers, statistics and flows; its capture thread's time.
    case program = "beltway run"
}

/// One run of one contestant.
struct LiveRun: CustomStringConvertible {
    var contestant: LiveContestant
    var frameLength: Int
    var sent: UInt64
    var received: UInt64 = 0
    /// By the kernel, for want of room.
    var dropped: UInt64 = 0
    /// Lost by the program's consumers.
    var lost: UInt64 = 0
    /// Processor time of the thread that captures, in seconds.
    var seconds: Double = 0
    /// How long the sender took, in seconds.
    var wall: Double = 0
    /// What happened beside it, if that is what is measured.
    var disturbance: LiveDisturbance?
    /// How often a reader came and went.
    var visits = 0

    /// Who captured, or what happened beside it.
    var name: String { disturbance?.rawValue ?? contestant.rawValue }
    var nanoseconds: Double { seconds * 1e9 / Double(max(1, received)) }
    var isExact: Bool { sent == received + dropped }

    var description: String {
        let rate = String(format: "%.0f", Double(sent) / wall / 1000)
        let cost = String(format: "%.1f", nanoseconds)
        return
            "\(name): \(cost) ns, sent \(sent) at \(rate)k/s = received \(received) + dropped "
            + "\(dropped)\(isExact ? "" : "  NOT EXACT"), lost \(lost)"
    }
}

/// Runs contestants at one end of the network, the sender at the other.
struct LiveContest {
    let network: LiveNetwork
    let traffic: LiveTraffic
    let program: LiveProgram
    /// Kernel memory of each contestant, in bytes.
    private let kernelRing = 64 << 20

    func run(_ contestant: LiveContestant, frameLength: Int) throws -> LiveRun {
        var run = LiveRun(contestant: contestant, frameLength: frameLength, sent: 0)
        switch contestant {
        case .floor: try runFloor(copies: false, &run)
        case .copyingFloor: try runFloor(copies: true, &run)
        case .capture: try runCapture(PassOver(), &run)
        case .classified: try runCapture(ClassifyOnly(), &run)
        case .program: try program.run(on: network.capture, &run) { try send(&$0) }
        }
        return run
    }

    /// The program beside four taps, of which one may be a nuisance.
    func run(beside disturbance: LiveDisturbance, frameLength: Int) throws -> LiveRun {
        var run = LiveRun(contestant: .program, frameLength: frameLength, sent: 0, disturbance: disturbance)
        try program.run(on: network.capture, beside: disturbance, &run) { try send(&$0) }
        return run
    }

    /// Sends from a thread of its own on the last processor.
    private func send(_ run: inout LiveRun) throws {
        let (traffic, length, interface) = (traffic, run.frameLength, try network.index(network.sender))
        let frames = traffic.frames(of: length)
        let last = ProcessInfo.processInfo.activeProcessorCount - 1
        let start = wallSeconds()
        run.sent = PeerThread {
            _ = beltway_pin_thread(Int32(last))
            return traffic.send(frames, length: length, on: interface)
        }.join()
        run.wall = wallSeconds() - start
        guard run.sent == traffic.packets else {
            throw LiveTrouble(description: "the sender stopped after \(run.sent) packets")
        }
    }

    private func runFloor(copies: Bool, _ run: inout LiveRun) throws {
        let index = try network.index(network.capture)
        guard let floor = unsafe live_floor_open(index, UInt32(kernelRing >> 20)) else {
            throw LiveTrouble(description: "no packet ring: errno \(errno)")
        }
        defer { unsafe live_floor_close(floor) }
        let end = LiveFloorEnd()
        let address = UInt(bitPattern: floor)
        let thread = PeerThread { () -> (counts: live_counts, seconds: Double) in
            _ = beltway_pin_thread(0)
            let start = threadSeconds()
            // Safe: the ring is closed, and the flag let go, after this thread was joined.
            let counts = unsafe live_floor_run(OpaquePointer(bitPattern: address), copies ? 1 : 0, end.word)
            return (counts, threadSeconds() - start)
        }
        let sending = Result { try send(&run) }
        end.request()
        let result = thread.join()
        try sending.get()
        consume(result.counts.sum)
        (run.received, run.dropped) = (result.counts.received, result.counts.dropped)
        run.seconds = result.seconds
    }

    private func runCapture<Stage: BatchStage & Sendable>(_ stage: Stage, _ run: inout LiveRun) throws {
        let interface = try CaptureInterface(named: network.capture)
        var options = PacketSocketOptions()
        options.ringBytes = kernelRing
        let sockets = try PacketSocket.open(interface, options)
        let buffer = try DataBuffer(
            name: "bench.0",
            number: 0,
            linkType: interface.linkType,
            capacity: 64 << 20,
            policy: .fastReader
        )
        let (counters, stop) = (CaptureCounters(), StopFlag())
        let producer = Handover(
            try PacketSocketProducer(
                socket: sockets[0],
                buffer: buffer,
                filter: AcceptEverything(),
                stage: stage,
                counters: counters,
                stop: stop
            )
        )
        let thread = PeerThread {
            _ = beltway_pin_thread(0)
            var producer = producer.take()
            let start = threadSeconds()
            _ = producer.run()
            return threadSeconds() - start
        }
        let sending = Result { try send(&run) }
        stop.request()
        run.seconds = thread.join()
        try sending.get()
        (run.received, run.dropped) = (counters.counts.received, counters.counts.dropped)
    }
}

/// A flag that C looks at.
///
/// Safe: the word lives as long as this object, which both threads hold.
@safe final class LiveFloorEnd: @unchecked Sendable {
    let word = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
    init() { unsafe word.initialize(to: 0) }
    deinit { unsafe word.deallocate() }
    func request() {
        atomicMemoryFence(ordering: .releasing)
        unsafe word.pointee = 1
    }
}

/// A stage that does nothing.
struct PassOver: BatchStage, Sendable {
    mutating func open(_ buffer: DataBuffer) {}
    mutating func process(_ batch: PublishedBatch, of buffer: DataBuffer) {}
    mutating func idle(through time: Timestamp) {}
    mutating func finish() {}
}

/// A stage that decodes and classifies, and keeps nothing.
struct ClassifyOnly: BatchStage, Sendable {
    private let classifier = PacketClassifier(workers: 4)
    private var sum: UInt64 = 0

    mutating func open(_ buffer: DataBuffer) {}
    mutating func process(_ batch: PublishedBatch, of buffer: DataBuffer) {
        let (classifier, linkType) = (classifier, buffer.linkType)
        var headers = PacketHeaders()
        var sum: UInt64 = 0
        buffer.memory.forEachPacket(in: batch) { _, _, packet in
            PacketDecoder.decode(packet, linkType: linkType, into: &headers)
            let verdict = classifier.classify(headers, packet: packet)
            sum &+= UInt64(verdict.flowHash) &+ UInt64(verdict.worker)
        }
        self.sum &+= sum
    }
    mutating func idle(through time: Timestamp) {}
    mutating func finish() { consume(sum) }
}
