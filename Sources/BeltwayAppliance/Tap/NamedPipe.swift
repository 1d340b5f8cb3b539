// SPDX-License-Identifier: Apache-2.0
internal import BeltwayCapture
internal import CLinux
internal import Glibc

/// Waits until somebody reads a named pipe, so that opening it does not hang; returns at once for any other file.
///
/// Whoever opens a named pipe for writing waits for a reader, and no signal of ours would end that. Once there is one
/// it stays at the pipe: what was opened here is kept until the process ends, since its end would be the reader's end
/// of file.
///
/// Safe: the path is lent to the call.
///
/// - Parameters:
///   - path: A file that will be written.
///   - stop: Ends the wait.
/// - Returns: An error number, or nil if the file can be opened (or `stop` was asked for).
func waitForPipeReader(of path: String, until stop: StopFlag) -> Int32? {
    var about = stat()
    guard unsafe stat(path, &about) == 0, about.st_mode & S_IFMT == S_IFIFO else { return nil }
    while !stop.isRequested {
        if unsafe beltway_open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0) >= 0 { return nil }
        guard errno == ENXIO || errno == EINTR else { return errno }
        usleep(20_000)
    }
    return nil
}
