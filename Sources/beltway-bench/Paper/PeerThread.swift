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
