// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Synchronization

/// What ends a reader's sleep from outside: from another thread, or from a signal handler.
///
/// It stays raised until it is cleared, so one that comes just before the sleep is not missed: the sleep waits on this
/// word too, and does not begin if the word has changed (futex_waitv(2)).
///
/// Safe because the word lives as long as this object; `raise` is a store and a system call, nothing else, so a signal
/// handler may call it.
@safe public final class WakeCall: @unchecked Sendable {
    private let state: UnsafeMutablePointer<Atomic<UInt32>>

    /// Makes one that is not raised.
    public init() {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: Atomic(0))
    }

    deinit {
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// Ends the sleep that this was given to, or the next one.
    public func raise() {
        unsafe state.pointee.store(1, ordering: .releasing)
        unsafe beltway_futex_wake_all(word)
    }

    /// Whether it was raised and not yet cleared.
    public var isRaised: Bool { unsafe state.pointee.load(ordering: .acquiring) != 0 }

    /// Takes it back.
    public func clear() { unsafe state.pointee.store(0, ordering: .relaxed) }

    /// The word slept on: 0 as long as it is not raised.
    var word: UnsafePointer<UInt32> {
        unsafe UnsafePointer(UnsafeRawPointer(state).assumingMemoryBound(to: UInt32.self))
    }
}
