// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire

extension CaptureFileReader {
    /// Reads the file header of a pcap file.
    mutating func beginPcap() throws(CaptureFileError) -> Step {
        guard window.count >= PcapFileHeader.length else { return need(PcapFileHeader.length) }
        let header: PcapFileHeader
        do {
            header = try PcapFileHeader(window.bytes)
        } catch {
            switch error {
            case .invalid(.version, let value):
                throw .unsupportedVersion(
                    major: UInt16(truncatingIfNeeded: value >> 16),
                    minor: UInt16(truncatingIfNeeded: value)
                )
            case .invalid(.linkType, let value):
                throw .unsupportedLinkType(UInt32(truncatingIfNeeded: value))
            default: throw .unknownFormat(firstBytes: window.bytes.bigEndian32(at: 0))
            }
        }
        // A record may be longer than the stated snap length (tshark accepts it too) up to what libpcap
        // accepts; beyond that only a snap length that announces it is believed, and it up to the largest
        // pcapng block.
        let announced = min(header.snapLength, UInt32(PcapngBlockHeader.maximumBlockLength))
        let limit = max(UInt32(CaptureFileReader.maximumPacketLength), announced)
        interfaces = [PcapngInterface(linkType: header.linkType, snapLength: header.snapLength)]
        section &+= 1
        state = .pcap(header, limit: limit)
        used = PcapFileHeader.length
        return try step()
    }

    /// Takes one record of a pcap file.
    @inline(__always)
    mutating func stepPcap(_ header: PcapFileHeader, limit: UInt32) throws(CaptureFileError) -> Step {
        let have = window.count
        guard have >= header.recordHeaderLength, let record = try? PcapRecordHeader(window.bytes, in: header)
        else {
            return need(header.recordHeaderLength)
        }
        guard record.capturedLength <= limit else {
            throw .invalidCapturedLength(
                offset: offset,
                length: UInt64(record.capturedLength),
                limit: UInt64(limit)
            )
        }
        let captured = Int(record.capturedLength)
        let total = header.recordHeaderLength &+ captured
        guard have >= total else { return need(total) }
        used = total
        packetStart = header.recordHeaderLength
        packetLength = min(captured, CaptureFileReader.maximumPacketLength)
        return .packet(
            FilePacket(
                time: record.time,
                originalLength: record.originalLength,
                interface: 0,
                flags: captured > CaptureFileReader.maximumPacketLength ? .truncated : []
            )
        )
    }
}
