// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

extension AlertRecord {
    /// Makes the record of an alert on one packet.
    ///
    /// - Parameters:
    ///   - signature: Index into the writer's table of ``SignatureInfo``.
    ///   - headers: The packet's headers.
    ///   - flow: What the tracker knows of its flow, or nil if it belongs to none: flow fields are 0 then, and the
    ///     packet counts as going to the responder.
    ///   - time: The packet's time.
    ///   - ordinal: The packet's ordinal in its buffer, kept modulo 2^32.
    ///   - buffer: Number of its data buffer.
    ///   - interface: Its interface, numbered within that buffer.
    public init(
        signature: UInt32,
        headers: borrowing PacketHeaders,
        flow: FlowView?,
        time: Timestamp,
        ordinal: UInt64,
        buffer: UInt16,
        interface: UInt16
    ) {
        self.init()
        self.signature = signature
        self.time = time
        self.ordinal = UInt32(truncatingIfNeeded: ordinal)
        self.buffer = buffer
        self.interface = interface
        source = headers.source
        destination = headers.destination
        sourcePort = headers.isLaterFragment ? 0 : headers.sourcePort
        destinationPort = headers.isLaterFragment ? 0 : headers.destinationPort
        transportProtocol = headers.transportProtocol
        ipVersion = headers.ipVersion
        vlan = (headers.vlan.outer & 0xfff, headers.vlan.inner & 0xfff)
        vlanCount = min(headers.vlanCount, 2)
        guard let flow else { return }
        flowID = flow.flowID
        toResponder = flow.toResponder
        flowStart = flow.start
        packetsToResponder = flow.packetsToResponder
        packetsToOriginator = flow.packetsToOriginator
        bytesToResponder = flow.bytesToResponder
        bytesToOriginator = flow.bytesToOriginator
    }
}
