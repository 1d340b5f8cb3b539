// SPDX-License-Identifier: Apache-2.0

import BeltwayWire
import Testing

@testable import BeltwayBuffers

@Suite struct `A record in the ring` {
    static let flags: [RecordFlags] = [
        [], .checksumNotReady, .outbound, .inbound, .truncated, [.inbound, .checksumNotReady],
        [.outbound, .checksumNotReady, .truncated],
    ]

    @Test(arguments: flags)
    func `is an Enhanced Packet Block on 16 bytes for every length`(flags: RecordFlags) throws {
        let buffer = try makeBuffer(1 << 20, .fastReader)
        var producer = buffer.makeProducer()
        var reader = try DescriptorReader(buffer)
        for length in 0...70 {
            let appended = producer.append(ordinal: UInt64(length), length: length, flags: flags)
            #expect(appended)
        }
        producer.publish()
        for length in 0...70 {
            let next = reader.next()
            let descriptor = try #require(next)
            #expect(Int(descriptor.capturedLength) == length)
            #expect(descriptor.flags == flags)
            #expect(descriptor.position.bytes % 16 == 0)
            let recordLength = Int(descriptor.recordLength)
            #expect(
                recordLength
                    == RecordLayout.recordLength(capturedLength: length, needsFlags: flags.rawValue & 7 != 0)
            )
            buffer.memory.withBytes(at: descriptor.position, offset: 0, length: recordLength) { span in
                let expected = [
                    Block(type: RecordLayout.enhancedPacketBlock, offset: 0, length: recordLength)
                ]
                let found = blocks(of: span)
                #expect(found == expected)
                #expect(span.littleEndian32(at: 8) == 0)
                let time = 1_000_000_000 + UInt64(length)
                #expect(span.littleEndian32(at: 12) == UInt32(time >> 32))
                #expect(span.littleEndian32(at: 16) == UInt32(truncatingIfNeeded: time))
                #expect(span.littleEndian32(at: 20) == UInt32(length))
                #expect(span.littleEndian32(at: 24) == UInt32(length))
                let isSame = PacketText.matches(span.extracting(28..<28 + length), ordinal: UInt64(length))
                #expect(isSame)
                let padded = (length + 3) & ~3
                for offset in 28 + length..<28 + padded { #expect(span.byte(at: offset) == 0) }
                check(options(of: span, from: 28 + padded, to: recordLength - 4), flags)
            }
        }
    }

    private func check(_ options: [(code: UInt16, value: [UInt8])]?, _ flags: RecordFlags) {
        guard let options else {
            Issue.record("options are not well formed")
            return
        }
        #expect(options.allSatisfy { [2, 6].contains($0.code) && $0.value.count == 4 })
        let bits = options.first { $0.code == 2 }.map { UInt32($0.value[0]) | UInt32($0.value[1]) << 8 }
        var expected: UInt32 = 0
        if flags.contains(.inbound) { expected |= 1 }
        if flags.contains(.outbound) { expected |= 2 }
        if flags.contains(.checksumNotReady) { expected |= 1 << 9 }
        #expect(bits ?? 0 == expected)
    }

    @Test func `is cut at the snap length and says so`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        let snap = buffer.geometry.snapLength
        var producer = buffer.makeProducer()
        var reader = try DescriptorReader(buffer)
        for length in [snap - 1, snap, snap + 1, 9000] {
            let ordinal = UInt64(length)
            var appended = producer.append(ordinal: ordinal, length: length)
            #expect(appended)
            producer.publish()
            let next = reader.next()
            let descriptor = try #require(next)
            #expect(Int(descriptor.capturedLength) == min(length, snap))
            #expect(Int(descriptor.originalLength) == length)
            #expect(descriptor.flags.contains(.truncated) == (length > snap))
            appended = try reader.packet(descriptor) { PacketText.matches($0, ordinal: ordinal) }
            #expect(appended)
        }
    }

    @Test func `is followed by padding that no old byte shows through`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        for ordinal in UInt64(0)..<40 {
            _ = producer.append(ordinal: ordinal, length: 1500)
            producer.publish()
        }
        _ = producer.append(ordinal: 41, length: 60)
        producer.padToPage()
        let batch = producer.publish()
        let length = batch.end - batch.start
        #expect(batch.end.bytes % 4096 == 0)
        buffer.memory.withBytes(at: batch.start, offset: 0, length: length) { span in
            let padding = blocks(of: span)?.last
            #expect(padding?.type == RecordLayout.paddingBlock)
            guard let padding else { return }
            for offset in padding.offset + 8..<padding.offset + padding.length - 4
            where span.byte(at: offset) != 0 {
                Issue.record("byte \(offset) of the padding is not zero")
            }
        }
    }

    @Test func `is followed at a chunk's end by interface statistics, once there are any`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        producer.setStatistics(
            received: 1 << 33,
            dropped: 5,
            interface: 1,
            time: Timestamp(nanoseconds: 0x1_2345_6789_ABCD)
        )
        for ordinal in UInt64(0)..<4 {
            _ = producer.append(ordinal: ordinal, length: 992)
        }
        producer.publish()
        buffer.memory.withBytes(at: .zero, offset: 0, length: 4096) { span in
            let found = blocks(of: span) ?? []
            #expect(
                found.map(\.type) == [
                    6, 6, 6, RecordLayout.interfaceStatisticsBlock, RecordLayout.paddingBlock,
                ]
            )
            guard found.count == 5 else { return }
            let start = found[3].offset
            #expect(span.littleEndian32(at: start + 8) == 1)
            #expect(span.littleEndian32(at: start + 12) == 0x12345)
            #expect(span.littleEndian32(at: start + 16) == 0x6789_ABCD)
            let values = options(of: span, from: start + 20, to: start + found[3].length - 4) ?? []
            #expect(values.map(\.code) == [4, 7, 8])
            #expect(values.first?.value == [0, 0, 0, 0, 2, 0, 0, 0])
            #expect(values.dropFirst().first?.value == [5, 0, 0, 0, 0, 0, 0, 0])
        }
    }
}
