// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire

// A packet segment: a pcapng file whose body is regions of the ring as they stood in memory.
//
//   0        head      SHB, one IDB per interface of the ring, one padding block (0x80000BAD) to a whole page
//   4096 n   regions   EPBs, padding blocks, live Interface Statistics Blocks; whole pages each
//   end      closing   one Interface Statistics Block of 76 bytes; missing after a crash and while it grows
//
// Invariant 1. The file grows by whole regions only, and never has a tail of zeros: space ahead is kept with
//              FALLOC_FL_KEEP_SIZE.
// Invariant 2. Interface ids are the ring's numbers. All interfaces that a region may name are in the head,
//              since a ring that got one more has its next region in a new segment.
// Invariant 3. Little-endian, nanoseconds (if_tsresol 9), snap length 262,144 everywhere.
//
// The closing block is about this segment alone: isb_starttime and isb_endtime bound the times of its
// packets, isb_usrdeliv counts the packets in it, isb_ifdrop those that the ring offered since the segment
// before was closed and that are not stored: overwritten before the disk took them, or passed over for want
// of room. It names interface 0, because what was overwritten is no longer known by interface. Statistics
// blocks between the regions are the capture's and count from its beginning: isb_ifrecv, isb_osdrop and
// isb_usrdeliv by interface.

enum SegmentLayout {
    static let pageLength = BufferGeometry.pageLength
    static let closingLength = 76
    static let byteOrderMagic: UInt32 = 0x1a2b_3c4d

    /// Options of the blocks that are written here (pcapng, 4.2, 4.6).
    enum Option {
        static let userApplication: UInt16 = 4  // shb_userappl
        static let name: UInt16 = 2  // if_name
        static let timeResolution: UInt16 = 9  // if_tsresol
        static let start: UInt16 = 2  // isb_starttime
        static let end: UInt16 = 3  // isb_endtime
        static let dropped: UInt16 = 5  // isb_ifdrop
        static let delivered: UInt16 = 8  // isb_usrdeliv
    }

    /// The head of a segment, a whole number of pages.
    static func head(interfaces: [String], linkType: LinkType) -> [UInt8] {
        var bytes = sectionHeader()
        for name in interfaces { bytes += interfaceBlock(name: name, linkType: linkType) }
        var rest = -bytes.count & (pageLength - 1)
        if rest != 0, rest < PcapngBlockHeader.minimumBlockLength { rest += pageLength }
        if rest != 0 { bytes += padding(rest) }
        return bytes
    }

    static func sectionHeader() -> [UInt8] {
        block(PcapngBlockType.section.rawValue) { body in
            body += little(byteOrderMagic) + little(UInt16(1)) + little(UInt16(0)) + little(UInt64.max)
            body += option(Option.userApplication, Array("Beltway".utf8)) + little(UInt32(0))
        }
    }

    static func interfaceBlock(name: String, linkType: LinkType) -> [UInt8] {
        block(PcapngBlockType.interface.rawValue) { body in
            body += little(linkType.rawValue) + little(UInt16(0))
            body += little(UInt32(RecordLayout.maximumCapturedLength))
            body += option(Option.name, Array(name.utf8.prefix(256)))
            body += option(Option.timeResolution, [9]) + little(UInt32(0))
        }
    }

    static func padding(_ length: Int) -> [UInt8] {
        block(RecordLayout.paddingBlock) {
            $0 += [UInt8](repeating: 0, count: length - PcapngBlockHeader.minimumBlockLength)
        }
    }

    /// What the closing block says of its segment.
    struct Closing: Equatable {
        var leastTime = Timestamp.distantFuture
        var greatestTime = Timestamp.zero
        var packets: UInt64 = 0
        var notStored: UInt64 = 0
    }

    static func closingBlock(_ closing: Closing) -> [UInt8] {
        block(RecordLayout.interfaceStatisticsBlock) { body in
            body += little(UInt32(0)) + time(closing.greatestTime)
            body +=
                option(Option.start, time(closing.leastTime)) + option(Option.end, time(closing.greatestTime))
            body += option(Option.dropped, little(closing.notStored))
            body += option(Option.delivered, little(closing.packets)) + little(UInt32(0))
        }
    }

    /// A closing block, padded with one padding block to a page that can be written directly.
    static func closingPage(_ closing: Closing) -> [UInt8] {
        let bytes = closingBlock(closing)
        return bytes + padding(pageLength - bytes.count)
    }

    /// Reads a closing block; nil if these are other bytes, a live statistics block included.
    static func readClosing(_ bytes: RawSpan) -> Closing? {
        guard bytes.byteCount == closingLength, let header = try? PcapngBlockHeader(bytes, .little),
            header.type == .statistics, header.totalLength == closingLength,
            (try? header.checkTrailer(of: bytes, .little)) != nil
        else { return nil }
        var closing = Closing()
        var found = 0
        var options = PcapngOptions(bytes.extracting(20..<(closingLength - 4)), .little)
        while let option = try? options.next() {
            guard option.length == 8 else { return nil }
            let start = 20 + option.offset
            let high = UInt64(bytes.littleEndian32(at: start))
            let low = UInt64(bytes.littleEndian32(at: start + 4))
            found += 1
            switch option.code {
            case Option.start: closing.leastTime = Timestamp(nanoseconds: high << 32 | low)
            case Option.end: closing.greatestTime = Timestamp(nanoseconds: high << 32 | low)
            case Option.dropped: closing.notStored = low << 32 | high
            case Option.delivered: closing.packets = low << 32 | high
            default: return nil
            }
        }
        return found == 4 ? closing : nil
    }

    // MARK: Blocks

    static func block(_ type: UInt32, _ fill: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes = little(type) + little(UInt32(0))
        fill(&bytes)
        let length = little(UInt32(bytes.count + 4))
        bytes.replaceSubrange(4..<8, with: length)
        return bytes + length
    }

    static func option(_ code: UInt16, _ value: [UInt8]) -> [UInt8] {
        little(code) + little(UInt16(value.count)) + value + [UInt8](repeating: 0, count: -value.count & 3)
    }

    /// High word first, as pcapng has every time.
    static func time(_ time: Timestamp) -> [UInt8] {
        little(UInt32(truncatingIfNeeded: time.nanoseconds >> 32))
            + little(UInt32(truncatingIfNeeded: time.nanoseconds))
    }

    static func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
    }
}
