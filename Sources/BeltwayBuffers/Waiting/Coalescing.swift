// SPDX-License-Identifier: Apache-2.0

/// How a consumer is woken: signal coalescing, per consumer (paper, 5.3; its interrupt mitigation).
///
/// A wake-up per publication costs both sides a system call. So a consumer that has drained its buffer first sleeps
/// `delayNanoseconds`, looks again, and only if there is still nothing asks to be woken, by the publication that makes
/// `bytes` of them.
public struct Coalescing: Equatable, Sendable, BitwiseCopyable {
    /// Nanoseconds slept after a drain, before asking to be woken; 0 asks at once.
    public var delayNanoseconds: Int64
    /// Bytes that make a wake-up worth while.
    ///
    /// Honoured for readers in other processes; time-outs still apply. A ``MergedReader`` ends its delay when they are
    /// there (a quarter of its ring, if this is 1 or more than that), so that it loses nothing by sleeping long.
    public var bytes: UInt64

    /// Says how to be woken.
    public init(delayNanoseconds: Int64 = 0, bytes: UInt64 = 1) {
        self.delayNanoseconds = max(0, delayNanoseconds)
        self.bytes = max(1, bytes)
    }

    /// Woken by the next publication.
    public static var immediate: Coalescing { Coalescing() }
    /// One millisecond after each drain: a twentieth of the CPU, half a millisecond of latency (`beltway-bench ring`).
    public static var relaxed: Coalescing { Coalescing(delayNanoseconds: 1_000_000) }
}
