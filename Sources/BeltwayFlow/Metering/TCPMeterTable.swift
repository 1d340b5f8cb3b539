// SPDX-License-Identifier: Apache-2.0
// The memory of one worker's TCP meters: a slab beside the flow table, for connections of two packets or more.
//
//   segments of 1024 meters, never moved        [ meter | meter | free > ... ]
//
// Why the interface is safe: numbers are checked against `highWater`, below which every meter is initialised; the
// segments live as long as the table, which owns them and cannot be copied; meters are plain bits. A flood of SYNs
// takes no meters (FlowTracker+Metering), and each flow at most one, so the flow table's capacity bounds this too.

/// Meters by number, handed out and taken back.
@safe public struct TCPMeterTable: ~Copyable {
    /// The number of no meter.
    @inlinable static var none: UInt32 { .max }
    private static var shift: UInt32 { 10 }

    @usableFromInline var segments: UnsafeMutablePointer<UnsafeMutablePointer<TCPMeter>>
    @usableFromInline var highWater: UInt32 = 0
    private var segmentCount = 0
    private var free: [UInt32] = []

    /// Makes a table without meters.
    ///
    /// - Parameter capacity: The most meters that may be in use at a time.
    init(capacity: Int) {
        unsafe segments = .allocate(capacity: capacity >> Int(TCPMeterTable.shift) + 2)
    }

    deinit {
        for segment in 0..<segmentCount { unsafe segments[segment].deallocate() }
        unsafe segments.deallocate()
    }

    /// Bytes of memory asked for.
    var memoryBytes: Int {
        segmentCount * MemoryLayout<TCPMeter>.stride << Int(TCPMeterTable.shift) + free.capacity * 4
    }

    /// The meter of number `number`; traps if it was never handed out.
    @inlinable
    subscript(number: UInt32) -> TCPMeter {
        unsafeAddress {
            precondition(number < highWater, "number outside the meter table")
            return unsafe UnsafePointer(segments[Int(number >> 10)] + Int(number & 1023))
        }
        unsafeMutableAddress {
            precondition(number < highWater, "number outside the meter table")
            return unsafe segments[Int(number >> 10)] + Int(number & 1023)
        }
    }

    /// Hands out a fresh meter.
    mutating func take() -> UInt32 {
        let number = free.popLast() ?? grow()
        self[number] = TCPMeter()
        return number
    }

    /// Takes a meter back; its number may be handed out again.
    mutating func give(_ number: UInt32) { free.append(number) }

    private mutating func grow() -> UInt32 {
        if Int(highWater >> TCPMeterTable.shift) == segmentCount {
            let segment = UnsafeMutablePointer<TCPMeter>.allocate(capacity: 1 << Int(TCPMeterTable.shift))
            unsafe segment.initialize(repeating: TCPMeter(), count: 1 << Int(TCPMeterTable.shift))
            unsafe (segments + segmentCount).initialize(to: segment)
            segmentCount += 1
        }
        highWater += 1
        return highWater - 1
    }
}
