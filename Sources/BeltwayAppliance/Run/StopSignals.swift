// SPDX-License-Identifier: Apache-2.0
internal import BeltwayCapture
internal import Dispatch
internal import Glibc

/// Turns SIGINT and SIGTERM into an orderly end; a second one ends the process at once.
final class StopSignals {
    private var sources: [any DispatchSourceSignal] = []

    init(_ flag: StopFlag) {
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                // At once: no handler of the exit waits for a thread that hangs.
                if flag.isRequested { _exit(128 + number) }
                flag.request()
            }
            source.resume()
            sources.append(source)
        }
    }
}
