// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

extension FlowEntry {
    /// Counts a packet: the part of tracking that touches this entry alone.
    ///
    /// - Returns: The time-out list that the flow belongs to now.
    @inlinable @inline(__always)
    mutating func count(
        _ headers: borrowing PacketHeaders,
        forward: Bool,
        time: Timestamp,
        now: Timestamp,
        originalLength: UInt32,
        midstream: Bool,
        view: inout FlowView
    ) -> UInt8 {
        // Direction changes at random, so no branch depends on it; the view takes the sums from registers, since
        // loads right behind narrower stores would wait for them.
        let toResponder = forward == marks.contains(.originatorIsA)
        let one: UInt64 = toResponder ? 1 : 0
        let length = UInt64(originalLength)
        let forwardBytes = toResponder ? length : 0
        view.packetsToResponder = packetsToResponder &+ one
        view.packetsToOriginator = packetsToOriginator &+ (1 &- one)
        view.bytesToResponder = bytesToResponder &+ forwardBytes
        view.bytesToOriginator = bytesToOriginator &+ (length &- forwardBytes)
        packetsToResponder = view.packetsToResponder
        packetsToOriginator = view.packetsToOriginator
        bytesToResponder = view.bytesToResponder
        bytesToOriginator = view.bytesToOriginator
        if time > last { last = time }
        // Packets out of order: who asks for the packets of a flow asks by its times.
        if time < start { start = time }
        if now > seen { seen = now }
        var wanted = list
        if headers.layers.contains(.tcp) {
            if !isUnmoved(by: headers.tcpFlags) {
                advanceTCP(headers, toResponder: toResponder)
                state = tcpState.flowState
                wanted = FlowLists.number(.tcp, state)
            }
            originatorFlags |= toResponder ? headers.tcpFlags : 0
            responderFlags |= toResponder ? 0 : headers.tcpFlags
            view.isEstablished = marks.contains(.handshake) || (midstream && marks.contains(.midstream))
            view.isMidstream = !marks.contains(.originatorSequence)
        } else if key.transportProtocol != 6 {
            view.isEstablished = isTwoWay
            if !headers.layers.isDisjoint(with: [.icmp, .icmpv6]) { pairICMP(headers) }
            if isTwoWay, state == .new {
                state = .established
                wanted = list &+ 1
            }
        }
        view.toResponder = toResponder
        view.flowID = flowID
        view.start = start
        return wanted
    }
}
