// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire

extension CaptureFileReader {
    /// Takes blocks of a pcapng file up to the next packet.
    mutating func stepPcapng(_ current: ByteOrder) throws(CaptureFileError) -> Step {
        var order = current
        while true {
            guard window.count >= PcapngBlockHeader.length else { return need(PcapngBlockHeader.length) }
            let isSection = window.bytes.bigEndian32(at: 0) == PcapngBlockType.section.rawValue
            if isSection {
                guard window.count >= PcapngSection.prefixLength else {
                    return need(PcapngSection.prefixLength)
                }
                order = try sectionOrder()
            }
            let header = try blockHeader(order)
            guard window.count >= header.totalLength else { return need(header.totalLength) }
            if isSection { try beginSection(order, length: header.totalLength) }
            if let packet = try packet(in: header, order) {
                used = header.totalLength
                return .packet(packet)
            }
            window.consume(header.totalLength)
            offset &+= UInt64(header.totalLength)
        }
    }

    private func sectionOrder() throws(CaptureFileError) -> ByteOrder {
        do {
            return try PcapngSection(prefix: window.bytes).order
        } catch {
            throw failure(error, blockLength: 0)
        }
    }

    /// Reads the header of the block at the window's start, and checks its second length if it is there.
    @inline(__always)
    private func blockHeader(_ order: ByteOrder) throws(CaptureFileError) -> PcapngBlockHeader {
        let header: PcapngBlockHeader
        do {
            header = try PcapngBlockHeader(window.bytes, order)
        } catch {
            throw failure(error, blockLength: 0)
        }
        guard window.count >= header.totalLength else { return header }
        do {
            try header.checkTrailer(of: window.bytes, order)
        } catch {
            guard case .invalid(_, let second) = error else {
                throw failure(error, blockLength: header.totalLength)
            }
            throw .blockLengthsDiffer(offset: offset, first: UInt64(header.totalLength), second: second)
        }
        return header
    }

    private mutating func beginSection(_ order: ByteOrder, length: Int) throws(CaptureFileError) {
        do {
            try PcapngSection(prefix: window.bytes).check(window.bytes.extracting(0..<length))
        } catch {
            throw failure(error, blockLength: length)
        }
        state = .pcapng(order)
        interfaces.removeAll(keepingCapacity: true)
        section &+= 1
    }

    /// Reads the block at the window's start; nil if it holds no packet.
    @inline(__always)
    private mutating func packet(
        in header: PcapngBlockHeader,
        _ order: ByteOrder
    ) throws(CaptureFileError) -> FilePacket? {
        let found: PcapngPacket
        do {
            switch header.type {
            case .enhancedPacket: found = try PcapngPacket(enhanced: block(header), order)
            case .obsoletePacket: found = try PcapngPacket(obsolete: block(header), order)
            case .simplePacket:
                // Without an interface the check below refuses it.
                let snapLength = interfaces.first?.snapLength ?? 0
                found = try PcapngPacket(simple: block(header), snapLength: snapLength, order)
            case .interface:
                let described = try PcapngInterface(block(header), order)
                if interfaces.count < CaptureFileReader.maximumInterfaces { interfaces.append(described) }
                return nil
            default: return nil
            }
        } catch {
            throw failure(error, blockLength: header.totalLength)
        }
        guard found.interface < UInt32(interfaces.count) else {
            throw .unknownInterface(offset: offset, id: found.interface, described: interfaces.count)
        }
        let captured = Int(found.capturedLength)
        packetStart = found.dataOffset
        packetLength = min(captured, CaptureFileReader.maximumPacketLength)
        var flags: RecordFlags = captured > CaptureFileReader.maximumPacketLength ? .truncated : []
        if found.flags != 0 { flags.formUnion(RecordFlags(enhancedPacketFlags: found.flags)) }
        return FilePacket(
            time: header.type == .simplePacket
                ? .zero : interfaces[Int(found.interface)].resolution.timestamp(found.time),
            originalLength: found.originalLength,
            interface: found.interface,
            flags: flags
        )
    }

    @_lifetime(borrow self)
    @inline(__always)
    private func block(_ header: PcapngBlockHeader) -> RawSpan {
        window.bytes.extracting(0..<header.totalLength)
    }

    /// Says where in the file the format was broken.
    @inline(never)
    private func failure(_ error: WireError, blockLength: Int) -> CaptureFileError {
        switch error {
        case .truncated(let need, let have): .blockTooShort(offset: offset, need: need, have: have)
        case .invalid(.byteOrder, let value):
            .invalidByteOrder(offset: offset, magic: UInt32(truncatingIfNeeded: value))
        case .invalid(.version, let value):
            .unsupportedVersion(
                major: UInt16(truncatingIfNeeded: value >> 16),
                minor: UInt16(truncatingIfNeeded: value)
            )
        case .invalid(.capturedLength, let value):
            .invalidCapturedLength(offset: offset, length: value, limit: UInt64(max(0, blockLength &- 32)))
        case .invalid(.optionLength, let value): .invalidOption(offset: offset, length: value)
        case .invalid(_, let value): .invalidBlockLength(offset: offset, length: value)
        }
    }
}

extension RecordFlags {
    /// Takes from `epb_flags` what a record of ours says too.
    ///
    /// That is the direction (bits 0 and 1) and whether checksums are not yet computed (bit 9).
    init(enhancedPacketFlags flags: UInt32) {
        self = []
        switch flags & 3 {
        case 1: insert(.inbound)
        case 2: insert(.outbound)
        default: break
        }
        if flags & 1 << 9 != 0 { insert(.checksumNotReady) }
    }
}
