// SPDX-License-Identifier: Apache-2.0

internal import BeltwayCapture
internal import Glibc

// System calls on standard input and output.

/// Waits until a descriptor can be read or written without waiting, or has ended; false if it is stopped first.
///
/// Safe: the structure lives for the call.
func waitForDescriptor(_ descriptor: Int32, _ events: Int32, until stop: StopFlag) -> Bool {
    while !stop.isRequested {
        var one = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        let count = unsafe poll(&one, 1, 100)
        if count > 0 || (count < 0 && errno != EINTR) { return true }
    }
    return false
}

/// Reads some of standard input and forgets it.
///
/// Safe: the array lives for the call.
func skipInput() -> Int {
    var scratch = [UInt8](repeating: 0, count: 65_536)
    return unsafe read(STDIN_FILENO, &scratch, scratch.count)
}

/// Writes all bytes; 0, or the error number.
///
/// Safe: the array lives for the call.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
    unsafe bytes.withUnsafeBytes { bytes in
        var done = 0
        while done < bytes.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = unsafe write(descriptor, rest.baseAddress, rest.count)
            if count < 0, errno != EINTR { return errno }
            done += max(0, count)
        }
        return 0
    }
}
