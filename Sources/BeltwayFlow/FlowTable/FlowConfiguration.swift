// SPDX-License-Identifier: Apache-2.0

/// What a flow tracker can be told; the defaults are Suricata's where it has one.
@frozen public struct FlowConfiguration: Sendable, BitwiseCopyable {
    /// How long a flow may be idle, in seconds, by its state.
    @frozen public struct Timeouts: Equatable, Sendable, BitwiseCopyable {
        /// One direction only, or TCP handshake unfinished.
        public var new: UInt32
        /// Both directions seen.
        public var established: UInt32
        /// TCP ended.
        public var closed: UInt32
        /// How long a flow may go on without a record, in seconds; 0 for as long as it lives.
        public var active: UInt32 = 0

        /// Makes time-outs, in seconds.
        @inlinable public init(new: UInt32, established: UInt32, closed: UInt32) {
            self.new = new
            self.established = established
            self.closed = closed
        }
    }

    /// TCP.
    public var tcp = Timeouts(new: 60, established: 600, closed: 60)
    /// Seconds after an unanswered SYN from which what its sender goes on to send is another flow; 0 for none, the default.
    ///
    /// Zeek's `tcp_attempt_delay`, which is 5 there: where one side only is captured, a connection that lasts longer is
    /// two flows then, and so are SYNs that are sent again so late. An answer, however late, belongs to the flow of the
    /// latest SYN. A flow of which nothing more comes ends by `new`, as without.
    public var attempt: UInt32 = 0
    /// Seconds after the last packet of a TCP connection that was reset from which data on its ports, without a SYN, is
    /// another connection; old segments are long gone then (Linux keeps retransmitting no more once it was reset).
    public var silenceAfterReset: UInt32 = 5
    /// UDP.
    public var udp = Timeouts(new: 30, established: 300, closed: 30)
    /// ICMP and ICMPv6.
    public var icmp = Timeouts(new: 30, established: 300, closed: 30)
    /// All other protocols.
    public var other = Timeouts(new: 30, established: 300, closed: 30)
    /// Most flows that one tracker holds at a time: 1 to 2^28 (an appliance's limit divided by its workers).
    public var capacity = 1_048_576
    /// Whether equal 5-tuples in different VLANs are different flows.
    public var vlansSeparateFlows = true
    /// Whether `flow:established` holds for TCP whose handshake was not seen (Suricata's `stream.midstream`).
    public var midstream = false
    /// How fragments are put together.
    public var fragments = FragmentConfiguration()
    /// Secret of flow identifiers.
    public var salt = FlowIDSalt.files

    /// Makes the default configuration.
    @inlinable public init() {}
}

/// The four kinds of protocol that have their own time-outs.
@frozen public enum FlowProtocol: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case tcp, udp, icmp, other

    /// Makes the kind of an IANA protocol number.
    @inlinable public init(transportProtocol: UInt8) {
        switch transportProtocol {
        case 6: self = .tcp
        case 17: self = .udp
        case 1, 58: self = .icmp
        default: self = .other
        }
    }
}
