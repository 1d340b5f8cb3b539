// SPDX-License-Identifier: Apache-2.0

/// A set of whole numbers as sorted ranges with gaps between them: what a list of addresses or ports means.
///
/// Equal sets are equal values, so that rules share one compiled set.
struct RangeSet<Bound: FixedWidthInteger & UnsignedInteger & Sendable>: Hashable, Sendable {
    /// Ascending, neither overlapping nor touching.
    private(set) var ranges: [ClosedRange<Bound>]

    /// Makes a set of ranges in any order, overlapping or not.
    init(_ unordered: [ClosedRange<Bound>]) {
        ranges = []
        ranges.reserveCapacity(unordered.count)
        for range in unordered.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard let last = ranges.last, last.upperBound == .max || range.lowerBound <= last.upperBound + 1
            else {
                ranges.append(range)
                continue
            }
            ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
        }
    }

    static var all: RangeSet { RangeSet([0...Bound.max]) }
    static var empty: RangeSet { RangeSet([]) }

    var isEmpty: Bool { ranges.isEmpty }

    var complement: RangeSet {
        var result: [ClosedRange<Bound>] = []
        var low: Bound? = 0
        for range in ranges {
            if let low, low < range.lowerBound { result.append(low...(range.lowerBound - 1)) }
            low = range.upperBound == .max ? nil : range.upperBound + 1
        }
        if let low { result.append(low...Bound.max) }
        return RangeSet(result)
    }

    func union(_ other: RangeSet) -> RangeSet { RangeSet(ranges + other.ranges) }

    func intersection(_ other: RangeSet) -> RangeSet {
        var result: [ClosedRange<Bound>] = []
        var (i, j) = (0, 0)
        while i < ranges.count, j < other.ranges.count {
            let (a, b) = (ranges[i], other.ranges[j])
            let low = max(a.lowerBound, b.lowerBound)
            let high = min(a.upperBound, b.upperBound)
            if low <= high { result.append(low...high) }
            if a.upperBound < b.upperBound { i += 1 } else { j += 1 }
        }
        return RangeSet(result)
    }

    func subtracting(_ other: RangeSet) -> RangeSet { intersection(other.complement) }

    func contains(_ value: Bound) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= value
    }
}
