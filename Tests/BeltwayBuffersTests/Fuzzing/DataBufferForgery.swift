// SPDX-License-Identifier: Apache-2.0
// A data buffer whose owner lies: every word of its control page, chunk table and descriptors is what the input says,
// changing between any two steps of the readers attached to it.

import BeltwayWire

@testable import BeltwayBuffers

/// The memory of a data buffer that is written without regard for any invariant.
final class ForgedMemory: @unchecked Sendable {
    let data: SharedMemory
    let control: SharedMemory
    private let geometry: BufferGeometry

    init(capacity: Int = 32_768) throws {
        geometry = try BufferGeometry(capacity: capacity)
        data = try SharedMemory(creating: "forged-data", length: geometry.capacity)
        control = try SharedMemory(creating: "forged-control", length: ControlLayout.totalLength(geometry))
        try data.seal()
        try control.seal()
        reset()
        _ = try attach()
    }

    /// What an honest owner says of a buffer in which nothing is published yet.
    func reset() {
        control.base.initializeMemory(as: UInt8.self, repeating: 0, count: control.length)
        let head = [
            ControlLayout.magic, ControlLayout.version, UInt64(geometry.capacity), 1, 1, 1,
            UInt64(geometry.snapLength), BufferKind.described.rawValue,
        ]
        for (index, word) in head.enumerated() { store(word, at: index * 8) }
    }

    func store(_ word: UInt64, at offset: Int) {
        control.base.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
    }

    func attach() throws -> DataBuffer {
        try DataBuffer(
            attachingTo: "forged.0",
            number: 3,
            dataDescriptor: data.descriptor,
            controlDescriptor: control.descriptor
        )
    }
}

/// Readers of such a buffer, step by step.
struct DataBufferForgery: ~Copyable {
    private let memory: ForgedMemory
    private let buffer: DataBuffer
    private var walker: DescriptorReader
    private var logger: RegionReader
    private var input: ForgedInput
    private var loaded: UInt64 = 0

    private static let words = [
        ControlLayout.tail, ControlLayout.tailOrdinal, ControlLayout.intent, ControlLayout.intentOrdinal,
        ControlLayout.timeThrough, ControlLayout.closed, ControlLayout.wakeWord, ControlLayout.flushCount,
        ControlLayout.flushSlot(0), ControlLayout.flushSlot(0) + 8, ControlLayout.flushSlot(1),
        ControlLayout.flushSlot(1) + 8, ControlLayout.interfaceCount,
    ]
    private static let head = [
        ControlLayout.magicOffset, ControlLayout.versionOffset, ControlLayout.capacityOffset,
        ControlLayout.generationOffset, ControlLayout.linkTypeOffset, ControlLayout.policyOffset,
        ControlLayout.snapLengthOffset, ControlLayout.kindOffset,
    ]

    /// Runs one input from its first byte to its last.
    ///
    /// - Parameters:
    ///   - input: What the owner stores, and what readers do in between.
    ///   - memory: Reset here, so one serves many inputs.
    static func run(_ input: ForgedInput, on memory: ForgedMemory) {
        var input = input
        memory.reset()
        for _ in 0..<input.choice(24) { forge(&input, memory) }
        if input.byte() % 8 == 0 { memory.store(input.word(), at: head[input.choice(head.count)]) }
        // What cannot be a buffer is refused; what could be one is read.
        guard let buffer = try? memory.attach() else { return }
        do {
            let walker = try DescriptorReader(buffer)
            let logger = try RegionReader(buffer)
            var run = DataBufferForgery(input, memory, buffer, walker, logger)
            while !run.input.isEmpty { run.step() }
        } catch {}
    }

    private init(
        _ input: ForgedInput,
        _ memory: ForgedMemory,
        _ buffer: DataBuffer,
        _ walker: consuming DescriptorReader,
        _ logger: consuming RegionReader
    ) {
        self.input = input
        self.memory = memory
        self.buffer = buffer
        self.walker = walker
        self.logger = logger
    }

    /// Stores something: a word that readers steer by, a row of the chunk table, a descriptor, or anything anywhere.
    static func forge(_ input: inout ForgedInput, _ memory: ForgedMemory) {
        switch input.byte() % 8 {
        case 0..<4: memory.store(input.word(), at: words[input.choice(words.count)])
        case 4:
            // A row that its index finds: version even, so that it counts.
            let index = input.word()
            let base = ControlLayout.chunkTable + Int(index % 8) * ControlLayout.chunkRowLength
            memory.store((input.word() &+ 1) & ~1, at: base)
            memory.store(index, at: base + 8)
            memory.store(input.word(), at: base + 16)
        case 5:
            let slot = memory.control.length - 512 * 32 + input.choice(512) * 32
            for index in 0..<4 { memory.store(input.word(), at: slot + index * 8) }
        case 6:
            let start = ControlLayout.interfaces + input.choice(64) * 64
            for index in 0..<8 { memory.store(input.number(8), at: start + index * 8) }
        default: memory.store(input.word(), at: input.choice(memory.control.length / 8) * 8)
        }
    }

    private mutating func step() {
        switch input.byte() % 16 {
        case 0..<6: Self.forge(&input, memory)
        case 6..<9: for _ in 0..<input.byte() % 32 { walk() }
        case 9..<11: for _ in 0..<input.byte() % 8 { log() }
        case 11: useEntry()
        case 12:
            precondition(buffer.interfaces.count <= ControlLayout.interfaceCapacity)
            precondition(buffer.interfaces.allSatisfy { $0.utf8.count <= 3 * 64 })
        case 13: look()
        case 14:
            walker.release()
            logger.release()
            walker.wait(nanoseconds: 0)
            logger.wait(nanoseconds: 0)
        default:
            // A reader that comes late; a buffer that lets nobody in is as good as one that gives nothing.
            do {
                walker = try DescriptorReader(buffer)
                logger = try RegionReader(buffer)
            } catch {}
        }
        check()
    }

    private var mapping: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: buffer.memory.data, count: buffer.geometry.capacity)
    }

    private mutating func walk() {
        guard let descriptor = walker.next() else { return }
        let mapping = mapping
        loaded &+= (try? walker.packet(descriptor) { sum($0, within: mapping) }) ?? 0
    }

    private mutating func log() {
        guard let region = logger.next() else { return }
        let page = UInt64(BufferGeometry.pageLength)
        let chunk = UInt64(buffer.geometry.chunkLength)
        let (start, end) = (region.position.bytes, region.position.bytes &+ UInt64(region.length))
        precondition(region.length > 0 && start % page == 0 && end % page == 0, "a region is whole pages")
        precondition(start / chunk == (end - 1) / chunk, "a region stays in its chunk")
        let mapping = mapping
        loaded &+= logger.withBytes(of: region) {
            precondition($0.byteCount == region.length)
            return sum($0, within: mapping)
        }
        if !logger.isWhole(region) { logger.giveBackLapped(region) }
    }

    /// An index entry that somebody forged, and a descriptor likewise.
    private mutating func useEntry() {
        let mapping = mapping
        let entry = IndexEntry(
            position: Position(input.word()),
            flowHash: 0,
            ordinal: UInt32(truncatingIfNeeded: input.word()),
            length: UInt32(truncatingIfNeeded: input.word()),
            offset: UInt32(truncatingIfNeeded: input.word()),
            buffer: 3,
            interface: UInt16(truncatingIfNeeded: input.word()),
            classification: Classification(rawValue: UInt32(truncatingIfNeeded: input.word()))
        )
        loaded &+= buffer.memory.withBytes(
            at: entry.position,
            offset: Int(entry.offset),
            length: Int(entry.length)
        ) { sum($0, within: mapping) }
        loaded &+= buffer.memory.withBytes(
            at: entry.position,
            offset: Int(truncatingIfNeeded: input.word()),
            length: Int(truncatingIfNeeded: input.word())
        ) { sum($0, within: mapping) }
        let descriptor = Descriptor(
            position: Position(input.word()),
            time: .zero,
            capturedLength: UInt32(truncatingIfNeeded: input.word()),
            originalLength: 0,
            recordLength: UInt32(truncatingIfNeeded: input.word()),
            interface: entry.interface,
            flags: []
        )
        loaded &+= buffer.memory.withPacket(descriptor) { sum($0, within: mapping) }
    }

    private mutating func look() {
        let position = Position(input.word())
        let capacity = buffer.geometry.capacity
        precondition((0...capacity).contains(buffer.memory.headroom(of: position)))
        _ = buffer.memory.clock(before: position)
        _ = buffer.memory.row(of: position.bytes)
        _ = (buffer.memory.isWhole(position), buffer.memory.timeThrough, buffer.generation)
        buffer.waitForTail(beyond: position, nanoseconds: 0)
    }

    private func check() {
        let capacity = buffer.geometry.capacity
        precondition(walker.published == walker.read &+ walker.lost, "published = read + lost")
        precondition(logger.published == logger.read &+ logger.lost, "regions: published = read + lost")
        precondition((0...capacity).contains(walker.lagInBytes) && (0...capacity).contains(logger.lagInBytes))
        _ = (walker.backlog, walker.isAtEnd, logger.isAtEnd)
    }
}
