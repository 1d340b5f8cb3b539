// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// Whether anything went wrong in a run, told by any thread.
final class RunOutcome: Sendable {
    private let failed = Atomic<Bool>(false)
    private let said = Mutex<Set<String>>([])

    /// Says that the exit status must not be 0.
    func fail() { failed.store(true, ordering: .relaxed) }

    /// Says why on a console, once: every queue of an interface tells of what befell it.
    func fail(saying sentence: String, on console: Console) {
        fail()
        if said.withLock({ $0.insert(sentence).inserted }) { console.note(sentence) }
    }

    var hasFailed: Bool { failed.load(ordering: .relaxed) }
}
