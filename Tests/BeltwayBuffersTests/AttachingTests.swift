// SPDX-License-Identifier: Apache-2.0

import BeltwayWire
import Foundation
import Synchronization
import Testing

@testable import BeltwayBuffers

@Suite struct `Attaching to a buffer` {
    /// A sealed memory of the given length whose first words are given.
    private func sealed(_ length: Int, _ words: [UInt64]) throws -> SharedMemory {
        let memory = try SharedMemory(creating: "test", length: length)
        for (index, word) in words.enumerated() {
            memory.base.storeBytes(of: word, toByteOffset: index * 8, as: UInt64.self)
        }
        try memory.seal()
        return memory
    }

    private func attach(_ data: Int32, _ control: Int32) throws -> DataBuffer {
        try DataBuffer(attachingTo: "test.0", number: 3, dataDescriptor: data, controlDescriptor: control)
    }

    /// What a control page must say to be believed.
    private func words(
        kind: UInt64 = 4,
        capacity: UInt64 = 32_768,
        magic: UInt64 = ControlLayout.magic,
        version: UInt64 = ControlLayout.version
    )
        -> [UInt64]
    {
        [magic, version, capacity, 1, 1, 1, 3980, kind]
    }

    @Test func `shows what the owner has published, and its names`() throws {
        let owner = try DataBuffer(
            name: "eth0.0",
            number: 3,
            linkType: .ethernet,
            capacity: 32_768,
            policy: .blocking,
            generation: 77
        )
        var producer = owner.makeProducer()
        _ = try producer.addInterface(named: "eth0")
        let attached = try attach(owner.descriptors.data, owner.descriptors.control)
        #expect(attached.generation == 77 && attached.policy == .blocking && attached.linkType == .ethernet)
        #expect(attached.geometry == owner.geometry && attached.interfaces == ["eth0"])
        var reader = try DescriptorReader(attached)
        // Nobody waits for a reader of another process: it is lapped and counts.
        for ordinal in 0..<UInt64(500) {
            while !producer.append(ordinal: ordinal, length: 200) { producer.publish() }
        }
        producer.close()
        while let descriptor = reader.next() {
            let ordinal = reader.ordinal - 1
            let isSame = try reader.packet(descriptor) { PacketText.matches($0, ordinal: ordinal) }
            #expect(isSame)
        }
        let (read, lost, isAtEnd) = (reader.read, reader.lost, reader.isAtEnd)
        #expect(read > 0 && lost > 0 && read + lost == 500 && isAtEnd)
    }

    @Test func `refuses memory that its owner could still change`() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(
            "beltway-\(UUID().uuidString)"
        ).path
        let file = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
        #expect(file >= 0)
        defer {
            close(file)
            unlink(path)
        }
        #expect(ftruncate(file, 65_536) == 0)
        #expect(throws: BufferError.notABuffer("memory is not sealed")) { _ = try attach(file, file) }
        let unsealed = try SharedMemory(creating: "test", length: 65_536)
        #expect(throws: BufferError.notABuffer("memory is not sealed")) {
            _ = try attach(unsealed.descriptor, unsealed.descriptor)
        }
        let owner = try makeBuffer(32_768, .fastReader)
        let data = try SharedMemory(creating: "test", length: 32_768)
        #expect(throws: BufferError.notABuffer("memory is not sealed")) {
            _ = try attach(data.descriptor, owner.descriptors.control)
        }
    }

    @Test func `refuses what is not a buffer, or one of another version`() throws {
        let owner = try makeBuffer(32_768, .fastReader)
        let length = ControlLayout.totalLength(owner.geometry)
        let data = owner.descriptors.data
        for wrong in [
            words(magic: 7), words(version: 1), words(kind: 3), words(capacity: 40_000),
            words(capacity: .max),
            words(capacity: 65_536),
        ] {
            let control = try sealed(length, wrong)
            #expect(throws: BufferError.self) { _ = try attach(data, control.descriptor) }
        }
        let right = try sealed(length, words())
        _ = try attach(data, right.descriptor)
    }

    @Test func `refuses memory of the wrong size, or in the wrong order`() throws {
        let (small, large) = (try makeBuffer(32_768, .fastReader), try makeBuffer(65_536, .fastReader))
        #expect(throws: BufferError.self) {
            _ = try attach(large.descriptors.data, small.descriptors.control)
        }
        #expect(throws: BufferError.self) {
            _ = try attach(small.descriptors.data, large.descriptors.control)
        }
        #expect(throws: BufferError.self) {
            _ = try attach(small.descriptors.control, small.descriptors.data)
        }
        let short = try sealed(4096, words())
        #expect(throws: BufferError.self) { _ = try attach(small.descriptors.data, short.descriptor) }
        #expect(throws: BufferError.self) { _ = try attach(-1, -1) }
    }

    @Test func `maps as much as there is, however late its size was changed and sealed`() throws {
        // The owner shrinks and seals while we attach: what we map must never be more than what is left.
        for round in 0..<1000 {
            let memory = try SharedMemory(creating: "test", length: 65_536)
            let isReady = Atomic<Bool>(false)
            let owner = TestThread {
                while !isReady.load(ordering: .acquiring) {}
                for _ in 0..<round % 50 * 4 { _ = getppid() }
                _ = ftruncate(memory.descriptor, 4096)
                try? memory.seal()
            }
            isReady.store(true, ordering: .releasing)
            for _ in 0..<100 {
                guard let mapped = try? SharedMemory(attaching: memory.descriptor, minimumLength: 4096) else {
                    continue
                }
                #expect(mapped.length == 4096)
                break
            }
            #expect(owner.join())
        }
    }

    @Test func `never gives anybody a way to write, not even root`() throws {
        let owner = try makeBuffer(32_768, .fastReader)
        for descriptor in [owner.descriptors.data, owner.descriptors.control] {
            let again = open("/proc/self/fd/\(descriptor)", O_RDWR)
            #expect(again >= 0)
            defer { close(again) }
            let writable = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0)
            #expect(writable == MAP_FAILED)
            if writable != MAP_FAILED { munmap(writable, 4096) }
            let readable = mmap(nil, 4096, PROT_READ, MAP_SHARED, again, 0)
            #expect(readable != MAP_FAILED)
            if let readable, readable != MAP_FAILED {
                #expect(mprotect(readable, 4096, PROT_READ | PROT_WRITE) != 0)
                munmap(readable, 4096)
            }
            var byte: UInt8 = 1
            #expect(pwrite(again, &byte, 1, 0) < 0)
            #expect(ftruncate(again, 0) != 0)
            #expect(ftruncate(again, 1 << 20) != 0)
        }
    }
}
