// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Testing

@Suite struct `A data buffer` {
    @Test func `gives back every packet, its time and its lengths`() throws {
        let buffer = try makeBuffer(1 << 20, .fastReader)
        var producer = buffer.makeProducer()
        var reader = try DescriptorReader(buffer)
        for length in 0..<300 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ length) }
            let appended = producer.append(
                bytes.span.bytes,
                time: Timestamp(nanoseconds: UInt64(length) << 33),
                originalLength: UInt32(length + 5),
                interface: 0,
                flags: length % 3 == 0 ? .checksumNotReady : []
            )
            #expect(appended)
        }
        var next = reader.next()
        #expect(next == nil)
        producer.publish()
        for length in 0..<300 {
            next = reader.next()
            let descriptor = try #require(next)
            #expect(descriptor.time.nanoseconds == UInt64(length) << 33)
            #expect(descriptor.originalLength == UInt32(length + 5))
            let bytes = try reader.packet(descriptor) { span in
                var copy: [UInt8] = []
                for index in 0..<span.byteCount { copy.append(span.byte(at: index)) }
                return copy
            }
            #expect(bytes == (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ length) })
        }
        next = reader.next()
        #expect(next == nil)
        let ledger = (reader.read, reader.lost, reader.published)
        #expect(ledger == (300, 0, 300))
    }

    @Test(arguments: [0, 1, 4096, 65_535, 100_000, -5])
    func `refuses a size that is not a power of two, and names the next one`(size: Int) {
        #expect(throws: BufferError.self) { _ = try makeBuffer(size, .fastReader) }
    }
}
