// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayTestSupport
import BeltwayWire
import Testing

@testable import BeltwayAppliance

/// Names of anomalies, in order.
private struct ToldEvents: FactSink {
    var events: [String] = []

    mutating func record(_ fact: Fact) {}

    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        guard transaction.kind == .anomaly else { return }
        let text = String(decoding: body.indices.map { body[$0] }, as: UTF8.self)
        events.append(
            String(text.split(separator: "\"event\":\"").last?.split(separator: "\"").first ?? "")
        )
    }
}

@Suite struct `A datagram that came in fragments` {
    /// What is told of frames, each cut into fragments of 16 bytes of payload, or as it is.
    private func events(_ frames: [[UInt8]], isCut: Bool) -> [String] {
        var settings = EventSettings()
        settings.anomalies = [.decode, .stream]
        settings.checksums = true
        var worker = Worker(
            tracker: FlowTracker(FlowConfiguration()),
            applications: ApplicationStage(events: settings),
            detector: nil,
            facts: ToldEvents(),
            numbersPackets: true
        )
        var ordinal: UInt64 = 0
        for (number, frame) in frames.enumerated() {
            for piece in isCut ? frame.fragments(every: 16, number: UInt8(number)) : [frame] {
                var headers = PacketHeaders()
                piece.withPacket { PacketDecoder.decode($0, linkType: .ethernet, into: &headers) }
                let description = FragmentFrame(
                    headers: headers,
                    hash: 7,
                    time: Timestamp(nanoseconds: 1_767_600_000_000_000_000 + ordinal),
                    originalLength: UInt32(piece.count),
                    ordinal: ordinal,
                    buffer: 0,
                    interface: 0
                )
                worker.take(CarriedPacket(frame: description, bytes: piece, carries: .none))
                ordinal += 1
            }
        }
        worker.finish(at: Timestamp(nanoseconds: 1_767_700_000_000_000_000))
        return worker.outlet.consumer.facts.events
    }

    @Test(arguments: [false, true])
    func `is judged as one packet`(isCut: Bool) {
        let whole = PacketBuilder.segment(.ack, 100, "some bytes that need more than one fragment")
        #expect(events([whole], isCut: isCut) == [])
        var wrong = whole
        wrong[wrong.count - 1] ^= 1
        #expect(events([wrong], isCut: isCut) == ["decoder.tcp.invalid_checksum"])
        // An acknowledgement's number where the flag says that there is none.
        let broken = PacketBuilder.segment([], 100, unacknowledged: 9, "some bytes, enough of them")
        #expect(events([broken], isCut: isCut) == ["stream.pkt_broken_ack"])
    }

    @Test func `is none as long as a fragment is missing`() {
        var wrong = PacketBuilder.segment(
            [],
            100,
            unacknowledged: 9,
            "some bytes that need more than one fragment"
        )
        wrong[wrong.count - 1] ^= 1
        let cut = wrong.fragments(every: 16, number: 1).dropLast()
        #expect(events(Array(cut), isCut: false) == [])
    }
}
