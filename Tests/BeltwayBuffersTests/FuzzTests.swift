// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

@testable import BeltwayBuffers

/// The bodies of the fuzzing targets over seeded inputs, each in a process of its own: one that traps, or does not
/// come back within a minute, is a failure.
@Suite(.serialized) struct `Memory written by somebody who lies` {
    @Test func `never makes a reader of a data buffer trap, hang, or leave the ring`() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let memory = try ForgedMemory()
            Seeds.run(5000, length: 400) { DataBufferForgery.run($0, on: memory) }
        }
        Seeds.report(result)
    }

    @Test func `never makes a reader of a ring of any kind trap, hang, or leave its memory`() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let (forged, headers) = (try ForgedRing(), try ForgedRing())
            Seeds.run(2500, length: 300) { RingForging.run($0, on: forged, headers: headers) }
        }
        Seeds.report(result)
    }

    @Test func `is refused when it comes as a message, by readers, owners and both ends of a remote ring`()
        async
    {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let buffer = try makeBuffer(32_768, .fastReader)
            var producer = buffer.makeProducer()
            for ordinal in UInt64(0)..<100 { _ = producer.append(ordinal: ordinal, length: 300) }
            producer.publish()
            Seeds.run(20_000, length: 200) { SharingForgery.run($0) }
            Seeds.run(2000, length: 400) { RemoteForgery.run($0, serving: buffer) }
        }
        Seeds.report(result)
    }

    @Test func `never does so either while it changes within a call`() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let memory = try ForgedMemory()
            let isDone = Atomic<Bool>(false)
            let scribbler = TestThread {
                var input = ForgedInput(seed: 0, length: 1 << 16)
                while !isDone.load(ordering: .relaxed) {
                    if input.isEmpty { input = ForgedInput(seed: input.word(), length: 1 << 16) }
                    DataBufferForgery.forge(&input, memory)
                }
            }
            Seeds.run(300, length: 400) { DataBufferForgery.run($0, on: memory) }
            isDone.store(true, ordering: .relaxed)
            #expect(scribbler.join())
        }
        Seeds.report(result)
    }
}

/// Runs a forgery over seeded inputs in the child of an exit test.
private enum Seeds {
    static let current = Atomic<Int>(0)

    /// A process that dies says of what and at which seed, and then ends as if all were well: what the child of a
    /// failed exit test has written, nobody can read.
    static func run(_ count: Int, length: Int, _ body: (ForgedInput) -> Void) {
        for fault in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGALRM] {
            _ = signal(fault) { number in
                Seeds.say("died of signal ", Int(number))
                Seeds.say(" at seed ", Seeds.current.load(ordering: .relaxed))
                _exit(0)
            }
        }
        alarm(60)
        for seed in 0..<count {
            current.store(seed, ordering: .relaxed)
            body(ForgedInput(seed: UInt64(seed), length: length))
        }
    }

    /// In the parent: a child that had something to say has died.
    static func report(_ result: ExitTest.Result?) {
        guard let text = result?.standardErrorContent, !text.isEmpty else { return }
        Issue.record("\(String(decoding: text.suffix(2000), as: UTF8.self))")
    }

    /// Nothing but write(2): a signal handler may not allocate.
    private static func say(_ words: StaticString, _ number: Int) {
        _ = write(STDERR_FILENO, words.utf8Start, words.utf8CodeUnitCount)
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            var digit = UInt8(48 + number / divisor % 10)
            _ = write(STDERR_FILENO, &digit, 1)
            divisor /= 10
        }
    }
}
