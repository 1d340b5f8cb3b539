// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

@testable import BeltwayBuffers

/// What a waker and a sleeper share, on lines of their own.
private final class Meeting: Sendable {
    let stored = Atomic<Int>(0)
    private let spaceA = Atomic<WordPair>(WordPair(first: 0, second: 0))
    let flag = Atomic<Int>(0)
    private let spaceB = Atomic<WordPair>(WordPair(first: 0, second: 0))
    /// The round that both are in.
    let round = Atomic<Int>(0)
    /// Rounds that the waker has finished, and whether it saw the flag in the last one.
    let finished = Atomic<Int>(0)
    let wakerSaw = Atomic<Bool>(false)

    /// Spins until a counter has come to a value; gives the processor away where there is only one.
    static func wait(for value: Int, in counter: borrowing Atomic<Int>) {
        var spins = 0
        while counter.load(ordering: .acquiring) < value {
            spins += 1
            if spins > 2000 { sched_yield() }
        }
    }
}

@Suite struct `The fences between who wakes and who sleeps` {
    /// The pattern of store buffers: without a full fence on both sides both loads give the old values, on x86-64 too.
    @Test func `let one of the two see the other, in every round of two threads`() {
        let meeting = Meeting()
        let rounds = 20_000
        let done = DispatchSemaphore(value: 0)
        Thread {
            let isRegistered = AsymmetricFence.isRegistered
            for round in 1...rounds {
                Meeting.wait(for: round, in: meeting.round)
                meeting.stored.store(round, ordering: .releasing)
                AsymmetricFence.ofWaker(isRegistered: isRegistered)
                let saw = meeting.flag.load(ordering: .relaxed) == round
                meeting.wakerSaw.store(saw, ordering: .relaxed)
                meeting.finished.store(round, ordering: .releasing)
            }
            done.signal()
        }.start()
        let end = Date(timeIntervalSinceNow: 3)
        var (missed, played) = (0, 0)
        for round in 1...rounds {
            meeting.round.store(round, ordering: .releasing)
            meeting.flag.store(round, ordering: .relaxed)
            let reachedAll = AsymmetricFence.ofSleeper()
            let saw = meeting.stored.load(ordering: .relaxed) == round
            Meeting.wait(for: round, in: meeting.finished)
            if !saw, !meeting.wakerSaw.load(ordering: .relaxed), reachedAll { missed += 1 }
            played = round
            if round & 255 == 0, Date() > end { break }
        }
        // Lets the waker through what is left.
        if played < rounds { meeting.round.store(rounds, ordering: .releasing) }
        done.wait()
        #expect(missed == 0, "\(missed) of \(played) rounds")
    }

    @Test func `bound the sleep of who could not reach all wakers`() {
        #expect(AsymmetricFence.sleep(50_000_000, afterFence: true) == 50_000_000)
        #expect(AsymmetricFence.sleep(50_000_000, afterFence: false) == AsymmetricFence.longestBlindSleep)
        #expect(AsymmetricFence.sleep(1000, afterFence: false) == 1000)
    }
}
