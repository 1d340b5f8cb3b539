// SPDX-License-Identifier: Apache-2.0

/// What a flow tracker has done since it was made; all counts are of flows unless they say otherwise.
public struct FlowStatistics: Equatable, Sendable {
    /// Flows begun.
    public internal(set) var total: UInt64 = 0
    /// Packets that belong to no flow (not IP).
    public var packetsWithoutFlow: UInt64 { packetsOutside }
    @usableFromInline var packetsOutside: UInt64 = 0
    /// Flows begun, by ``FlowProtocol``.
    public internal(set) var begun = FourCounters()
    /// Flows ended, by ``FlowEndReason``.
    public internal(set) var ended = FourCounters()
    /// Flows in the table now.
    public internal(set) var active = 0
    /// Flows in the table now, by ``FlowState`` (new, established, closed).
    public internal(set) var activeByState: (new: Int, established: Int, closed: Int) = (0, 0, 0)
    /// Bytes of memory asked for.
    public internal(set) var memoryBytes = 0

    @usableFromInline init() {}

    /// Flows given up because the table was full.
    public var evicted: UInt64 { ended[Int(FlowEndReason.forced.rawValue)] }

    /// Whether all counters agree.
    public static func == (a: FlowStatistics, b: FlowStatistics) -> Bool {
        a.total == b.total && a.packetsWithoutFlow == b.packetsWithoutFlow && a.begun == b.begun
            && a.ended == b.ended && a.active == b.active && a.activeByState == b.activeByState
            && a.memoryBytes == b.memoryBytes
    }
}

/// Four counters, indexed by an enumeration's raw value.
@frozen public struct FourCounters: Equatable, Sendable, BitwiseCopyable {
    @usableFromInline var values: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    @inlinable init() {}

    /// The counter of number `index`, 0 to 3; other numbers share the last.
    @inlinable public subscript(index: Int) -> UInt64 {
        get {
            switch index {
            case 0: values.0
            case 1: values.1
            case 2: values.2
            default: values.3
            }
        }
        set {
            switch index {
            case 0: values.0 = newValue
            case 1: values.1 = newValue
            case 2: values.2 = newValue
            default: values.3 = newValue
            }
        }
    }

    /// Whether all four agree.
    @inlinable public static func == (a: FourCounters, b: FourCounters) -> Bool { a.values == b.values }
}
