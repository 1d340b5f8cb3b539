// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Foundation

/// Where the calling thread, and what it starts, runs during a measurement; for threads that end with it.
enum ThreadProcessors {
    /// Pins this thread to the first processor.
    ///
    /// - Throws: ``FigureTrouble`` if it is not this process's to use.
    static func pinToFirst() throws { try pin(0) }

    /// Pins this thread to the last processor.
    ///
    /// - Throws: ``FigureTrouble`` if it is not this process's to use.
    static func pinToLast() throws { try pin(ProcessInfo.processInfo.activeProcessorCount - 1) }

    private static func pin(_ processor: Int) throws {
        guard beltway_pin_thread(Int32(processor)) == 0 else {
            throw FigureTrouble(description: "processor \(processor) is not this program's to use")
        }
    }
}
