// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Testing

@Suite struct `Overlapping segments that wait` {
    /// Bytes 2..<6 of the stream are "oooo"; the new segment is "n"s; bytes 0 and 1 come last.
    private func outcome(_ policy: OverlapPolicy, new: Range<Int>) -> String {
        let bench = StreamBench(policy)
        bench.shakeHands()
        bench.send("oooo", at: 1004)
        bench.send(String(repeating: "n", count: new.count), at: 1001 &+ UInt32(new.lowerBound))
        bench.send(String(repeating: ".", count: new.lowerBound == 1 ? 1 : 3), at: 1001)
        bench.finish()
        #expect(bench.faults == [])
        return bench.there.text
    }

    // Offsets: old 3..<7. The ways in which two segments can overlap, after Novak and Sturges (2007), figure 3.
    private static let old: Set<OverlapPolicy> = [.first, .vista]
    private static let begins: Set<OverlapPolicy> = [
        .bsd, .hpux10, .irix, .macos, .windows, .windows2003, .linux, .oldLinux,
    ]
    private static let trailing: Set<OverlapPolicy> = [.solaris, .hpux11]

    @Test(arguments: OverlapPolicy.allCases.filter { $0 != .drop })
    func `that begin before the old one and end inside it`(policy: OverlapPolicy) {
        let isNew = Self.begins.contains(policy) || policy == .last
        #expect(outcome(policy, new: 1..<5) == (isNew ? ".nnnnoo" : ".nnoooo"))
    }

    @Test(arguments: OverlapPolicy.allCases.filter { $0 != .drop })
    func `that hold the old one`(policy: OverlapPolicy) {
        let isNew = !Self.old.contains(policy)
        #expect(outcome(policy, new: 1..<9) == (isNew ? ".nnnnnnnn" : ".nnoooonn"))
    }

    @Test(arguments: OverlapPolicy.allCases.filter { $0 != .drop })
    func `that begin with the old one and end inside it`(policy: OverlapPolicy) {
        #expect(outcome(policy, new: 3..<5) == (policy == .last ? "...nnoo" : "...oooo"))
    }

    @Test(arguments: OverlapPolicy.allCases.filter { $0 != .drop })
    func `that are as long as the old one`(policy: OverlapPolicy) {
        let isNew = Self.trailing.contains(policy) || policy == .last || policy == .oldLinux
        #expect(outcome(policy, new: 3..<7) == (isNew ? "...nnnn" : "...oooo"))
    }

    @Test(arguments: OverlapPolicy.allCases.filter { $0 != .drop })
    func `that begin with the old one and end beyond it`(policy: OverlapPolicy) {
        let isNew =
            Self.trailing.contains(policy) || policy == .last || policy == .oldLinux || policy == .linux
        #expect(outcome(policy, new: 3..<9) == (isNew ? "...nnnnnn" : "...oooonn"))
    }

    @Test(arguments: OverlapPolicy.allCases.filter { $0 != .drop })
    func `that lie inside the old one`(policy: OverlapPolicy) {
        #expect(outcome(policy, new: 4..<6) == (policy == .last ? "...onno" : "...oooo"))
    }

    @Test(arguments: OverlapPolicy.allCases.filter { $0 != .drop })
    func `that begin inside the old one and end beyond it`(policy: OverlapPolicy) {
        let isNew = Self.trailing.contains(policy) || policy == .last
        #expect(outcome(policy, new: 5..<9) == (isNew ? "...oonnnn" : "...oooonn"))
    }

    @Test func `are dropped whole by a scrubber`() {
        let bench = StreamBench(.drop)
        bench.shakeHands()
        bench.send("oooo", at: 1004)
        bench.send("nnnn", at: 1006)
        bench.send("aaa", at: 1001)
        bench.send("xxpp", at: 1006)
        bench.send("pp", at: 1008)
        #expect(bench.there.text == "aaaoooopp")
        #expect(bench.statistics.dropped == 2)
    }

    @Test func `have names, as Suricata's configuration has them`() {
        for policy in OverlapPolicy.allCases { #expect(OverlapPolicy(name: policy.name) == policy) }
        #expect(OverlapPolicy(name: "windows2k3") == .windows2003)
        #expect(OverlapPolicy(name: "OLD-LINUX") == .oldLinux)
        #expect(OverlapPolicy(name: "amiga") == nil)
    }
}

@Suite struct `Bytes of which the last copy stands` {
    @Test func `are handed over when they are acknowledged`() {
        let bench = StreamBench(.last)
        bench.shakeHands()
        bench.send("abcdef", at: 1001)
        #expect(bench.there.text == "")
        bench.send("XY", at: 1003)
        bench.send(at: 5001, acknowledging: 1005, back: true)
        #expect(bench.there.text == "abXY")
        bench.send("ZZZZ", at: 1003)
        bench.finish()
        #expect(bench.there.text == "abXYZZ")
        #expect(bench.faults == [])
    }

    @Test func `are handed over unacknowledged when too many wait`() {
        var configuration = StreamConfiguration()
        configuration.overlap = .last
        configuration.waitingBytesPerStream = 8
        let bench = StreamBench(configuration)
        bench.shakeHands()
        for step in 0..<8 as Range<UInt32> { bench.send("abcd", at: 1001 &+ step &* 4) }
        #expect(bench.there.bytes.count >= 24)
        bench.finish()
        #expect(bench.there.text == String(repeating: "abcd", count: 8))
        #expect(bench.there.gaps == [])
    }
}
