// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// What a producer has counted, as a value.
@frozen public struct CaptureCounts: Equatable, Sendable, BitwiseCopyable {
    /// Packets that went into a data buffer.
    public var received: UInt64 = 0
    /// Bytes of these packets on the wire.
    public var bytes: UInt64 = 0
    /// Packets that the kernel or the network card refused; live only.
    public var dropped: UInt64 = 0
    /// Packets among `received` that were cut because they were longer than the buffer's snap length.
    public var truncated: UInt64 = 0
    /// Packets that the filter declined in this process; what a kernel filter declines is seen by nobody.
    public var filtered: UInt64 = 0

    /// Makes counts of nothing.
    @inlinable public init() {}

    /// Adds what another producer has counted.
    public mutating func add(_ other: CaptureCounts) {
        received &+= other.received
        bytes &+= other.bytes
        dropped &+= other.dropped
        truncated &+= other.truncated
        filtered &+= other.filtered
    }
}

/// The counters of one producer: it adds once per batch, any thread reads.
public final class CaptureCounters: Sendable {
    private let received = Atomic<UInt64>(0)
    private let bytes = Atomic<UInt64>(0)
    private let dropped = Atomic<UInt64>(0)
    private let truncated = Atomic<UInt64>(0)
    private let filtered = Atomic<UInt64>(0)

    /// Makes counters at zero.
    public init() {}

    /// What was counted so far; all numbers together may be of two neighbouring batches.
    public var counts: CaptureCounts {
        var counts = CaptureCounts()
        counts.received = received.load(ordering: .relaxed)
        counts.bytes = bytes.load(ordering: .relaxed)
        counts.dropped = dropped.load(ordering: .relaxed)
        counts.truncated = truncated.load(ordering: .relaxed)
        counts.filtered = filtered.load(ordering: .relaxed)
        return counts
    }

    /// Adds a batch's counts and sets them to zero.
    func add(_ counts: inout CaptureCounts) {
        received.wrappingAdd(counts.received, ordering: .relaxed)
        bytes.wrappingAdd(counts.bytes, ordering: .relaxed)
        if counts.dropped > 0 { dropped.wrappingAdd(counts.dropped, ordering: .relaxed) }
        if counts.truncated > 0 { truncated.wrappingAdd(counts.truncated, ordering: .relaxed) }
        if counts.filtered > 0 { filtered.wrappingAdd(counts.filtered, ordering: .relaxed) }
        counts = CaptureCounts()
    }
}
