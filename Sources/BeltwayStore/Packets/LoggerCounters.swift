// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
public import Synchronization

/// What a packet logger has done, readable from any thread while it runs.
///
/// Once it is idle, `published = packetsWritten + packetsPassedOver + packetsLost`. The logger alone stores;
/// all accesses are relaxed, since each number stands for itself.
public final class LoggerCounters: Sendable {
    /// Packets that the ring offered since the logger attached.
    public let published = Atomic<UInt64>(0)
    /// Packets stored.
    public let packetsWritten = Atomic<UInt64>(0)
    /// Packets overwritten in the ring before the disk had taken them.
    public let packetsLost = Atomic<UInt64>(0)
    /// Packets let go because there was no room, or because writing failed.
    public let packetsPassedOver = Atomic<UInt64>(0)
    /// Bytes of segments, heads and closing blocks included.
    public let bytesWritten = Atomic<UInt64>(0)
    /// Segments begun.
    public let segments = Atomic<UInt64>(0)
    /// Times that writing failed or found no room.
    public let errors = Atomic<UInt64>(0)
    /// Time in the name of the ring's oldest segment, in nanoseconds; 0 without one.
    ///
    /// Renewed with each segment.
    public let oldestTimeInNanoseconds = Atomic<UInt64>(0)
    private let failure = Mutex<PacketStoreError?>(nil)

    /// Makes counters that stand at zero.
    public init() {}

    /// Why nothing is being stored now; nil while all is well.
    public var currentError: PacketStoreError? { failure.withLock { $0 } }

    func setError(_ error: PacketStoreError?) { failure.withLock { $0 = error } }

    static func add(_ count: UInt64, to counter: borrowing Atomic<UInt64>) {
        counter.wrappingAdd(count, ordering: .relaxed)
    }
}
