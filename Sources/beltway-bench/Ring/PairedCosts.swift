// SPDX-License-Identifier: Apache-2.0

/// What a block cost Beltway and the same loop in C, in pairs of rings.
///
/// Each pair has memory of its own: which pages a ring gets decides how its lines share a cache, up to a third of what a
/// block costs, and it is the same for neither side of a pair. So the median is taken over pairs of rings.
struct PairedCosts {
    /// Runs of each side on one pair of rings; their median counts.
    private static let runs = 3

    private var own: [Double] = []
    private var peer: [Double] = []

    var nanoseconds: Double { median(own) }
    var peerNanoseconds: Double { median(peer) }
    var ratio: Double { median(zip(own, peer).map { $0 / $1 }) }

    /// Measures a pair of rings: a warm-up of both, which faults their pages in, then both by turns.
    mutating func measure(own: () -> Double, peer: () -> Double) {
        _ = (own(), peer())
        var (first, second): ([Double], [Double]) = ([], [])
        for _ in 0..<Self.runs {
            first.append(own())
            second.append(peer())
        }
        self.own.append(median(first))
        self.peer.append(median(second))
    }
}
