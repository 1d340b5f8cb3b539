// SPDX-License-Identifier: Apache-2.0

import BeltwayWire
import Testing

@testable import BeltwayBuffers

@Suite struct `The memory that other processes see` {
    @Test func `has descriptors of 32 bytes`() {
        typealias Layout = MemoryLayout<Descriptor>
        #expect((Layout.size, Layout.stride, Layout.alignment) == (32, 32, 8))
        #expect(Layout.offset(of: \.position) == 0)
        #expect(Layout.offset(of: \.time) == 8)
        #expect(Layout.offset(of: \.capturedLength) == 16)
        #expect(Layout.offset(of: \.originalLength) == 20)
        #expect(Layout.offset(of: \.recordLength) == 24)
        #expect(Layout.offset(of: \.interface) == 28)
        #expect(Layout.offset(of: \.flags) == 30)
    }

    @Test func `has index entries of 32 bytes`() {
        typealias Layout = MemoryLayout<IndexEntry>
        #expect((Layout.size, Layout.stride, Layout.alignment) == (32, 32, 8))
        #expect(Layout.offset(of: \.position) == 0)
        #expect(Layout.offset(of: \.flowHash) == 8)
        #expect(Layout.offset(of: \.ordinal) == 12)
        #expect(Layout.offset(of: \.length) == 16)
        #expect(Layout.offset(of: \.offset) == 20)
        #expect(Layout.offset(of: \.buffer) == 24)
        #expect(Layout.offset(of: \.interface) == 26)
        #expect(Layout.offset(of: \.classification) == 28)
    }

    @Test func `begins with a control page`() {
        typealias Layout = ControlLayout
        #expect(Layout.magic.littleEndian == 0x3159_4157_544C_4542)
        #expect(Layout.version == 2)
        #expect([Layout.magicOffset, Layout.versionOffset, Layout.capacityOffset] == [0, 8, 16])
        #expect([Layout.generationOffset, Layout.linkTypeOffset, Layout.policyOffset] == [24, 32, 40])
        #expect([Layout.snapLengthOffset, Layout.kindOffset, Layout.tailOrdinalBefore] == [48, 56, 80])
        #expect(
            [Layout.tail, Layout.tailOrdinal, Layout.intent, Layout.intentOrdinal] == [64, 72, 128, 136]
        )
        #expect([Layout.timeThrough, Layout.closed, Layout.wakeWord] == [192, 200, 208])
        #expect([Layout.flushCount, Layout.flushSlot(2), Layout.flushSlot(3)] == [256, 264, 280])
        #expect(Layout.interfaceCount == 320)
        #expect([Layout.slotLengthOffset, Layout.alignmentOffset] == [400, 408])
        #expect([Layout.resizingOffset, Layout.minimumLengthOffset] == [416, 424])
        #expect([Layout.epochCount, Layout.epochRow(0), Layout.epochRow(17)] == [512, 1024, 1088])
        #expect([Layout.interfaces, Layout.interfaceNameLength, Layout.interfaceCapacity] == [4096, 64, 64])
        #expect([Layout.chunkTable, Layout.chunkRowLength] == [8192, 64])
    }

    @Test(arguments: [
        (32_768, 4096, 8, 512, 12_288), (8 << 20, 1 << 20, 8, 131_072, 12_288),
        (64 << 20, 4 << 20, 16, 1 << 20, 12_288), (1 << 30, 4 << 20, 256, 16 << 20, 24_576),
    ])
    func `follows from the capacity`(
        capacity: Int,
        chunk: Int,
        chunks: Int,
        descriptors: Int,
        descriptorsAt: Int
    ) throws {
        let geometry = try BufferGeometry(capacity: capacity)
        #expect(geometry.chunkLength == chunk)
        #expect(geometry.chunkCount == chunks)
        #expect(geometry.descriptorCapacity == descriptors)
        #expect(ControlLayout.descriptors(geometry) == descriptorsAt)
        #expect(ControlLayout.totalLength(geometry) == descriptorsAt + 32 * descriptors)
        let longest = RecordLayout.recordLength(capturedLength: geometry.snapLength, needsFlags: true)
        #expect(longest + RecordLayout.statisticsBlockLength <= chunk)
        #expect(geometry.snapLength <= RecordLayout.maximumCapturedLength)
    }

    @Test func `has a chunk table whose rows say where chunks start and what time they span`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        let empty = try #require(buffer.memory.row(of: 0))
        #expect(empty.firstOrdinal == 0 && empty.leastTime == .distantFuture && empty.greatestTime == .zero)
        #expect(buffer.memory.row(of: 1) == nil)
        // Records of 1,024 bytes: four to a chunk.
        for ordinal in 0..<UInt64(40) {
            let appended = producer.append(ordinal: ordinal, length: 992)
            #expect(appended)
            producer.publish()
        }
        #expect(buffer.memory.row(of: 1) == nil)
        for chunk in UInt64(2)...9 {
            let row = try #require(buffer.memory.row(of: chunk))
            #expect(row.firstOrdinal == chunk * 4)
            #expect(row.leastTime.nanoseconds == 1_000_000_000 + chunk * 4)
            #expect(row.greatestTime.nanoseconds == 1_000_000_003 + chunk * 4)
            #expect(row.clockBefore.nanoseconds == 999_999_999 + chunk * 4)
            #expect(buffer.memory.clock(before: Position(chunk * 4096 + 77)) == row.clockBefore)
        }
    }

    @Test func `names at most 64 interfaces, each once`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        for number in 0..<64 {
            let given = try producer.addInterface(named: "eth\(number)")
            #expect(given == UInt16(number))
        }
        let again = try producer.addInterface(named: "eth17")
        #expect(again == 17)
        #expect(throws: BufferError.tooManyInterfaces) { _ = try producer.addInterface(named: "one more") }
        #expect(buffer.interfaces == (0..<64).map { "eth\($0)" })
    }

    @Test func `keeps 63 bytes of an interface's name`() throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        _ = try producer.addInterface(named: String(repeating: "x", count: 200))
        #expect(buffer.interfaces == [String(repeating: "x", count: 63)])
    }
}
