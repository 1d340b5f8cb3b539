// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// What later stages may know of a packet's flow while they look at the packet.
@frozen public struct FlowView: Sendable, BitwiseCopyable {
    /// Where the flow lives in its worker's table; valid until the next packet is tracked.
    public var slot: UInt32 = 0
    /// Whether this packet goes from originator to responder (Suricata: to server).
    public var toResponder = true
    /// Rule language's `flow:established`: TCP after the three-way handshake; others once seen both ways.
    public var isEstablished = false
    /// Whether this packet began the flow.
    public var isFirstPacket = false
    /// TCP: whether neither a SYN nor an answer to one began the flow.
    public var isMidstream = false
    /// The flow's identifier.
    public var flowID: UInt64 = 0
    /// Least time of the flow's packets until now.
    public var start = Timestamp.zero
    /// Counters, this packet included.
    public var packetsToResponder: UInt64 = 0
    /// Counters, this packet included.
    public var packetsToOriginator: UInt64 = 0
    /// Counters, this packet included.
    public var bytesToResponder: UInt64 = 0
    /// Counters, this packet included.
    public var bytesToOriginator: UInt64 = 0

    /// Makes a view of nothing.
    @inlinable public init() {}
}
