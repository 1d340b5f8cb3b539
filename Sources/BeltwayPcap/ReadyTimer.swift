// SPDX-License-Identifier: Apache-2.0
internal import CPcap
internal import CTimerFD
internal import Glibc

// A descriptor that a program can poll(2) for packets.
//
//     drained: set to go off after a tick ---- tick ----> readable ---- read until drained: set anew
//
// A ring has nothing that the kernel could tell a poller of, and a thread that wrote to an eventfd would not survive the
// fork by which daemons go into the background. So it is a timer: it goes off a tick after everything was taken, and stays
// readable until everything was taken again. Cost: one system call per tick, however many packets come, and a wake-up per
// tick on a silent ring (at most `to_ms`, at most 10 a second if `to_ms` is 100 or more). The tick is what the program
// gave as time-out, at most 100 ms, and halved while more than an eighth of the ring comes in one tick, so that nothing
// is lost by waiting.
//
// A program that polls calls a reading function only when the descriptor is readable; one that finds nothing then is
// told so at once, as polling programs expect. One that calls without polling finds the timer not due, and sleeps as
// any other does. So neither of them spins.

/// The descriptor, and when it is readable.
struct ReadyTimer: ~Copyable {
    let descriptor: Int32
    private let longest: Int64
    private var tick: Int64
    private var due: UInt64 = 0

    /// Makes a descriptor that is readable a tick from now; nil if the process has no more.
    init?(longestTick: Int64) {
        let made = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK | TFD_CLOEXEC))
        guard made >= 0 else { return nil }
        descriptor = made
        longest = max(1_000_000, min(longestTick, 100_000_000))
        tick = longest
        set(after: tick)
    }

    deinit { close(descriptor) }

    /// Whether a poller has been told that it is readable.
    var isDue: Bool { Self.now >= due }

    /// After everything was taken: readable again after a tick.
    ///
    /// - Parameters:
    ///   - bytes: What came since the last time.
    ///   - capacity: Of the ring.
    mutating func drained(bytes: Int, capacity: Int) {
        if bytes > capacity / 8 {
            tick = max(1_000_000, tick / 2)
        } else if bytes < capacity / 32 {
            tick = min(longest, tick * 2)
        }
        set(after: tick)
    }

    /// After something was left: readable now.
    mutating func leftOver() {
        if !isDue { set(after: 1) }
    }

    private mutating func set(after nanoseconds: Int64) {
        var time = itimerspec()
        time.it_value.tv_sec = Int(nanoseconds / 1_000_000_000)
        time.it_value.tv_nsec = Int(nanoseconds % 1_000_000_000)
        due = Self.now &+ UInt64(nanoseconds)
        unsafe timerfd_settime(descriptor, 0, &time, nil)
    }

    static var now: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
