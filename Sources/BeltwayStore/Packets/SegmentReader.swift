// SPDX-License-Identifier: Apache-2.0
import BeltwayWire

// Reads a segment block by block. It believes nothing: what does not fit ends the segment there.
//
//   head        SHB (little-endian), IDBs: nanoseconds or nothing
//   body        EPBs are packets; every other block is passed over by its length
//   end         of the file between two blocks, or else `damage`

/// Walks one segment's packets.
struct SegmentReader: ~Copyable {
    let path: String
    /// Interfaces of the head.
    private(set) var interfaces: [StoredInterface] = []
    /// Why reading ended early, if it did.
    private(set) var damage: PacketStoreError?
    private(set) var current = StoredPacket(time: .zero, interface: 0, originalLength: 0, flags: 0)
    /// Link type of the current packet.
    private(set) var linkType = LinkType.ethernet
    private var linkTypes: [LinkType] = []
    private var capturedLength = 0
    private var window: FileWindow
    /// Bytes of the current block, skipped when the reader moves on.
    private var blockLength = 0
    private var isAtEnd = false

    /// Opens a segment and reads its section header.
    ///
    /// - Throws: `system` if it cannot be read, `damaged` if it is no segment.
    static func open(_ path: String) throws(PacketStoreError) -> SegmentReader {
        var reader = SegmentReader(path, try FileWindow(opening: path))
        try reader.readHead()
        return reader
    }

    private init(_ path: String, _ window: consuming FileWindow) {
        self.path = path
        self.window = window
    }

    private mutating func readHead() throws(PacketStoreError) {
        guard try window.fill(28) >= 28 else {
            throw .damaged(path: path, offset: 0, why: "shorter than the header of a packet segment")
        }
        guard window.word(at: 0) == PcapngBlockType.section.rawValue,
            window.word(at: 8) == SegmentLayout.byteOrderMagic
        else {
            throw .damaged(
                path: path,
                offset: 0,
                why: "not a packet segment: no little-endian section header"
            )
        }
        let length = window.word(at: 4)
        guard length >= 28, length <= 65_536, length & 3 == 0 else {
            throw .damaged(path: path, offset: 4, why: "section header of impossible length")
        }
        guard try window.fill(Int(length)) >= Int(length), window.word(at: Int(length) - 4) == length else {
            throw .damaged(path: path, offset: 0, why: "section header that is cut off or contradicts itself")
        }
        window.skip(Int(length))
        // The head's interfaces, so that they are known without a packet.
        while try window.fill(PcapngBlockHeader.length) >= PcapngBlockHeader.length,
            window.word(at: 0) == PcapngBlockType.interface.rawValue
        {
            try readOther(.interface, Int(window.word(at: 4)))
        }
    }

    /// Moves to the next packet; false at the end, or where the file stops making sense.
    mutating func advance() -> Bool {
        guard !isAtEnd else { return false }
        do throws(PacketStoreError) {
            if try step() { return true }
        } catch {
            damage = error
        }
        isAtEnd = true
        blockLength = 0
        capturedLength = 0
        return false
    }

    /// Bytes of the file that were walked so far.
    var offset: UInt64 { window.offset }

    private mutating func step() throws(PacketStoreError) -> Bool {
        while true {
            window.skip(blockLength)
            blockLength = 0
            let available = try window.fill(PcapngBlockHeader.length)
            if available == 0 { return false }
            guard available >= PcapngBlockHeader.length else {
                throw damaged("cut off in the middle of a block")
            }
            let type = window.word(at: 0)
            let length = Int(window.word(at: 4))
            guard length >= PcapngBlockHeader.minimumBlockLength, length & 3 == 0,
                length <= PcapngBlockHeader.maximumBlockLength
            else { throw damaged("block of impossible length \(length)") }
            if type == RecordLayout.enhancedPacketBlock {
                try readPacket(length)
                return true
            }
            try readOther(PcapngBlockType(rawValue: type), length)
        }
    }

    private mutating func readPacket(_ length: Int) throws(PacketStoreError) {
        guard length <= FileWindow.capacity else {
            throw damaged("packet block of impossible length \(length)")
        }
        guard try window.fill(length) >= length else { throw damaged("cut off in the middle of a packet") }
        guard window.word(at: length - 4) == UInt32(length) else {
            throw damaged("block whose two lengths differ")
        }
        guard let packet = window.withBytes(length, { try? PcapngPacket(enhanced: $0, .little) }),
            packet.capturedLength <= UInt32(RecordLayout.maximumCapturedLength)
        else { throw damaged("packet that runs past its block") }
        guard packet.interface < UInt32(interfaces.count) else {
            throw damaged("packet of interface \(packet.interface), which the segment does not have")
        }
        linkType = linkTypes[Int(packet.interface)]
        capturedLength = Int(packet.capturedLength)
        current = StoredPacket(
            time: Timestamp(nanoseconds: packet.time),
            interface: Int(packet.interface),
            originalLength: packet.originalLength,
            flags: packet.flags
        )
        blockLength = length
    }

    private mutating func readOther(_ type: PcapngBlockType, _ length: Int) throws(PacketStoreError) {
        switch type {
        case .section:
            throw damaged("a second section")
        case .interface:
            guard length >= 20, length <= 65_536, length & 3 == 0, try window.fill(length) >= length,
                let interface = window.withBytes(length, { try? PcapngInterface($0, .little) }),
                interface.resolution == .nanoseconds, interfaces.count < 4096
            else { throw damaged("interface description that is not of a packet segment") }
            interfaces.append(StoredInterface(name: interface.name ?? "", linkType: interface.linkType))
            linkTypes.append(interface.linkType)
            window.skip(length)
        default:
            // The second length is read where it lies; what is between may be as long as a chunk.
            window.skip(length - 4)
            guard try window.fill(4) >= 4 else { throw damaged("cut off in the middle of a block") }
            guard window.word(at: 0) == UInt32(length) else {
                throw damaged("block whose two lengths differ")
            }
            window.skip(4)
        }
    }

    /// Hands out the current packet's captured bytes.
    @inline(__always)
    func withPacket<Result>(_ body: (RawSpan) -> Result) -> Result {
        window.withBytes(capturedLength, at: blockLength == 0 ? 0 : RecordLayout.headerLength, body)
    }

    private func damaged(_ why: String) -> PacketStoreError {
        .damaged(path: path, offset: window.offset, why: why)
    }
}
