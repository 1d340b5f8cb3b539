// SPDX-License-Identifier: Apache-2.0
// One block of a TPACKET_V3 ring and the packets in it. One of the files that say `unsafe`.
//
//    0           8             12           16            20           48
//   +-----------+-------------+------------+-------------+--- - - ----+----------+-----+----------+---
//   | version   | status word | packets    | first packet| times      | packet   | ... | packet   |
//   +-----------+-------------+------------+-------------+--- - - ----+----------+-----+----------+---
//
// and one packet, offsets from its header; the headroom is ours to write to:
//
//    0      4     8      12       16    20       24    26    32    36     48            68         mac / net
//   +------+-----+------+--------+-----+--------+-----+-----+-----+------+-------------+----------+--------
//   | next | sec | nsec | caplen | len | status | mac | net | tci | tpid | sockaddr_ll | headroom | packet
//   +------+-----+------+--------+-----+--------+-----+-----+-----+------+-------------+----------+--------
//
// The interface is safe because the offsets that a packet names are checked against the block's length before
// any byte behind them is touched, and the status word (acquired) says that the kernel has left the block to
// us.
import BeltwayBuffers
import BeltwayWire
import CLinux
import Synchronization

/// A block that the kernel has handed over.
@safe struct PacketBlock: ~Copyable {
    private let base: UnsafeMutableRawPointer
    private let length: Int

    init(base: UnsafeMutableRawPointer, length: Int) {
        unsafe self.base = base
        self.length = length
    }

    private var status: UnsafeMutablePointer<Atomic<UInt32>> {
        unsafe (base + 8).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    /// Whether the kernel has handed the block over; acquires what it wrote before.
    var isOurs: Bool {
        unsafe status.pointee.load(ordering: .acquiring) & UInt32(TP_STATUS_USER) != 0
    }

    /// Hands the block back; everything read from it was read before (releasing).
    func giveBack() {
        unsafe status.pointee.store(0, ordering: .releasing)
    }

    /// Packets in the block.
    var count: Int { Int(unsafe base.load(fromByteOffset: 12, as: UInt32.self)) }
    /// Where the first packet's header is.
    var first: Int { Int(unsafe base.load(fromByteOffset: 16, as: UInt32.self)) }

    /// One packet's metadata and place.
    struct Packet {
        var start: Int
        var capturedLength: Int
        var originalLength: UInt32
        var time: Timestamp
        var flags: RecordFlags
        /// Whether a VLAN tag was put back.
        var isTagged: Bool
        /// Where the next packet's header is.
        var next: Int
    }

    /// Reads the packet whose header is at `offset`, its VLAN tag and cooked header put back.
    ///
    /// - Parameters:
    ///   - offset: Where the header is, from the block's start.
    ///   - isCooked: Whether to write a Linux cooked header before the packet.
    /// - Returns: The packet, or nil if the header makes no sense.
    @inline(__always)
    func packet(at offset: Int, isCooked: Bool) -> Packet? {
        guard offset >= 48, offset &+ PacketBlock.headersLength <= length, offset & 7 == 0 else { return nil }
        let header = unsafe (base + offset).assumingMemoryBound(to: tpacket3_hdr.self)
        let status = unsafe header.pointee.tp_status
        let place = unsafe Int(isCooked ? header.pointee.tp_net : header.pointee.tp_mac)
        var captured = unsafe Int(header.pointee.tp_snaplen)
        var original = unsafe header.pointee.tp_len
        var start = offset &+ place
        guard place >= PacketBlock.headersLength &+ PacketBlock.writtenBefore, start &+ captured <= length
        else {
            return nil
        }
        let seconds = unsafe UInt64(header.pointee.tp_sec)
        let nanoseconds = unsafe UInt64(header.pointee.tp_nsec)

        let kind = unsafe base.load(fromByteOffset: offset &+ 48 &+ 10, as: UInt8.self)
        var flags: RecordFlags = kind == UInt8(PACKET_OUTGOING) ? .outbound : .inbound
        if status & UInt32(TP_STATUS_CSUMNOTREADY) != 0 { flags.insert(.checksumNotReady) }

        var tagAt = 12  // after the two Ethernet addresses
        if isCooked {
            writeCookedHeader(before: start, of: offset)
            start &-= 16
            captured &+= 16
            original = original &+ 16
            tagAt = 14
        }
        let isTagged = status & UInt32(TP_STATUS_VLAN_VALID) != 0 && captured >= tagAt
        if isTagged {
            let hasProtocol = status & UInt32(TP_STATUS_VLAN_TPID_VALID) != 0
            let protocolID = unsafe hasProtocol ? header.pointee.hv1.tp_vlan_tpid : 0x8100
            let control = unsafe UInt16(truncatingIfNeeded: header.pointee.hv1.tp_vlan_tci)
            unsafe (base + start - 4).copyMemory(from: base + start, byteCount: tagAt)
            start &-= 4
            unsafe base.storeBytes(of: protocolID.bigEndian, toByteOffset: start &+ tagAt, as: UInt16.self)
            unsafe base.storeBytes(of: control.bigEndian, toByteOffset: start &+ tagAt &+ 2, as: UInt16.self)
            captured &+= 4
            original = original &+ 4
        }
        let next = unsafe Int(header.pointee.tp_next_offset)
        return Packet(
            start: start,
            capturedLength: captured,
            originalLength: original,
            time: Timestamp(nanoseconds: seconds &* 1_000_000_000 &+ nanoseconds),
            flags: flags,
            isTagged: isTagged,
            next: next == 0 ? 0 : offset &+ next
        )
    }

    /// The bytes of a packet of this block.
    @_lifetime(borrow self)
    @inline(__always)
    func bytes(_ packet: Packet) -> RawSpan {
        precondition(
            packet.start >= 48 && packet.capturedLength >= 0
                && packet.start &+ packet.capturedLength <= length,
            "packet outside its block"
        )
        let span = unsafe RawSpan(_unsafeStart: base + packet.start, byteCount: packet.capturedLength)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// tpacket3_hdr and the sockaddr_ll behind it.
    static let headersLength = 68
    /// A cooked header and a tag, at most, are written before the packet.
    static let writtenBefore = 20

    /// Linux cooked capture, version 1: type, hardware type, address length, address, protocol.
    private func writeCookedHeader(before start: Int, of offset: Int) {
        let address = unsafe base + offset + 48
        let header = unsafe base + start - 16
        let kind = unsafe UInt16(address.load(fromByteOffset: 10, as: UInt8.self))
        let hardware = unsafe address.load(fromByteOffset: 8, as: UInt16.self)
        let length = unsafe UInt16(address.load(fromByteOffset: 11, as: UInt8.self))
        unsafe header.storeBytes(of: kind.bigEndian, as: UInt16.self)
        unsafe header.storeBytes(of: hardware.bigEndian, toByteOffset: 2, as: UInt16.self)
        unsafe header.storeBytes(of: length.bigEndian, toByteOffset: 4, as: UInt16.self)
        unsafe (header + 6).copyMemory(from: address + 12, byteCount: 8)
        // In network order already.
        unsafe header.storeBytes(
            of: address.load(fromByteOffset: 2, as: UInt16.self),
            toByteOffset: 14,
            as: UInt16.self
        )
    }
}
