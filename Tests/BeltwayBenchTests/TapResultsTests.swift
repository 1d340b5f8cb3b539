// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import beltway_bench

@Suite struct `What many readers cost` {
    private func cell(_ side: TapSide, _ readers: Int) -> TapCell {
        TapCell(side: side, job: .write, length: 170, readers: readers)
    }

    private func cost(readers: Double, capture: Double = 0, sender: Double) -> TapCost {
        TapCost(
            packets: 1_000_000,
            readers: TaskUse(seconds: readers),
            capture: TaskUse(seconds: capture),
            sender: sender
        )
    }

    @Test func `is everything above what sending alone took in the same round`() {
        var results = TapResults()
        for sender in [1.0, 2.0] {
            results.add(cost(readers: 0, sender: sender), of: cell(.stock, 0))
            results.add(cost(readers: 3, capture: 0.5, sender: sender + 1), of: cell(.taps, 4))
        }
        #expect(results.aboveSending(cell(.taps, 4))?.values == [4.5, 4.5])
        #expect(results.aboveSending(cell(.stock, 0))?.values == [0, 0])
    }

    @Test func `is not told of a configuration that failed in any round`() {
        var results = TapResults()
        results.add(cost(readers: 1, sender: 1), of: cell(.taps, 64))
        results.add(trouble: "no room", of: cell(.taps, 64))
        #expect(results.sample(cell(.taps, 64)) { $0.microseconds } == nil)
        #expect(results.troubles.map(\.reason) == ["no room"])
        #expect(results.aboveSending(cell(.taps, 1)) == nil)
    }

    @Test func `is drawn by readers, a line for each side that took part`() {
        var results = TapResults()
        for readers in [16, 1, 4] { results.add(cost(readers: 1, sender: 1), of: cell(.stock, readers)) }
        let panel = results.panel("b", "Title", "us", .write, 170) { results.sample($0) { $0.microseconds } }
        #expect(panel.series.map(\.name) == ["stock tcpdump"])
        #expect(panel.series.first?.points.map(\.x) == [1, 4, 16])
    }
}
