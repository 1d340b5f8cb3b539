// SPDX-License-Identifier: Apache-2.0
// Rates over whole seconds of the capture's own time, at the cost of one compare per packet.
//
//     marks:   8 s ago   7   6   5   4   3   2   1   | now
//              totals at the ends of the last seconds  | the second that is running
//
// Nothing is added up per packet: whoever counts keeps running totals, and a rate is the difference of two of them.
// Time is what the packets say. A packet that is late counts in the second that is running; one that is a minute
// off in either direction (a file from two machines, a clock that was set) starts the window anew.
public import BeltwayWire

/// The ends of the last eight seconds, as totals.
@frozen public struct RateWindow: Sendable {
    /// Packets and bytes since the beginning.
    @frozen public struct Totals: Equatable, Sendable, BitwiseCopyable {
        /// Packets.
        public var packets: UInt64
        /// Bytes.
        public var bytes: UInt64

        /// Makes totals.
        @inlinable public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
            self.packets = packets
            self.bytes = bytes
        }
    }

    /// Seconds that the longer rate covers.
    public static let seconds = 8

    static let second: UInt64 = 1_000_000_000
    @usableFromInline var begin: UInt64 = 0
    /// Totals at the ends of the last seconds, the latest first; `complete` of them are known, and one before them.
    var marks = [Totals](repeating: Totals(), count: RateWindow.seconds + 1)
    var complete = 0
    var started = false

    /// Makes a window that no packet has been in.
    public init() {}

    /// Whether `time` lies outside the second that is running, so that ``advance(to:totals:)`` has something to do.
    @inlinable @inline(__always) public func isLeft(by time: Timestamp) -> Bool {
        time.nanoseconds &- begin >= 1_000_000_000
    }

    /// Ends the seconds that lie before `time`.
    ///
    /// - Parameters:
    ///   - time: Of a packet, or of the clock on a quiet line.
    ///   - totals: What was counted before it.
    public mutating func advance(to time: Timestamp, totals: Totals) {
        let now = time.nanoseconds
        if !started || distance(now) > 60 * RateWindow.second {
            started = true
            begin = now
            complete = 0
            marks[0] = totals
            return
        }
        guard now > begin else { return }
        var ended = (now - begin) / RateWindow.second
        begin += ended * RateWindow.second
        ended = min(ended, UInt64(RateWindow.seconds + 1))
        for _ in 0..<ended {
            marks.removeLast()
            marks.insert(totals, at: 0)
        }
        complete = min(RateWindow.seconds, complete + Int(ended))
    }

    private func distance(_ now: UInt64) -> UInt64 { now > begin ? now - begin : begin - now }

    /// Packets and bytes per second over the last whole second; zero until one has passed.
    public var lastSecond: Rate { rate(over: 1) }
    /// Packets and bytes per second over the last eight whole seconds, or as many as have passed.
    public var lastSeconds: Rate { rate(over: RateWindow.seconds) }

    func rate(over wanted: Int) -> Rate {
        let seconds = min(wanted, complete)
        guard seconds > 0 else { return Rate() }
        return Rate(
            packetsPerSecond: Double(marks[0].packets - marks[seconds].packets) / Double(seconds),
            bytesPerSecond: Double(marks[0].bytes - marks[seconds].bytes) / Double(seconds)
        )
    }
}

/// Packets and bytes per second.
public struct Rate: Equatable, Sendable {
    /// Packets per second.
    public var packetsPerSecond: Double = 0
    /// Bytes per second, original lengths.
    public var bytesPerSecond: Double = 0

    /// Makes a rate; nothing unless told otherwise.
    public init(packetsPerSecond: Double = 0, bytesPerSecond: Double = 0) {
        self.packetsPerSecond = packetsPerSecond
        self.bytesPerSecond = bytesPerSecond
    }
}
