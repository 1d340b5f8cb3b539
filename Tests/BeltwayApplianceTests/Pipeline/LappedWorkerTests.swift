// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayClassify
import BeltwayDetect
import BeltwayFlow
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayAppliance

// The rule for stateful stages on memory that may be overwritten (DESIGN.md, 2), with the producer a lap ahead on
// purpose: headers that were overwritten are not applied, payload is passed over when the ring runs short, and what
// was matched in overwritten bytes is thrown away.

/// Facts in an array.
struct GatheredFacts: FactSink {
    var flows: [FlowRecord] = []
    var alerts: [AlertRecord] = []

    mutating func record(_ fact: Fact) {
        switch fact {
        case .flow(let record): flows.append(record)
        case .alert(let record): alerts.append(record)
        case .transaction: break
        }
    }
}

/// A capture thread that the test steps: a small ring, a classifier, one index buffer.
struct SteppedCapture: ~Copyable {
    let ring: DataBuffer
    let index: IndexBuffer
    let holds: LaneHolds
    private var producer: DataBufferProducer
    private var stage: CaptureStage
    private var clock: UInt64 = 1_767_600_000_000_000_000

    init(ringCapacity: Int = 65_536, entries: Int = 1024) throws {
        let ring = try DataBuffer(
            name: "stepped.0",
            number: 0,
            linkType: .ethernet,
            capacity: ringCapacity,
            policy: .fastReader
        )
        try self.init(ring, try IndexBuffer(name: "worker.0", capacity: entries, policy: .fastReader))
    }

    private init(_ ring: DataBuffer, _ index: IndexBuffer) throws {
        let holds = LaneHolds()
        try holds.add(ring)
        var producer = ring.makeProducer()
        _ = try producer.addInterface(named: "stepped")
        self.init(ring, index, holds, producer)
    }

    private init(
        _ ring: DataBuffer,
        _ index: IndexBuffer,
        _ holds: LaneHolds,
        _ producer: consuming DataBufferProducer
    ) {
        var lanes = OwnedArray<IndexBufferProducer>(capacity: 1)
        lanes.append(IndexBufferProducer(index))
        var stage = CaptureStage(
            classifier: PacketClassifier(workers: 1),
            workers: OwnedArray(capacity: 0),
            workerProgress: nil,
            workerFlows: nil,
            statistics: OwnedArray(capacity: 0),
            lanes: lanes,
            carried: [holds.carried],
            hasTracer: false,
            fragments: FragmentConfiguration(),
            tunnelCounters: ReassemblyCounters(),
            compression: CompressionCounters(),
            isOffline: false
        )
        stage.open(ring)
        self.ring = ring
        self.index = index
        self.holds = holds
        self.producer = producer
        self.stage = stage
    }

    /// Captures frames, a batch of `batch` at a time.
    mutating func capture(_ frames: [[UInt8]], batch: Int = 8) {
        for (number, frame) in frames.enumerated() {
            clock += 1_000
            while !append(frame) { publish() }
            if number % batch == batch - 1 { publish() }
        }
        publish()
    }

    private mutating func append(_ frame: [UInt8]) -> Bool {
        producer.append(
            frame.span.bytes,
            time: Timestamp(nanoseconds: clock),
            originalLength: UInt32(frame.count),
            interface: 0,
            flags: []
        )
    }

    private mutating func publish() { stage.process(producer.publish(), of: ring) }

    mutating func end() {
        publish()
        producer.close()
        stage.finish()
    }
}

/// What one worker made of a capture.
private struct Outcome {
    var read: UInt64
    var lost: UInt64
    var payloadSkipped: UInt64
    var facts: GatheredFacts
}

@Suite struct `A worker behind a producer that does not wait` {
    /// Alerts on every packet whose payload says so.
    private static let rule =
        #"alert udp any any -> any any (msg:"said so"; content:"ALERT-ME"; sid:1; rev:1;)"#

    private func makeWorker() -> Worker<GatheredFacts> {
        let report = RuleLoader.load(text: Self.rule)
        return Worker(
            tracker: FlowTracker(FlowConfiguration()),
            applications: ApplicationStage(),
            detector: Detector(report.ruleSet),
            facts: GatheredFacts(),
            numbersPackets: false
        )
    }

    /// A packet of a flow of its own, about 1,100 bytes of ring.
    private func frame(_ number: Int, says text: String = "ALERT-ME") -> [UInt8] {
        let filling = [UInt8](repeating: 0x2e, count: 1_000)
        return PacketBuilder().ethernet().ipv4().udp(from: UInt16(10_000 + number), to: 9)
            .payload(filling + Array(text.utf8)).bytes
    }

    private func drain(_ capture: borrowing SteppedCapture) -> Outcome {
        var worker = makeWorker()
        var lane = WorkerLane(capture.index, holds: capture.holds, isLive: true)
        while lane.drain(limit: 16, into: &worker) > 0 {}
        worker.finish(at: lane.clock)
        return Outcome(
            read: lane.reader.read,
            lost: lane.reader.lost,
            payloadSkipped: worker.payloadSkipped,
            facts: worker.outlet.consumer.facts
        )
    }

    @Test func `loses exactly the packets that were overwritten, and applies none of them`() throws {
        var capture = try SteppedCapture()
        capture.capture((0..<200).map { frame($0) })
        let outcome = drain(capture)
        let published = capture.index.published
        #expect(published == 200)
        #expect(outcome.read + outcome.lost == 200)
        #expect(outcome.lost > 100 && outcome.read > 30, "\(outcome.lost) of 200 were overwritten")
        #expect(outcome.facts.flows.count == Int(outcome.read))
        let applied = Set(outcome.facts.flows.map { Int($0.originatorPort) - 10_000 })
        #expect(applied == Set((200 - Int(outcome.read))..<200), "what is left is the newest")
        #expect(outcome.facts.flows.allSatisfy { $0.packetsToResponder == 1 && $0.bytesToResponder == 1_050 })
    }

    @Test func `passes payload over when less than half of the ring is left, and still counts the flow`()
        throws
    {
        var capture = try SteppedCapture()
        // 48 of about 1,100 bytes: nothing is overwritten, but the first of them have under half a ring of headroom.
        capture.capture((0..<48).map { frame($0) })
        let outcome = drain(capture)
        #expect(outcome.lost == 0)
        #expect(outcome.read == 48)
        #expect(outcome.facts.flows.count == 48)
        #expect(outcome.payloadSkipped > 5 && outcome.payloadSkipped < 43)
        #expect(outcome.facts.alerts.count == 48 - Int(outcome.payloadSkipped))
        let alerted = Set(outcome.facts.alerts.map { Int($0.sourcePort) - 10_000 })
        #expect(alerted == Set(Int(outcome.payloadSkipped)..<48), "those passed over are the oldest")
    }

    @Test func `looks at every payload while it keeps up`() throws {
        var capture = try SteppedCapture()
        var worker = makeWorker()
        var lane = WorkerLane(capture.index, holds: capture.holds, isLive: true)
        for round in 0..<50 {
            capture.capture((0..<8).map { frame(round * 8 + $0) })
            while lane.drain(limit: 16, into: &worker) > 0 {}
        }
        let (read, lost) = (lane.reader.read, lane.reader.lost)
        #expect(read == 400)
        #expect(lost == 0)
        let (skipped, facts) = (worker.payloadSkipped, worker.outlet.consumer.facts)
        #expect(skipped == 0)
        #expect(facts.alerts.count == 400)
    }

    @Test func `loses the entries that were overwritten in its index buffer`() throws {
        var capture = try SteppedCapture(ringCapacity: 1 << 20, entries: 64)
        capture.capture((0..<200).map { frame($0) })
        let outcome = drain(capture)
        #expect(outcome.read + outcome.lost == 200)
        #expect(outcome.lost >= 136)
        #expect(outcome.facts.flows.count == Int(outcome.read))
        #expect(outcome.facts.alerts.count == Int(outcome.read))
    }

    @Test func `counts packets alone, though those in tunnels have an entry for each layer`() throws {
        var capture = try SteppedCapture(ringCapacity: 1 << 20, entries: 64)
        var worker = makeWorker()
        var packets = 0
        var lane = WorkerLane(capture.index, holds: capture.holds, isLive: true)
        for burst in [3, 50, 200, 1, 31] {
            capture.capture(
                (0..<burst).map { number in
                    PacketBuilder().ethernet().ipv4(ipProtocol: 47).payload([0, 0, 8, 0])
                        .ipv4(from: "192.168.0.1", to: "192.168.0.2").udp(from: UInt16(1000 + number), to: 9)
                        .payload("inside").bytes
                }
            )
            packets += burst
            while lane.drain(limit: 16, into: &worker) > 0 {}
            let offered = lane.reader.read + lane.reader.lost
            #expect(offered == UInt64(packets))
        }
        let (entries, lost) = (capture.index.published, lane.reader.lost)
        #expect(entries == UInt64(2 * packets))
        #expect(lost > 100)
    }

    @Test func `resumes after every lap and keeps the identity`() throws {
        var capture = try SteppedCapture()
        var worker = makeWorker()
        var lane = WorkerLane(capture.index, holds: capture.holds, isLive: true)
        var number = 0
        for burst in [3, 300, 10, 80, 1, 64, 500, 20] {
            capture.capture((0..<burst).map { frame(number + $0) })
            number += burst
            while lane.drain(limit: 16, into: &worker) > 0 {}
            let offered = lane.reader.read + lane.reader.lost
            #expect(offered == UInt64(number))
        }
        capture.end()
        let isAtEnd = lane.reader.isAtEnd
        #expect(isAtEnd)
        worker.finish(at: lane.clock)
        let published = capture.index.published
        #expect(published == UInt64(number))
        let (read, skipped, facts) = (lane.reader.read, worker.payloadSkipped, worker.outlet.consumer.facts)
        #expect(facts.flows.count == Int(read))
        #expect(facts.alerts.count == Int(read - skipped))
    }

    @Test(.timeLimit(.minutes(3)))
    func `throws away what it matched in a packet that was overwritten meanwhile`() throws {
        // A producer that never waits laps the ring while the worker matches. A packet fills a chunk, so that what
        // overwrites packet n is packet n + 8: of the two, one says the word. An alert on a port that does not say
        // it would come from the bytes of another packet.
        func says(_ number: Int) -> Bool { (number / 8 + number) % 2 == 1 }
        let filling = [UInt8](repeating: 0x2e, count: 7_000)
        let frames = (0..<64).map { number in
            PacketBuilder().ethernet().ipv4().udp(from: UInt16(10_000 + number), to: 9)
                .payload(filling + Array((says(number) ? "ALERT-ME" : "no alert").utf8)).bytes
        }
        let capture = try SteppedCapture()
        let (index, holds) = (capture.index, capture.holds)
        let producer = Parcel(consume capture)
        let thread = try DataPlaneThread(name: "stepped") {
            var capture = producer.open()
            var next = 0
            let end = Date().addingTimeInterval(0.7)
            while Date() < end {
                let burst = Int.random(in: 1...24)
                capture.capture((next..<next + burst).map { frames[$0 % 64] }, batch: 1)
                next += burst
                // Now and then a pause, so that the worker catches up and looks at payload again.
                if Bool.random() { usleep(30) }
            }
            capture.end()
        }
        var worker = makeWorker()
        var lane = WorkerLane(index, holds: holds, isLive: true)
        while !lane.reader.isAtEnd { _ = lane.drain(limit: 16, into: &worker) }
        thread.join()
        worker.finish(at: lane.clock)
        let (read, lost) = (lane.reader.read, lane.reader.lost)
        let (skipped, facts) = (worker.payloadSkipped, worker.outlet.consumer.facts)
        #expect(index.published == read + lost)
        #expect(lost > 0, "the producer was a lap ahead")
        #expect(skipped > 0)
        #expect(facts.flows.reduce(0) { $0 + $1.packetsToResponder } == read)
        #expect(!facts.alerts.isEmpty)
        #expect(facts.alerts.allSatisfy { says(Int($0.sourcePort) - 10_000) })
        #expect(facts.alerts.count <= Int(read - skipped))
    }
}
