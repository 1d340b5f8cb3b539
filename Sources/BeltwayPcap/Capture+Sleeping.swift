// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Glibc

// When a reader sleeps, and for how long: until a batch is there or its time-out is over, whichever comes first, as on
// a kernel's capture. In immediate mode the next packet wakes it.

/// What a sleep ended with.
enum Awakening {
    /// There may be something to read.
    case look
    /// The time is over.
    case late
    /// The capture has ended in an orderly way.
    case ended
    /// The capture died; what is said of it.
    case died(String)
}

extension Capture {
    /// When a call that begins now gives up waiting; nil for never.
    var deadline: UInt64? {
        if options.timeoutMilliseconds <= 0 || options.isImmediate { return nil }
        return ReadyTimer.now &+ UInt64(options.timeoutNanoseconds)
    }

    /// Sleeps once, as long as the options allow; call it when everything was taken.
    ///
    /// - Parameter deadline: When the caller gives up.
    /// - Returns: What it ended with.
    mutating func sleep(until deadline: UInt64?) -> Awakening {
        if !tookSomething {
            // One system call for each ring, once per sleep in vain.
            switch reader.state() {
            case .running: break
            case .ended: return .ended
            case .broken(let names):
                return .died("the capture died: \(names.joined(separator: ", "))")
            }
        }
        let isBusy = tookSomething
        tookSomething = false
        var limit = min(options.timeoutNanoseconds, CaptureOptions.longestSleepNanoseconds)
        if let deadline {
            let now = ReadyTimer.now
            guard now < deadline else { return .late }
            limit = min(CaptureOptions.longestSleepNanoseconds, Int64(clamping: deadline - now))
        } else if reader.holdsPacket {
            // Its turn comes when another queue tells its time, which wakes nobody: look again soon.
            limit = min(limit, CaptureOptions.defaultTimeoutNanoseconds)
        } else if options.isImmediate || !isBusy {
            // Until something comes, and then for as long as more may be waited for.
            reader.wait(forBytes: 1, unless: call, nanoseconds: CaptureOptions.longestSleepNanoseconds)
            if options.isImmediate || call.isRaised { return .look }
        }
        reader.wait(forBytes: CaptureOptions.batch, unless: call, nanoseconds: limit)
        return .look
    }

    /// Tells a poller that everything was taken.
    mutating func reportDrained() {
        guard timer != nil else { return }
        reader.release()
        var capacity = Int.max
        for ring in 0..<reader.ringCount {
            capacity = min(capacity, reader.attachment(ring).buffer.geometry.capacity)
        }
        timer?.drained(bytes: bytesSinceDrained, capacity: capacity)
        bytesSinceDrained = 0
    }
}
