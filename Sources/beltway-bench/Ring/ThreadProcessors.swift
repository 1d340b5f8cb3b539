// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Foundation

/// Where the calling thread, and what it starts, may run during a measurement.
enum ThreadProcessors {
    /// Pins this thread to the first processor.
    static func pinToFirst() { _ = beltway_pin_thread(0) }

    /// Pins this thread to the last processor.
    static func pinToLast() {
        _ = beltway_pin_thread(Int32(ProcessInfo.processInfo.activeProcessorCount - 1))
    }

    /// Lets this thread run anywhere again.
    static func release() { _ = beltway_pin_thread(-1) }
}
