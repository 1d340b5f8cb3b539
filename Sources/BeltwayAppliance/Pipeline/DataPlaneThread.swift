// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Foundation
internal import Synchronization

/// A thread of the data plane: named, pinned if asked for, joined at the end.
///
/// It never awaits.
final class DataPlaneThread: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let ended = Flag()
    private let thread: Thread

    private final class Flag: Sendable {
        let value = Atomic<Bool>(false)
    }

    /// Starts a thread.
    ///
    /// - Parameters:
    ///   - name: Shown by ps and top; at most 15 bytes of it.
    ///   - processor: Processor to pin it to; nil for any.
    ///   - body: What it does; a value that cannot be copied travels in a ``Parcel``.
    init(name: String, processor: Int? = nil, _ body: @escaping @Sendable () -> Void) {
        let (done, ended) = (self.done, self.ended)
        thread = Thread {
            if let processor { _ = beltway_pin_thread(Int32(processor)) }
            body()
            ended.value.store(true, ordering: .releasing)
            done.signal()
        }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Whether its body has returned.
    var hasEnded: Bool { ended.value.load(ordering: .acquiring) }

    /// Waits until the thread has ended.
    func join() { done.wait() }
}

/// Carries one value that cannot be copied into a thread's closure, which takes it out once.
final class Parcel<Value: ~Copyable>: @unchecked Sendable {
    private var value: Value?

    init(_ value: consuming Value) { self.value = consume value }

    /// Takes the value; a programmer error the second time.
    func open() -> Value {
        guard let taken = value.take() else { preconditionFailure("a parcel is opened once") }
        return taken
    }
}
