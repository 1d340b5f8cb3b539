// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import BeltwayBuffers

/// Who holds what a buffer hands out (the owner's own descriptors, the strongest there are) and tries to write.
///
/// In the child of an exit test, which can give up being root for good. It makes the memory itself, while it still is
/// what it was: that gives the intruder more than a stranger gets, and the owner's mapping to judge by.
@Suite struct `Memory that strangers may read` {
    @Test func `is never written, by any path, by who made it`() async {
        await #expect(processExitsWith: .success) { try Intruder.breakIntoDataBuffer() }
    }

    @Test(.enabled(if: getuid() == 0, "becoming nobody needs root"))
    func `is never written, by any path, by nobody`() async {
        await #expect(processExitsWith: .success) { try Intruder.breakIntoDataBuffer(asNobody: true) }
    }

    @Test(arguments: [BufferKind.slots, .stream, .marked, .index], [Resizing.fixed, .partial])
    func `is never written, by any path, whatever the kind of ring`(kind: BufferKind, resizing: Resizing)
        async
    {
        await #expect(processExitsWith: .success) {
            [kind = kind.rawValue as UInt64, resizing = resizing.rawValue as UInt64] in
            try Intruder.breakIntoRing(kind, resizing)
        }
    }

    @Test(.enabled(if: getuid() == 0, "becoming nobody needs root"), arguments: [BufferKind.slots, .marked])
    func `is never written, by any path, by nobody, whatever the kind of ring`(kind: BufferKind) async {
        await #expect(processExitsWith: .success) { [kind = kind.rawValue as UInt64] in
            try Intruder.breakIntoRing(kind, Resizing.fixed.rawValue, asNobody: true)
        }
    }

    @Test(.enabled(if: getuid() == 0, "some of the ways are open to root alone"))
    func `would be written by nearly every path if it were not sealed`() async {
        // So that the tests above do not pass because an attempt is made wrongly.
        await #expect(processExitsWith: .success) {
            for attempt in WriteAttempt.all where !WriteAttempt.perhapsClosed.contains(attempt.description) {
                let memory = try SharedMemory(creating: "unsealed", length: 32_768)
                memset(memory.base, 7, memory.length)
                let handed = try #require(
                    Handed(memory.descriptor, owner: memory.base, length: memory.length)
                )
                let isOpen = attempt.succeeds(handed)
                #expect(isOpen != WriteAttempt.neverOpen.contains(attempt.description), "\(attempt)")
            }
        }
    }
}

@Suite struct `Pages that readers write` {
    @Test func `are never resized, nor sealed further`() async {
        await #expect(processExitsWith: .success) { try Intruder.breakIntoPages() }
    }

    @Test(.enabled(if: getuid() == 0, "becoming nobody needs root"))
    func `are never resized, nor sealed further, by nobody either`() async {
        await #expect(processExitsWith: .success) { try Intruder.breakIntoPages(asNobody: true) }
    }
}

/// What runs in the child.
private enum Intruder {
    static func breakIntoDataBuffer(asNobody: Bool = false) throws {
        let buffer = try makeBuffer(32_768, .fastReader)
        var producer = buffer.makeProducer()
        for ordinal in UInt64(0)..<50 { _ = producer.append(ordinal: ordinal, length: 700) }
        producer.publish()
        let files = [
            try #require(
                Handed(buffer.descriptors.data, owner: buffer.memory.data, length: buffer.geometry.capacity)
            ),
            try #require(
                Handed(
                    buffer.descriptors.control,
                    owner: buffer.memory.control,
                    length: ControlLayout.totalLength(buffer.geometry)
                )
            ),
        ]
        if asNobody { try becomeNobody() }
        for (name, handed) in zip(["data", "control"], files) { expectNoWayIn(name, handed) }
        // The owner is not locked out: what it appends is still seen through the stranger's mapping.
        let tail = files[1].mapping.load(fromByteOffset: ControlLayout.tail, as: UInt64.self)
        #expect(tail == buffer.memory.tail.bytes)
        _ = producer.append(ordinal: 50, length: 700)
        producer.publish()
        #expect(files[1].mapping.load(fromByteOffset: ControlLayout.tail, as: UInt64.self) > tail)
    }

    static func breakIntoRing(_ kind: UInt64, _ resizing: UInt64, asNobody: Bool = false) throws {
        let ring = try Ring(
            name: "seals",
            options: RingOptions(
                kind: try #require(BufferKind(rawValue: kind)),
                capacity: 32_768,
                slotLength: 256,
                resizing: try #require(Resizing(rawValue: resizing))
            )
        )
        let area = try #require(ring.newestSpace()).area
        let base = try #require(area.base(of: ring.length))
        memset(base, 7, ring.length)
        let files = [
            try #require(
                Handed(ring.controlDescriptor, owner: ring.control, length: ControlLayout.ringLength)
            ),
            try #require(Handed(area.descriptor, owner: base, length: area.length)),
        ]
        if asNobody { try becomeNobody() }
        for (name, handed) in zip(["control", "area"], files) { expectNoWayIn(name, handed) }
        memset(base, 8, 1)
        #expect(files[1].mapping.load(as: UInt8.self) == 8)
    }

    static func breakIntoPages(asNobody: Bool = false) throws {
        let cursor = try ReaderCursor()
        let coordination = try Coordination(policy: .blocking)
        let files = try [cursor.page, coordination.bell].map {
            try #require(Handed($0.descriptor, owner: $0.base, length: $0.length))
        }
        if asNobody { try becomeNobody() }
        for (name, handed) in zip(["cursor", "bell"], files) {
            for attempt in WriteAttempt.sizes {
                #expect(!attempt.succeeds(handed), "\(name) page: \(attempt)")
                #expect(handed.isUnchanged, "\(name) page, after \(attempt)")
            }
        }
    }

    static func expectNoWayIn(_ name: String, _ handed: Handed) {
        for attempt in WriteAttempt.all {
            #expect(!attempt.succeeds(handed), "\(name) memory: \(attempt)")
            #expect(handed.isUnchanged, "\(name) memory, after \(attempt)")
        }
        #expect(WriteAttempt.privateCopy.succeeds(handed), "a private copy is anybody's own")
        #expect(handed.isUnchanged, "\(name) memory, after a private copy was written")
    }

    static func becomeNobody() throws {
        try #require(setgroups(0, nil) == 0 && setgid(65_534) == 0 && setuid(65_534) == 0)
        try #require(getuid() == 65_534 && setuid(0) != 0)
    }
}
