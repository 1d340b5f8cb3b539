// SPDX-License-Identifier: Apache-2.0
// Runs the buffers between threads for ThreadSanitizer (deployments/test), with schedules that never overwrite what is
// being read: under fast reader preference readers race with the producer by design, and no tool can judge that.
//
//     beltway-tsan            every schedule; the tool ends the process at the first race
//     beltway-tsan planted    a race of the kind that is looked for, so that its absence means something
//
// Built in release: a debug build does not instrument raw pointers.

import BeltwayBuffers
import BeltwayWire
import Foundation

@main struct BeltwayTSan {
    static func main() {
        if CommandLine.arguments.dropFirst().first == "planted" { return Planted.run() }
        do {
            for policy in [BufferPolicy.blocking, .slowReader] { try DataBufferSchedule.run(policy) }
            try DataBufferSchedule.runWithoutWrap()
            try IndexBufferSchedule.run()
            try IndexBufferSchedule.runAlone()
            try RingSchedule.run()
        } catch {
            print("failed: \(error)")
            exit(1)
        }
    }
}

/// Threads that are all waited for, or the program ends.
final class Crew: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)
    private var count = 0

    func start(_ body: @escaping @Sendable () -> Void) {
        count += 1
        Thread { [done] in
            body()
            done.signal()
        }.start()
    }

    func join(_ what: String) {
        for _ in 0..<count where done.wait(timeout: .now() + 60) != .success {
            print("\(what): not done after a minute")
            exit(1)
        }
        count = 0
    }
}

/// Ends the program unless a ledger is right.
func check(_ condition: Bool, _ what: @autoclosure () -> String) {
    guard !condition else { return }
    print("wrong: \(what())")
    exit(1)
}

/// Eight words of which each follows from the ordinal.
func fill(_ words: inout [UInt64], _ ordinal: UInt64) {
    for index in words.indices { words[index] = ordinal &* 31 &+ UInt64(index) }
}

/// Whether a record is the one that it should be.
func isWhole(_ bytes: RawSpan, _ ordinal: UInt64) -> Bool {
    guard bytes.byteCount == 64 else { return false }
    return (0..<8).allSatisfy { bytes.littleEndian64(at: $0 * 8) == ordinal &* 31 &+ UInt64($0) }
}

/// A write and a read of the same words with nothing in between.
enum Planted {
    static func run() {
        let memory = UnsafeMutablePointer<UInt64>.allocate(capacity: 8)
        memory.initialize(repeating: 0, count: 8)
        let address = UInt(bitPattern: memory)
        let crew = Crew()
        for _ in 0..<2 {
            crew.start {
                guard let words = UnsafeMutablePointer<UInt64>(bitPattern: address) else { return }
                for round in 0..<1000 { words[round % 8] &+= 1 }
            }
        }
        crew.join("planted race")
        print("the planted race was not seen: \(memory[0])")
        memory.deallocate()
    }
}
