// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Synchronization

/// What people see while a run goes on: lines and a progress bar on standard error, results on standard output.
final class Console: Sendable {
    private let isTerminal = isatty(2) == 1
    private let barLength = Mutex(0)

    /// Prints a line on standard error, above the progress bar.
    func note(_ line: String) {
        barLength.withLock { length in
            write("\(clearing(length))beltway: \(line)\n", to: 2)
            length = 0
        }
    }

    /// Prints a result on standard output.
    func print(_ text: String) {
        clearBar()
        write(text + "\n", to: 1)
    }

    /// Prints lines that are there as bytes on standard output.
    ///
    /// - Returns: Whether somebody still reads them.
    @discardableResult
    func print(_ lines: Span<UInt8>) -> Bool {
        clearBar()
        return unsafe lines.withUnsafeBytes { unsafe Self.write($0, to: 1) }
    }

    /// Draws the bar: how much is read, how fast, how long it will take; only on a terminal.
    func progress(done: UInt64, of total: UInt64, packets: UInt64, seconds: Double) {
        guard isTerminal, seconds > 0 else { return }
        let rate = "\(grouped(packets)) packets, \(humanBytes(UInt64(Double(done) / seconds)))/s"
        var line = rate
        if total > 0 {
            let share = min(1, Double(done) / Double(total))
            let filled = Int(share * 30)
            let left = share > 0.01 ? seconds / share * (1 - share) : 0
            line =
                "[\(String(repeating: "#", count: filled))\(String(repeating: ".", count: 30 - filled))] "
                + "\(Int(share * 100)) %  \(rate)" + (left > 0 ? "  \(Int(left.rounded(.up))) s left" : "")
        }
        barLength.withLock { length in
            write("\(clearing(length))\(line)", to: 2)
            length = line.utf8.count
        }
    }

    /// Removes the bar.
    func clearBar() {
        barLength.withLock { length in
            if length > 0 { write(clearing(length), to: 2) }
            length = 0
        }
    }

    private func clearing(_ length: Int) -> String {
        length == 0 ? "" : "\r" + String(repeating: " ", count: length) + "\r"
    }

    private func write(_ text: String, to descriptor: Int32) {
        var text = text
        _ = text.withUTF8 { bytes in unsafe Self.write(UnsafeRawBufferPointer(bytes), to: descriptor) }
    }

    /// Writes everything.
    ///
    /// Safe: the buffer is borrowed for the call. Who reads may be gone: then there is nobody left to tell.
    @discardableResult
    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
        guard let start = bytes.baseAddress else { return true }
        var done = 0
        while done < bytes.count {
            let written = unsafe Glibc.write(descriptor, start + done, bytes.count - done)
            if written < 0 && errno == EINTR { continue }
            if written <= 0 { return false }
            done += written
        }
        return true
    }
}
