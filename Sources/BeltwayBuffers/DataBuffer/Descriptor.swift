// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// What the producer says of one record, beside the data ring: the d-DBuf's header out of band (paper, 4.2.2).
///
/// 32 bytes, the layout that other processes see (pinned by `LayoutTests`). It is authoritative: no reader
/// trusts a length that it finds in the data ring.
@frozen public struct Descriptor: Equatable, Sendable, BitwiseCopyable {
    /// Where the record starts.
    public var position: Position
    /// The packet's time.
    public var time: Timestamp
    /// Bytes of the packet that the record holds.
    public var capturedLength: UInt32
    /// Bytes of the packet on the wire.
    public var originalLength: UInt32
    /// Bytes of the whole record (an Enhanced Packet Block), a multiple of 16.
    public var recordLength: UInt32
    /// Interface, an index into the buffer's table of interfaces; also the block's interface id.
    public var interface: UInt16
    /// What the producer knows of the packet.
    public var flags: RecordFlags

    /// Makes a descriptor.
    @inlinable public init(
        position: Position,
        time: Timestamp,
        capturedLength: UInt32,
        originalLength: UInt32,
        recordLength: UInt32,
        interface: UInt16,
        flags: RecordFlags
    ) {
        self.position = position
        self.time = time
        self.capturedLength = capturedLength
        self.originalLength = originalLength
        self.recordLength = recordLength
        self.interface = interface
        self.flags = flags
    }
}

/// What a producer knows of a packet beyond its bytes.
///
/// The constants are computed: a stored one would be a call from another module, per packet.
@frozen public struct RecordFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
    /// The bits.
    public let rawValue: UInt16
    /// Takes the bits as they are.
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The packet's checksums are not yet computed (offload; TP_STATUS_CSUMNOTREADY): `epb_flags` bit 9.
    @inlinable public static var checksumNotReady: RecordFlags { RecordFlags(rawValue: 1) }
    /// The packet was sent by this host (PACKET_OUTGOING): `epb_flags` direction 10.
    @inlinable public static var outbound: RecordFlags { RecordFlags(rawValue: 2) }
    /// The packet was received by this host: `epb_flags` direction 01.
    @inlinable public static var inbound: RecordFlags { RecordFlags(rawValue: 4) }
    /// The packet was longer than the buffer's snap length and was cut by Beltway.
    @inlinable public static var truncated: RecordFlags { RecordFlags(rawValue: 8) }
}
