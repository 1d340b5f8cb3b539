// SPDX-License-Identifier: Apache-2.0

/// Gradual under-reporting of free space (paper, 4.3.1): congestion is told upstream before a buffer is full.
///
/// A producer that finds less room slows down, so its own input fills and reports less in turn, until the bottleneck
/// shows at the input, where blocks are dropped before work is spent on them. The share of the free space that is
/// reported moves, a little with each report, towards one that follows from fill and filling rate: it contracts while
/// the ring is more than half full or filling, and expands while it is not. Never more than the real free space is
/// reported, and never less than an eighth of it, so that nothing stands still.
public struct ExhaustionAvoidance: Equatable, Sendable {
    /// How fast the share moves: this part of the way to its target with each report.
    public var agility: Double
    private var share = 1.0
    private var lastFill = 0.0

    /// Begins by reporting all there is.
    public init(agility: Double = 1.0 / 16) { self.agility = agility }

    /// The free space to report.
    ///
    /// - Parameters:
    ///   - free: Bytes that are free.
    ///   - length: Bytes of the ring.
    /// - Returns: Bytes, at most `free`.
    public mutating func report(free: UInt64, of length: UInt64) -> UInt64 {
        let fill = 1 - Double(min(free, length)) / Double(length)
        let rate = fill - lastFill
        lastFill = fill
        let pressure = (fill - 0.5) * 2 + rate * 4
        // All of it up to half full; an eighth when full, or when filling by a quarter of the ring per report.
        let target = min(1, max(0.125, 1 - pressure))
        share += (target - share) * min(1, max(0, agility))
        let most = min(free, length)
        return min(most, UInt64(Double(most) * share))
    }
}
