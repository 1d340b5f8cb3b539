// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers

/// What a program asks for before it activates a handle.
struct CaptureOptions {
    /// The greatest snap length, libpcap's and the rings'.
    static let greatestSnapLength = 262_144

    /// Bytes of a packet that are copied, at most.
    var snapLength = greatestSnapLength
    /// Milliseconds that packets may wait for more; 0 or less leaves it to us.
    var timeoutMilliseconds: Int32 = 0
    /// Whether packets are to be seen as soon as they come.
    var isImmediate = false
    /// Whether fractions of a second are nanoseconds, not microseconds.
    var isInNanoseconds = false
    /// Whether monitor mode was asked for, which a ring does not have.
    var wantsMonitorMode = false
    /// Whether reading is never to sleep.
    var isNonBlocking = false

    /// libpcap takes any length that makes no sense for the greatest.
    static func snapLength(_ asked: Int32) -> Int {
        asked > 0 && asked <= greatestSnapLength ? Int(asked) : greatestSnapLength
    }

    /// Bytes that wake a sleeping reader before its time is over; stock's 2 MiB of kernel buffers wake it at 128 to 256 KiB.
    static let batch = 16 << 20
    /// What the kernel takes for a block's timer if it is given none (DEFAULT_PRB_RETIRE_TOV, net/packet/af_packet.c).
    static let defaultTimeoutNanoseconds: Int64 = 8_000_000
    /// How long one sleep is at most: then somebody looks whether the capture is still there.
    static let longestSleepNanoseconds: Int64 = 1_000_000_000

    /// How long packets may wait for more.
    var timeoutNanoseconds: Int64 {
        if isImmediate { return Self.longestSleepNanoseconds }
        return timeoutMilliseconds > 0
            ? Int64(timeoutMilliseconds) * 1_000_000 : Self.defaultTimeoutNanoseconds
    }
}
