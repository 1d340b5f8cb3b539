// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayCapture
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@Suite(
    .serialized,
    .enabled(if: NetworkNamespace.absence == nil, Comment(rawValue: NetworkNamespace.absence ?? ""))
)
struct `A capture through libpcap` {
    /// Captures while `body` runs, in a namespace with a pair of interfaces.
    private func capture(
        _ body: (NetworkNamespace, FrameSender, _ received: () -> UInt64) throws -> Void
    ) throws -> LiveResult {
        let namespace = try NetworkNamespace()
        try namespace.addPair()
        let sender = try namespace.run { try FrameSender(interface: "sender0") }
        let counters = CaptureCounters()
        let stop = StopFlag()
        let finished = DispatchSemaphore(value: 0)
        let isOpen = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        let thread = Thread {
            outcome.result = try? namespace.run {
                var options = PacketSocketOptions()
                options.ringBytes = 8 << 20
                let handle = try LibpcapHandle("capture0", options)
                let buffer = try DataBuffer(
                    name: "capture0.0",
                    number: 0,
                    linkType: handle.linkType,
                    capacity: 8 << 20,
                    policy: .fastReader
                )
                var producer = try LibpcapProducer(
                    handle: handle,
                    options: options,
                    buffer: buffer,
                    filter: AcceptEverything(),
                    stage: LiveStage(),
                    counters: counters,
                    stop: stop
                )
                isOpen.signal()
                let end = producer.run()
                return LiveResult(end: end, stage: producer.stage, counts: counters.counts, buffer: buffer)
            }
            isOpen.signal()
            finished.signal()
        }
        thread.start()
        isOpen.wait()
        defer { stop.request() }
        try body(namespace, sender) { counters.counts.received }
        stop.request()
        finished.wait()
        return try #require(outcome.result)
    }

    private final class Outcome: @unchecked Sendable { var result: LiveResult? }

    private func wait(until condition: () -> Bool) {
        let deadline = Date().addingTimeInterval(5)
        while !condition(), Date() < deadline { usleep(2_000) }
    }

    private let frames: [[UInt8]] = (0..<3_000).map { index in
        PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2").udp(from: UInt16(index + 1), to: 53)
            .payload("query").bytes
    }

    @Test func `receives what was sent, in order`() throws {
        let result = try capture { _, sender, received in
            #expect(sender.send(frames, perSecond: 20_000) == frames.count)
            wait { received() == UInt64(frames.count) }
        }
        #expect(result.end == .stopped)
        #expect(result.stage.packets.map(\.bytes) == frames)
        #expect(result.counts.dropped == 0)
        #expect(result.buffer.linkType == .ethernet)
        #expect(result.stage.isFinished)
    }

    @Test func `goes on when its interface has been down`() throws {
        let result = try capture { namespace, sender, received in
            for frame in frames[..<10] { sender.send(frame) }
            wait { received() == 10 }
            try namespace.ip("link set capture0 down")
            usleep(150_000)
            try namespace.ip("link set capture0 up")
            // What is sent before it is open again is nobody's.
            wait {
                sender.send(frames[10])
                usleep(20_000)
                return received() > 10
            }
        }
        #expect(result.end == .stopped)
        #expect(result.stage.packets.prefix(10).map(\.bytes) == Array(frames[..<10]))
        #expect(result.stage.packets.last?.bytes == frames[10])
    }

    @Test func `ends when its interface vanishes`() throws {
        let result = try capture { namespace, _, _ in
            try namespace.ip("link del capture0")
            usleep(300_000)
        }
        #expect(result.end == .interfaceVanished("capture0"))
    }

    @Test func `of an unknown interface names the known ones`() throws {
        let namespace = try NetworkNamespace()
        _ = try namespace.run {
            #expect(throws: LiveCaptureError.unknownInterface("eth9", known: ["lo"])) {
                _ = try LibpcapHandle("eth9", PacketSocketOptions()).linkType
            }
        }
    }
}
