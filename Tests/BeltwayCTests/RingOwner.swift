// SPDX-License-Identifier: Apache-2.0
// Owners of rings for the programs in C to attach to, in the tests' own process.
import BeltwayBuffers
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Synchronization
import Testing

/// A data directory with one ring of packets behind its socket.
final class RingOwner {
    static let ring = "test.0"
    let data: String
    private let folder: TemporaryFolder
    let buffer: DataBuffer
    let server: BufferServer
    private var producer: DataBufferProducer

    /// Makes the ring, in a data directory of its own unless one is given, and shares it.
    init(
        in folder: TemporaryFolder = TemporaryFolder(),
        generation: UInt64 = 1,
        capacity: Int = 1 << 20
    ) throws {
        self.folder = folder
        data = folder.path
        try FileManager.default.createDirectory(atPath: data + "/run", withIntermediateDirectories: true)
        buffer = try DataBuffer(
            name: Self.ring,
            number: 3,
            linkType: .ethernet,
            capacity: capacity,
            policy: .fastReader,
            generation: generation
        )
        producer = buffer.makeProducer()
        _ = try producer.addInterface(named: "eth7")
        server = try BufferServer(folder: data + "/run")
        try server.share(buffer, policy: AccessPolicy(owner: geteuid(), group: getegid()))
    }

    deinit { server.stop() }

    /// Appends a packet; invisible until ``publish()``.
    func append(_ bytes: [UInt8], time: UInt64 = 1_000_000_000) {
        let isAppended = producer.append(
            bytes.span.bytes,
            time: Timestamp(nanoseconds: time),
            originalLength: UInt32(bytes.count),
            interface: 0,
            flags: .inbound
        )
        precondition(isAppended, "a ring of fast readers always has room")
    }

    func publish() { producer.publish() }

    /// Ends the ring.
    func end() { producer.close() }

    /// Packets as Programs/checked.c wants them, from an ordinal on.
    func append(checked ordinals: Range<UInt64>) {
        for ordinal in ordinals {
            var bytes = (0..<8).map { UInt8(truncatingIfNeeded: ordinal >> (8 * UInt64($0))) }
            for index in 8..<(8 + ordinal % 1_000) {
                bytes.append(UInt8(truncatingIfNeeded: ordinal &* 31 &+ index))
            }
            append(bytes, time: 1_000_000_000 + ordinal)
        }
        publish()
    }

    /// Waits until so many readers are attached.
    func waitForReaders(_ count: Int, seconds: Double = 20) -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if server.readers.count == count { return true }
            usleep(2_000)
        }
        return false
    }
}

/// Numbers in a program's line by the word before each: `published 5 read 3`.
func numbers(_ line: Substring) -> [String: UInt64] {
    let words = line.split(separator: " ")
    var found: [String: UInt64] = [:]
    for (word, next) in zip(words, words.dropFirst()) where UInt64(next) != nil {
        found[String(word)] = UInt64(next)
    }
    return found
}

extension ProgramOutcome {
    /// Lines of standard output, as numbers by the word before each.
    var ledgers: [[String: UInt64]] { output.split(separator: "\n").map(numbers) }
}
