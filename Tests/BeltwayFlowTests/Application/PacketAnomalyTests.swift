// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Foundation
import Testing

private func settings(_ kinds: EventSettings.Anomalies) -> EventSettings {
    var settings = EventSettings()
    settings.anomalies = kinds
    return settings
}

/// Names of the anomalies that a frame has.
private func anomalies(_ frame: [UInt8], _ kinds: EventSettings.Anomalies = .decode) -> [String] {
    var stage = ApplicationStage(events: settings(kinds))
    var sink = TransactionList()
    var headers = PacketHeaders()
    PacketDecoder.decode(frame.span.bytes, linkType: .ethernet, into: &headers)
    let place = PacketPlace(time: .zero, number: 1, buffer: 0, interface: 0)
    stage.judge(headers, frame.span.bytes, flow: nil, packet: place)
    stage.commit(into: &sink)
    return sink.transactions.map { name($0.body) }
}

private func name(_ body: String) -> String {
    let text = Data(("{" + body.dropFirst() + "}").utf8)
    let object = try? JSONSerialization.jsonObject(with: text) as? [String: Any]
    return (object?["anomaly"] as? [String: Any])?["event"] as? String ?? "no JSON: \(body)"
}

private let ethernet: [UInt8] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]

/// A header of IPv4 with a payload.
private func ipv4(
    first: UInt8 = 0x45,
    length: Int? = nil,
    protocol number: UInt8,
    _ payload: [UInt8]
) -> [UInt8] {
    let total = length ?? 20 + payload.count
    return ethernet
        + [
            first, 0, UInt8(total >> 8), UInt8(total & 255), 0, 1, 0, 0, 64, number, 0, 0, 10, 0, 0, 1, 10, 0,
            0, 2,
        ]
        + payload
}

@Suite struct `Anomalies of packets` {
    @Test func `are named as Suricata's decoder names them`() {
        let echo: [UInt8] = [8, 0, 0, 0, 0, 1, 0, 1]
        #expect(anomalies(ipv4(protocol: 1, echo)) == [])
        #expect(anomalies(ipv4(protocol: 1, [8, 1] + echo[2...])) == ["decoder.icmpv4.unknown_code"])
        #expect(anomalies(ipv4(protocol: 1, [77, 0] + echo[2...])) == ["decoder.icmpv4.unknown_type"])
        #expect(anomalies(ipv4(first: 0x44, protocol: 1, echo)) == ["decoder.ipv4.hlen_too_small"])
        #expect(anomalies(ipv4(length: 12, protocol: 1, echo)) == ["decoder.ipv4.iplen_smaller_than_hlen"])
        #expect(anomalies(Array(ipv4(protocol: 1, echo).prefix(24))) == ["decoder.ipv4.pkt_too_small"])
        #expect(anomalies(ipv4(protocol: 6, [0, 1, 0, 2, 0])) == ["decoder.tcp.pkt_too_small"])
        let segment: [UInt8] = [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 2, 0, 0, 0, 0, 0, 0]
        #expect(anomalies(ipv4(protocol: 6, segment)) == ["decoder.tcp.hlen_too_small"])
        #expect(anomalies(ipv4(protocol: 17, [0, 1, 0, 2, 0, 4, 0, 0])) == ["decoder.udp.len_invalid"])
        let unknown = Array(ethernet.dropLast(2)) + [0xfb, 0xb7, 1, 2, 3, 4]
        #expect(anomalies(unknown) == ["decoder.ethernet.unknown_ethertype"])
        #expect(anomalies(ipv4(protocol: 17, [0, 1, 0, 2, 0, 8, 0, 0])) == [])
    }

    @Test func `are bounded in each second, and none where a frame is whole or cut anywhere is no JSON`() {
        let frame = ipv4(protocol: 6, [UInt8](repeating: 0x55, count: 40))
        for count in 0..<frame.count {
            #expect(anomalies(Array(frame.prefix(count))).allSatisfy { $0.hasPrefix("decoder.") })
        }
        var stage = ApplicationStage(events: settings(.decode))
        var sink = TransactionList()
        let bad = ipv4(protocol: 6, [0])
        var headers = PacketHeaders()
        PacketDecoder.decode(bad.span.bytes, linkType: .ethernet, into: &headers)
        for _ in 0..<300 {
            let place = PacketPlace(time: .zero, number: 1, buffer: 0, interface: 0)
            stage.judge(headers, bad.span.bytes, flow: nil, packet: place)
            stage.commit(into: &sink)
        }
        let leftOut = stage.output.anomaliesLeftOut
        #expect(sink.transactions.count == Anomalies.mostEachSecond && leftOut == 200)
    }
}

@Suite struct `Anomalies of streams` {
    @Test func `are gaps, if they are asked for`() {
        let talk: [Talk] = [
            .client("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            .server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"),
            .lost(3, toResponder: false), .server("cdef"),
        ]
        let gaps = Conversation(talk, port: 80, events: settings([.stream])).oddities.map { name($0.body) }
        #expect(gaps == ["stream.reassembly_seq_gap"])
        #expect(Conversation(talk, port: 80).oddities.isEmpty)
        let other = Conversation(
            [.server("220 m ESMTP\r\n"), .server("what\r\n")],
            port: 25,
            events: settings([.stream])
        )
        #expect(other.oddities.isEmpty)
    }
}
