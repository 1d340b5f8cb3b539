// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayStore
internal import Synchronization

/// The packet loggers of a run: one per ring, each in a thread of its own, one ledger for all.
final class PacketLoggers: Sendable {
    private let threads = Mutex<[DataPlaneThread]>([])

    func attach(to ring: DataBuffer) throws(BufferError) {}
    func finish() {}
    var counters: [ConsumerCounters] { [] }
    var problems: [String] { [] }
    var storedBytes: UInt64 { 0 }
}
