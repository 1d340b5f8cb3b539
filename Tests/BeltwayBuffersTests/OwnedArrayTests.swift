// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing

@testable import BeltwayBuffers

/// Something that cannot be copied and tells when it ends.
private struct Token: ~Copyable {
    let number: Int
    let ended: Ended
    deinit { ended.numbers.withLock { $0.append(number) } }
}

private final class Ended: Sendable {
    let numbers = Mutex<[Int]>([])
}

@Suite struct `An array of values that cannot be copied` {
    @Test func `gives back what was put in, in order`() {
        let ended = Ended()
        var array = OwnedArray<Token>(capacity: 3)
        for number in 0..<3 { array.append(Token(number: number, ended: ended)) }
        #expect(array.count == 3)
        for number in 0..<3 { #expect(array[number].number == number) }
        #expect(ended.numbers.withLock { $0.isEmpty })
    }

    @Test func `lets its elements be changed in place`() {
        var array = OwnedArray<Int>(capacity: 2)
        array.append(1)
        array.append(2)
        array[1] += 40
        #expect(array[0] == 1)
        #expect(array[1] == 42)
    }

    @Test func `ends each element once, with itself`() {
        let ended = Ended()
        do {
            var array = OwnedArray<Token>(capacity: 4)
            for number in 0..<3 { array.append(Token(number: number, ended: ended)) }
            #expect(array.count == 3)
        }
        #expect(ended.numbers.withLock { $0.sorted() } == [0, 1, 2])
    }

    @Test func `may be empty`() {
        let array = OwnedArray<Token>(capacity: 0)
        #expect(array.count == 0)
    }
}
