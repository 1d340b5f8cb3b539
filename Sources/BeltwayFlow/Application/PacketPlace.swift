// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// Where and when a packet came by.
@frozen public struct PacketPlace: Sendable, BitwiseCopyable {
    /// Its time.
    public var time: Timestamp
    /// Its number in the capture, from 1; 0 where the capture has no end.
    public var number: UInt64
    /// Number of its data buffer.
    public var buffer: UInt16
    /// Its interface, numbered within that buffer.
    public var interface: UInt16

    /// Makes the place of a packet.
    @inlinable public init(time: Timestamp, number: UInt64, buffer: UInt16, interface: UInt16) {
        self.time = time
        self.number = number
        self.buffer = buffer
        self.interface = interface
    }
}

extension TransactionRecord {
    /// Describes the packet that is being looked at, from originator to responder.
    mutating func set(_ headers: borrowing PacketHeaders, flow: FlowView, _ place: PacketPlace) {
        time = place.time
        packet = place.number
        isFromFlowEnd = false
        buffer = place.buffer
        interface = place.interface
        flowID = flow.flowID
        source = headers.source
        destination = headers.destination
        sourcePort = headers.sourcePort
        destinationPort = headers.destinationPort
        transportProtocol = headers.transportProtocol
        ipVersion = headers.ipVersion
        vlan = (headers.vlan.outer & 0xfff, headers.vlan.inner & 0xfff)
        vlanCount = min(headers.vlanCount, 2)
        tunnelKey = headers.tunnelKey
        isMidstream = flow.isMidstream
        isTurned = false
        toResponder = flow.toResponder
        if !toResponder { turn() }
    }
}
