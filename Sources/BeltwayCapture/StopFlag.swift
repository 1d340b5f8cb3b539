// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Asks producers to end: set by a signal's handler or another thread, looked at once per batch.
public final class StopFlag: Sendable {
    private let requested = Atomic<Bool>(false)

    /// Makes a flag that is not set.
    public init() {}

    /// Asks every producer that has this flag to end; safe in a signal handler.
    public func request() { requested.store(true, ordering: .relaxed) }

    /// Whether somebody has asked.
    public var isRequested: Bool { requested.load(ordering: .relaxed) }
}
