// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayFlow

/// Segments of one connection, and the anomalies that they are told for.
private struct Segments: ~Copyable {
    var stage: ApplicationStage
    var sink = TransactionList()
    var seconds: UInt64 = 1

    init(_ kinds: EventSettings.Anomalies = [.decode, .stream]) {
        var events = EventSettings()
        events.anomalies = kinds
        stage = ApplicationStage(events: events)
    }

    mutating func take(_ frame: [UInt8], back: Bool = false, flowID: UInt64 = 7) {
        var headers = PacketHeaders()
        PacketDecoder.decode(frame.span.bytes, linkType: .ethernet, into: &headers)
        var flow = FlowView()
        flow.flowID = flowID
        flow.toResponder = !back
        let place = PacketPlace(time: Timestamp(seconds: seconds), number: 1, buffer: 0, interface: 0)
        stage.judge(headers, frame.span.bytes, flow: flow, packet: place)
        stage.commit(into: &sink)
    }

    /// A segment by its numbers; `stamp` as a time stamp.
    mutating func send(
        _ sequence: UInt32,
        _ acknowledgement: UInt32 = 0,
        flags: PacketBuilder.TCPFlags = .ack,
        window: UInt16 = 1000,
        count: Int = 0,
        stamp: UInt32? = nil,
        options: [UInt8] = [],
        back: Bool = false
    ) {
        let stamps = stamp.map { value in
            [1, 1, 8, 10] + (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) } + [
                0, 0, 0, 0,
            ]
        }
        let frame = PacketBuilder().ethernet().ipv4().tcp(
            sequence: sequence,
            acknowledgement: acknowledgement,
            flags: flags,
            window: window,
            options: options + (stamps ?? [])
        )
        .payload([UInt8](repeating: 0x61, count: count)).bytes
        take(frame, back: back)
    }

    mutating func shakeHands(stamp: UInt32? = nil, scale: UInt8? = nil) {
        let options: [UInt8] = scale.map { [3, 3, $0, 1] } ?? []
        send(99, flags: .syn, stamp: stamp, options: options)
        send(499, 100, flags: [.syn, .ack], stamp: stamp, options: options, back: true)
        send(100, 500, stamp: stamp)
    }

    var events: [String] {
        sink.transactions.map { transaction in
            let text = Data(("{" + transaction.body.dropFirst() + "}").utf8)
            let object = try? JSONSerialization.jsonObject(with: text) as? [String: Any]
            return (object?["anomaly"] as? [String: Any])?["event"] as? String
                ?? "no JSON: \(transaction.body)"
        }
    }
}

@Suite struct `Anomalies of segments` {
    @Test(
        arguments: [
            ([2, 4, 5, 0xb4], nil), ([2, 3, 5, 1], "decoder.tcp.opt_invalid_len"),
            ([3, 3, 7, 0], nil), ([3, 4, 7, 0], "decoder.tcp.opt_invalid_len"),
            ([8, 4, 0, 0], "decoder.tcp.opt_invalid_len"), ([5, 4, 0, 0], "decoder.tcp.opt_invalid_len"),
            ([4, 2, 1, 1], nil), ([4, 2, 4, 2], "decoder.tcp.opt_duplicate"),
            ([1, 1, 1, 99], "decoder.tcp.opt_invalid_len"),
            ([99, 0, 0, 0], "decoder.tcp.opt_invalid_len"), ([99, 5, 0, 0], "decoder.tcp.opt_invalid_len"),
            ([99, 4, 0, 0], nil), ([0, 8, 8, 8], nil), ([200, 4, 0, 0], nil),
        ] as [([UInt8], String?)]
    )
    func `are options that are too long, too short, or there twice`(options: [UInt8], event: String?) {
        var segments = Segments(.decode)
        segments.send(1, 1, options: options)
        let events = segments.events
        #expect(events == (event.map { [$0] } ?? []), "\(options)")
    }

    @Test func `are time stamps older than what was in order`() {
        var segments = Segments()
        segments.shakeHands(stamp: 1000)
        segments.send(100, 500, count: 10, stamp: 1010)
        segments.send(500, 110, stamp: 1010, back: true)
        segments.send(110, 500, count: 10, stamp: 1009)
        segments.send(120, 500, count: 10, stamp: 1010)
        let events = segments.events
        #expect(events == ["stream.pkt_invalid_timestamp"])
    }

    @Test func `are time stamps of resets too, though they are believed`() {
        var segments = Segments()
        segments.shakeHands(stamp: 1000)
        segments.send(100, 500, flags: [.rst, .ack], stamp: 0)
        let events = segments.events
        #expect(events == ["stream.pkt_invalid_timestamp"])
    }

    @Test func `are not segments that overtake each other, or stamps of the next round`() {
        var segments = Segments()
        segments.shakeHands(stamp: 1000)
        segments.send(110, 500, count: 10, stamp: 1020)
        segments.send(100, 500, count: 10, stamp: 1010)
        segments.send(500, 120, stamp: 1021, back: true)
        segments.send(130, flags: .rst)
        segments.seconds += 25 * 86_400
        segments.send(130, 500, count: 10, stamp: 5)
        segments.send(140, 500, count: 10, stamp: 6)
        let events = segments.events
        #expect(events == [])
    }

    @Test(arguments: [(UInt32(110), false), (1_099, false), (1_500, false), (1_501, true), (90_000, true)])
    func `are acknowledgements of what could not have been sent`(acknowledgement: UInt32, isOdd: Bool) {
        var segments = Segments()
        segments.shakeHands()
        // 500 lets the other send up to 1500; more than was seen may have been lost before the capture.
        segments.send(500, 100, window: 1400, back: true)
        segments.send(100, 500, count: 10)
        segments.send(500, acknowledgement, back: true)
        let events = segments.events
        #expect(events == (isOdd ? ["stream.pkt_invalid_ack"] : []))
    }

    @Test(arguments: [
        (UInt8?.none, 1000, false), (nil, 1001, true), (2, 1001, false), (2, 4000, false), (2, 4001, true),
    ])
    func `are bytes beyond the window, scaled if both sides said so`(scale: UInt8?, count: Int, isOdd: Bool) {
        var segments = Segments()
        segments.shakeHands(scale: scale)
        segments.send(500, 100, back: true)
        segments.send(100, 500, count: count)
        let events = segments.events
        #expect(events == (isOdd ? ["stream.est_packet_out_of_window"] : []))
    }

    @Test func `are told three times, and no more, when packets between were not seen`() {
        var segments = Segments()
        segments.shakeHands()
        segments.send(500, 100, back: true)
        for step: UInt32 in 0..<20 {
            segments.send(900_000 + step * 100, 700_000 + step * 100, count: 100)
            segments.send(700_000 + step * 100, 900_000 + step * 100 + 100, count: 100, back: true)
        }
        let events = segments.events
        #expect((1...6).contains(events.count), "\(events)")
    }

    @Test func `do not make genuine time stamps old`() {
        var segments = Segments()
        segments.shakeHands(stamp: 1000)
        segments.send(500, 100, stamp: 1000, back: true)
        segments.send(90, 500, flags: [.rst, .ack], stamp: 2_000_000_000)
        segments.send(50, 500, count: 5, stamp: 2_000_000_000)
        segments.send(100, 500, count: 10, stamp: 1010)
        let events = segments.events
        #expect(events == [])
    }

    @Test func `are not told of connections whose beginning was not seen, unless nothing allows for them`() {
        var segments = Segments()
        segments.send(100, 500, count: 1400)
        segments.send(500, 100, window: 10, back: true)
        segments.send(1500, 500, count: 1400)
        segments.send(500, 2900, window: 10, back: true)
        segments.send(500, 9000, window: 10, back: true)
        let events = segments.events
        #expect(events == [])
    }

    @Test func `are numbers of an acknowledgement that is none`() {
        var segments = Segments()
        segments.send(99, 5, flags: .syn)
        let events = segments.events
        #expect(events == ["stream.pkt_broken_ack"])
    }

    @Test func `are told of kinds that are asked for alone`() {
        for (kinds, expected) in [
            (EventSettings.Anomalies.stream, ["stream.pkt_broken_ack"]),
            (.decode, ["decoder.tcp.opt_invalid_len"]),
            (.applayer, []),
        ] {
            var segments = Segments(kinds)
            segments.send(99, 5, flags: .syn, options: [2, 3, 5, 1])
            let events = segments.events
            #expect(events == expected)
        }
    }

    @Test func `of one flow are not those of the next in its place`() {
        var segments = Segments()
        segments.shakeHands(stamp: 1000)
        let frame = PacketBuilder().ethernet().ipv4()
            .tcp(
                sequence: 1,
                acknowledgement: 1,
                flags: [.ack],
                options: [1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 0]
            ).bytes
        segments.take(frame, flowID: 8)
        let events = segments.events
        #expect(events == [])
    }

    @Test func `do no harm when headers are cut or damaged`() {
        var segments = Segments()
        var random = SeededNumbers(seed: 6)
        let whole = PacketBuilder().ethernet().ipv4()
            .tcp(flags: [.ack], options: [1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 0, 2, 4, 5, 0xb4]).payload("data")
            .bytes
        for count in 0...whole.count { segments.take(Array(whole[..<count])) }
        for _ in 0..<2000 {
            var frame = whole
            for _ in 0..<4 {
                frame[14 + Int(random.next() % UInt64(frame.count - 14))] = UInt8(
                    truncatingIfNeeded: random.next()
                )
            }
            segments.take(frame, back: random.next() & 1 == 0)
        }
        let events = segments.events
        #expect(events.allSatisfy { $0.hasPrefix("decoder.") || $0.hasPrefix("stream.") })
    }
}

@Suite struct `Wrong checksums` {
    private func events(_ frame: [UInt8], isAsked: Bool = true) -> [String] {
        var settings = EventSettings()
        settings.anomalies = .decode
        settings.checksums = isAsked
        var stage = ApplicationStage(events: settings)
        var sink = TransactionList()
        var headers = PacketHeaders()
        PacketDecoder.decode(frame.span.bytes, linkType: .ethernet, into: &headers)
        stage.judge(
            headers,
            frame.span.bytes,
            flow: nil,
            packet: PacketPlace(time: .zero, number: 1, buffer: 0, interface: 0)
        )
        stage.commit(into: &sink)
        return sink.transactions.map { transaction in
            String(transaction.body.split(separator: "\"event\":\"").last?.split(separator: "\"").first ?? "")
        }
    }

    private static let packets: [(name: String, frame: [UInt8])] = [
        ("tcp", PacketBuilder().ethernet().ipv4().tcp(flags: .ack).payload("odd").bytes),
        ("tcp", PacketBuilder().ethernet().ipv6().tcp(flags: .ack).payload("even").bytes),
        ("udp", PacketBuilder().ethernet().ipv4().udp().payload("odd").bytes),
        ("udp", PacketBuilder().ethernet().ipv6().udp().payload("even").bytes),
        ("icmpv4", PacketBuilder().ethernet().ipv4().icmp().payload("odd").bytes),
    ]

    @Test(arguments: packets.indices)
    func `are anomalies where they are asked for`(index: Int) {
        let (name, frame) = Self.packets[index]
        #expect(events(frame) == [])
        var wrong = frame
        wrong[wrong.count - 1] ^= 1
        #expect(events(wrong) == ["decoder.\(name).invalid_checksum"])
        #expect(events(wrong, isAsked: false) == [])
        #expect(events(Array(wrong.dropLast())) == [])
        for count in 0..<frame.count { _ = events(Array(wrong[..<count])) }
    }

    @Test(arguments: [(UInt8(0), true), (1, false)])
    func `are none while a routing header of IPv6 names hosts to visit`(segmentsLeft: UInt8, isTold: Bool) {
        let routing = [4, segmentsLeft] + [UInt8](repeating: 0, count: 4 + 16)
        let frame = PacketBuilder().ethernet().ipv6().extensionHeader(43, contents: routing).tcp(flags: .ack)
            .payload("even").bytes
        #expect(events(frame) == [])
        var wrong = frame
        wrong[wrong.count - 1] ^= 1
        #expect(events(wrong) == (isTold ? ["decoder.tcp.invalid_checksum"] : []))
    }

    @Test func `of IPv4's header are told first, and a checksum of 0 of UDP over IPv4 is none`() {
        var frame = Self.packets[2].frame
        frame[40] = 0
        frame[41] = 0
        #expect(events(frame) == [])
        frame[22] ^= 1
        #expect(events(frame) == ["decoder.ipv4.invalid_checksum"])
    }
}
