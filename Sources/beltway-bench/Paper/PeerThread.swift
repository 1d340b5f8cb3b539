// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Foundation

/// A second thread for the length of a measurement: started at once, joined by ``join()``.
///
/// Safe to share: the result is written before the semaphore is signalled and read after it was waited for.
final class PeerThread<Result: Sendable>: @unchecked Sendable {
    private let ended = DispatchSemaphore(value: 0)
    private var result: Result?

    init(_ body: @escaping @Sendable () -> Result) {
        let thread = Thread { [self] in
            result = body()
            ended.signal()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Waits for its end; at most once.
    func join() -> Result {
        ended.wait()
        guard let result else { preconditionFailure("a peer thread is joined once, after it has ended") }
        return result
    }
}

/// Carries a value that cannot be copied into a thread; taken once.
///
/// Safe to share: it is filled before the thread starts and emptied by that thread alone.
final class Handover<Value: ~Copyable>: @unchecked Sendable {
    private var value: Value?
    init(_ value: consuming Value) { self.value = consume value }

    func take() -> Value {
        guard let taken = value.take() else { preconditionFailure("a value is handed over once") }
        return taken
    }
}
