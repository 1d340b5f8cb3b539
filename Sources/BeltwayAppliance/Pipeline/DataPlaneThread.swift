// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Foundation
internal import Synchronization

/// A thread of the data plane: named, pinned if asked for, joined at the end.
///
/// It never awaits. Made by pthread_create itself, because that says when there is no thread to be had. Safe: what the
/// new thread is given is retained for it and released by it, or here if it never came to be.
final class DataPlaneThread: Sendable {
    private let start: Start

    /// What the new thread does and how others see that it has.
    private final class Start: Sendable {
        let name: String
        let processor: Int?
        let body: @Sendable () -> Void
        let done = DispatchSemaphore(value: 0)
        let ended = Atomic<Bool>(false)
        /// Processor time that it took, in nanoseconds; 0 until it has ended.
        let processorNanoseconds = Atomic<UInt64>(0)

        init(_ name: String, _ processor: Int?, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.processor = processor
            self.body = body
        }

        func run() {
            _ = unsafe beltway_name_thread(name)
            if let processor { _ = beltway_pin_thread(Int32(processor)) }
            body()
            processorNanoseconds.store(Start.used(), ordering: .relaxed)
            ended.store(true, ordering: .releasing)  // partner: hasEnded
            done.signal()
        }

        /// Processor time of the calling thread, in nanoseconds (clock_gettime(2)); the structure is ours.
        private static func used() -> UInt64 {
            var time = timespec()
            guard unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { return 0 }
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        }
    }

    /// Starts a thread.
    ///
    /// - Parameters:
    ///   - name: Shown by ps and top; at most 15 bytes of it.
    ///   - processor: Processor to pin it to; nil for any.
    ///   - body: What it does; a value that cannot be copied travels in a ``Parcel``.
    /// - Throws: ``ThreadError`` if the system gives no thread (limits, memory).
    init(
        name: String,
        processor: Int? = nil,
        _ body: @escaping @Sendable () -> Void
    ) throws(ThreadError) {
        start = Start(name, processor, body)
        let retained = unsafe Unmanaged.passRetained(start)
        let code = unsafe beltway_start_thread(retained.toOpaque()) { given in
            guard let given = unsafe given else { return nil }
            unsafe Unmanaged<Start>.fromOpaque(given).takeRetainedValue().run()
            return nil
        }
        guard code == 0 else {
            unsafe retained.release()
            throw ThreadError(name: name, code: code)
        }
    }

    /// Its name.
    var name: String { start.name }

    /// Processor time that it took, user and system, in seconds; 0 until ``hasEnded``.
    var processorSeconds: Double { Double(start.processorNanoseconds.load(ordering: .relaxed)) / 1e9 }

    /// Whether its body has returned.
    var hasEnded: Bool { start.ended.load(ordering: .acquiring) }

    /// Waits until the thread has ended.
    func join() { start.done.wait() }
}

/// Why a thread could not be started.
struct ThreadError: Error {
    /// The thread's name.
    let name: String
    /// The system's error number.
    let code: Int32

    /// For people, and for the exit status.
    var asFailure: ApplianceError { .failure("cannot start the thread \(name): \(systemText(code))") }
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
