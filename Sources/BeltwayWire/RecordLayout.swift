// SPDX-License-Identifier: Apache-2.0
// How a packet lies in the ring and on disk alike: a pcapng Enhanced Packet Block (draft-ietf-opsawg-pcapng, 4.3).
//
//    0          4          8          12         16         20         24         28
//    | type 6   | length   | interface| time hi  | time lo  | captured | original | packet ...
//    | packet, padded to 4 | options (0 to 20 bytes) | length |
//
// Every record starts on 16 bytes. The gap that this leaves is filled with options that every reader knows:
//   4 bytes   opt_endofopt
//   8 bytes   epb_flags
//  12 bytes   epb_flags, opt_endofopt
//  16 bytes   epb_flags, epb_queue               (flags wanted, gap of 0)
//  20 bytes   epb_flags, epb_queue, opt_endofopt (flags wanted, gap of 4)

/// Sizes and constants of a record.
public enum RecordLayout {
    /// Bytes before the packet.
    public static let headerLength = 28
    /// Bytes of a record without packet and options.
    public static let overhead = 32
    /// Every record starts on, and is a multiple of, so many bytes.
    public static let alignment = 16
    /// Longest packet that a record holds: what libpcap accepts (MAXIMUM_SNAPLEN).
    public static let maximumCapturedLength = 262_144

    /// pcapng block type of a packet.
    public static let enhancedPacketBlock: UInt32 = 6
    /// pcapng block type of interface statistics.
    public static let interfaceStatisticsBlock: UInt32 = 5
    /// Local-use block type of padding: no tool shows it.
    public static let paddingBlock: UInt32 = 0x8000_0BAD
    /// Bytes of an Interface Statistics Block with isb_ifrecv, isb_ifdrop, isb_osdrop and opt_endofopt.
    public static let statisticsBlockLength = 64

    /// Bytes of options that fill a record up to its alignment.
    ///
    /// - Parameters:
    ///   - capturedLength: Bytes of the packet.
    ///   - needsFlags: Whether `epb_flags` must be present.
    /// - Returns: 0, 4, 8, 12, 16 or 20.
    @inlinable @inline(__always)
    public static func optionsLength(capturedLength: Int, needsFlags: Bool) -> Int {
        let gap = (0 &- (overhead &+ ((capturedLength &+ 3) & ~3))) & (alignment &- 1)
        return needsFlags && gap < 8 ? gap &+ alignment : gap
    }

    /// Bytes of a whole record, a multiple of ``alignment``.
    @inlinable @inline(__always)
    public static func recordLength(capturedLength: Int, needsFlags: Bool) -> Int {
        overhead &+ ((capturedLength &+ 3) & ~3)
            &+ optionsLength(capturedLength: capturedLength, needsFlags: needsFlags)
    }
}
