// SPDX-License-Identifier: Apache-2.0
// Packets whose headers are odd: their anomaly is staged beside what the parsers give, and committed with it.
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire

extension Worker where Sink: ~Copyable {
    /// Looks at a packet that is not plain, if anomalies of packets are wanted.
    ///
    /// What is staged waits for the next commit, or is thrown away with what the packet gave.
    @inline(__always)
    mutating func judge(
        _ headers: borrowing PacketHeaders,
        packet: RawSpan,
        flow: FlowView?,
        time: Timestamp,
        ordinal: UInt64,
        buffer: UInt16,
        interface: UInt16
    ) {
        guard judges else { return }
        if headers.trouble == .none, headers.transportProtocol != 1, !judgesAll {
            guard judgesSegments, headers.transportProtocol == 6 else { return }
        }
        let place = PacketPlace(
            time: time,
            number: numbersPackets ? ordinal &+ 1 : 0,
            buffer: buffer,
            interface: interface
        )
        outlet.consumer.applications[0].judge(copy headers, packet, flow: flow, packet: place)
    }
}
