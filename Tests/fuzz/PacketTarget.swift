// SPDX-License-Identifier: Apache-2.0
// libFuzzer: whole packets, from the link header to the parsers: decoder, classifier, fragments (also of tunnels),
// compressed datagrams, flow tracker, reassembly of streams.
//
//     input    link 1 | packet | packet ..     link: which of `links`; its high bits choose the overlap policies
//     packet   length 2 | bytes                the high bit of the length: two minutes later

import BeltwayFlow
import BeltwayFlowTestSupport
import BeltwayWire

private let links: [LinkType] = [
    .ethernet, .linuxCooked, .raw, .null, .linuxCooked2, .ppp, .frameRelay, .netfilterLog, .radiotap,
    .wirelessLAN,
    .packetInformation, .arcnetLinux, .ciscoHDLC, .loop, .ipv6,
]

private struct Discarding: FactSink {
    mutating func record(_ fact: Fact) {}
    mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {}
}

/// One worker with its producer.
private func pipeline(policy: UInt8) -> FlowPipeline<ParsingEnd<Discarding>> {
    var configuration = FlowConfiguration()
    configuration.capacity = 64
    configuration.fragments.policy = FragmentPolicy.allCases[Int(policy) % FragmentPolicy.allCases.count]
    configuration.fragments.budget = 1 << 18
    var streams = StreamConfiguration()
    streams.overlap = OverlapPolicy.allCases[Int(policy) % OverlapPolicy.allCases.count]
    streams.copiedBytes = 1 << 16
    var events = EventSettings()
    events.anomalies = [.applayer, .decode, .stream]
    events.checksums = policy & 1 != 0
    let stage = ApplicationStage(wantsDetails: true, events: events)
    return FlowPipeline(configuration, end: ParsingEnd(streams, stage, Discarding()))
}

/// One input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let start, count > 3 else { return 0 }
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let link = links[Int(input[0] & 15) % links.count]
    var pipeline = pipeline(policy: input[0] >> 4)
    var time = Timestamp(seconds: 1)
    var index = 1
    while index + 2 <= input.count {
        let length = Int(input[index] & 0x7f) << 8 | Int(input[index + 1])
        if input[index] & 0x80 != 0 {
            time = Timestamp(nanoseconds: time.nanoseconds + 120_000_000_000)
            pipeline.expire(through: time)
        }
        let end = min(index + 2 + length, input.count)
        let packet = Array(input[index + 2..<end])
        packet.withPacket {
            _ = pipeline.take($0, link, time: time, originalLength: UInt32(packet.count))
        }
        index = end
    }
    pipeline.finishParsing()
    if let problem = pipeline.problem { preconditionFailure(problem) }
    return 0
}
