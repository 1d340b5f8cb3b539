// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Testing

@testable import BeltwayFlow

@Suite struct `Ranges on their way into a file` {
    private let key = JoinedRanges.Key(
        client: IPAddress(v4: 1),
        server: IPAddress(v4: 2),
        name: [],
        size: 300,
        network: 0
    )
    private let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0) }

    /// What has become of the file once ranges came, and something happened between them.
    private func whole(
        _ ranges: [Range<Int>],
        between: (JoinedRanges) -> Void = { _ in }
    ) -> (file: FileTracker?, held: Int) {
        let joined = JoinedRanges()
        var last: JoinedRanges.Joining?
        for (index, range) in ranges.enumerated() {
            if index > 0 { between(joined) }
            let joining = begin(key, in: joined)
            joined.take(bytes.span.bytes.extracting(range), at: UInt64(range.lowerBound), of: joining)
            last = joining
        }
        return (last.flatMap { joined.takeWhole($0) }, joined.held)
    }

    private func begin(
        _ key: JoinedRanges.Key,
        in joined: JoinedRanges,
        at time: Timestamp = .zero
    ) -> JoinedRanges.Joining {
        joined.begin(key, { FileTracker(name: [], isNamed: false, FileSettings()) }, at: time)
    }

    @Test func `are the file when all of it came, and hold nothing then`() {
        let found = whole([100..<300, 0..<100])
        #expect(found.file?.size == 300)
        #expect(found.held == 0)
    }

    /// A packet's bytes are looked at before it is known that they were overwritten meanwhile.
    @Test func `begin anew once bytes were overwritten while they were looked at`() {
        let found = whole([0..<100, 100..<300]) { $0.forgetAll() }
        #expect(found.file == nil)
        let again = whole([0..<100, 0..<300]) { $0.forgetAll() }
        #expect(again.file?.size == 300)
    }

    @Test func `begin anew where more waits than there is room for`() {
        // Every other byte, so that nothing waits together with another piece.
        let scattered = stride(from: 2, to: 132, by: 2).map { $0..<$0 + 1 }
        #expect(whole(scattered + [0..<300]).file?.size == 300)
        #expect(whole(scattered).held == 0)
    }

    @Test func `that gave way take nothing more, and hold nothing`() {
        let joined = JoinedRanges()
        let first = begin(key, in: joined)
        var other = key
        for number in 1...64 {
            other.server = IPAddress(v4: UInt32(number) << 8)
            _ = begin(other, in: joined, at: Timestamp(nanoseconds: UInt64(number)))
        }
        let held = joined.held
        joined.take(bytes.span.bytes, at: 0, of: first)
        #expect(joined.held == held)
        #expect(joined.takeWhole(first) == nil)
        #expect(joined.held == held)
        // Whoever asks again gets it.
        let again = begin(key, in: joined, at: Timestamp(nanoseconds: 65))
        joined.take(bytes.span.bytes, at: 0, of: again)
        #expect(joined.takeWhole(again)?.size == 300)
    }

    @Test func `in networks of equal addresses are apart`() {
        let joined = JoinedRanges()
        var other = key
        other.network = 7
        let here = begin(key, in: joined)
        let there = begin(other, in: joined)
        joined.take(bytes.span.bytes.extracting(0..<100), at: 0, of: here)
        joined.take(bytes.span.bytes.extracting(100..<300), at: 100, of: there)
        #expect(joined.takeWhole(here) == nil)
        #expect(joined.takeWhole(there) == nil)
    }
}
