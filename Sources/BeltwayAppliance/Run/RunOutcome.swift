// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// Whether anything went wrong in a run, told by any thread.
final class RunOutcome: Sendable {
    private let failed = Atomic<Bool>(false)

    /// Says that the exit status must not be 0.
    func fail() { failed.store(true, ordering: .relaxed) }

    var hasFailed: Bool { failed.load(ordering: .relaxed) }
}
