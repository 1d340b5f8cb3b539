// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import CPcap
internal import Glibc

// pcap_loop, pcap_dispatch and pcap_next_ex, as pcap(3PCAP) has them.
//
// A capture that has ended in an orderly way is to a program what the end of a file is: pcap_loop returns 0, the others
// -2, and so programs finish their output. One that died is an error.

/// When a call gives up; the clock is looked at only by calls that come to sleep.
private struct Limit {
    var isKnown: Bool
    var deadline: UInt64?
    static let unknown = Limit(isKnown: false, deadline: nil)
}

extension Capture {
    /// PCAP_ERROR_BREAK, also what pcap_next_ex says at the end of a file.
    static var broken: Int32 { -2 }
    /// Packets that one pcap_dispatch without a limit hands over at most.
    private static var dispatchLimit: Int32 { 65_536 }

    private mutating func fail(_ text: String) -> Int32 {
        failure = Failure(.error, text)
        return -1
    }

    /// Takes back a call of pcap_breakloop, and says that there was one.
    private func answerCall() -> Int32 {
        call.clear()
        return Self.broken
    }

    /// Hands over packets until so many were, pcap_breakloop is called, or the capture ends.
    mutating func loop(
        _ count: Int32,
        _ counters: CaptureCounters,
        _ callback: pcap_handler,
        _ user: UnsafeMutablePointer<UInt8>?
    ) -> Int32 {
        var handedOver: Int32 = 0
        while !call.isRaised {
            switch look() {
            case .packet:
                counters.show(accepted)
                unsafe callback(user, header, bytes.assumingMemoryBound(to: UInt8.self))
                if count > 0 {
                    handedOver += 1
                    if handedOver == count {
                        counters.show(accepted, lost)
                        return 0
                    }
                }
            case .called: return answerCall()
            case .passedOver: counters.show(accepted, lost)
            case .drained:
                counters.show(accepted, lost)
                reportDrained()
                guard !call.isRaised else { return answerCall() }
                if options.isNonBlocking { return 0 }
                switch sleep(until: deadline) {
                case .look, .late: break
                case .ended: return 0
                case .died(let text): return fail(text)
                }
            }
        }
        return answerCall()
    }

    /// Hands over what is there, or what comes within the time-out.
    ///
    /// - Returns: How many packets; -1, -2 as above.
    mutating func dispatch(
        _ count: Int32,
        _ counters: CaptureCounters,
        _ callback: pcap_handler,
        _ user: UnsafeMutablePointer<UInt8>?
    ) -> Int32 {
        let most = count > 0 ? count : Self.dispatchLimit
        let wasDue = timer?.isDue ?? false
        var limit: Limit = .unknown
        var handedOver: Int32 = 0
        defer { counters.show(accepted, lost) }
        while true {
            // Packets that were handed over are told first; the call stands until the next time.
            if call.isRaised { return handedOver > 0 ? handedOver : answerCall() }
            switch look() {
            case .packet:
                counters.show(accepted)
                unsafe callback(user, header, bytes.assumingMemoryBound(to: UInt8.self))
                handedOver += 1
                if handedOver == most {
                    timer?.leftOver()
                    return handedOver
                }
            case .called: break
            case .passedOver:
                if handedOver > 0 || wasDue || options.isNonBlocking {
                    timer?.leftOver()
                    return handedOver
                }
            case .drained:
                reportDrained()
                if handedOver > 0 { return handedOver }
                if call.isRaised { continue }
                if wasDue || options.isNonBlocking {
                    return endOr0()
                }
                if !limit.isKnown { limit = Limit(isKnown: true, deadline: deadline) }
                switch sleep(until: limit.deadline) {
                case .look: break
                case .late: return 0
                case .ended: return Self.broken
                case .died(let text): return fail(text)
                }
            }
        }
    }

    /// Where nothing came and nobody sleeps: 0, or how the capture ended.
    private mutating func endOr0() -> Int32 {
        guard !tookSomething else {
            tookSomething = false
            return 0
        }
        switch reader.state() {
        case .running: return 0
        case .ended: return Self.broken
        case .broken(let names): return fail("the capture died: \(names.joined(separator: ", "))")
        }
    }

    /// Looks for one packet, which then lies in the buffer.
    ///
    /// - Returns: 1; 0 if none came within the time-out; -1, -2 as above.
    mutating func next(_ counters: CaptureCounters) -> Int32 {
        let wasDue = timer?.isDue ?? false
        var limit: Limit = .unknown
        while true {
            if call.isRaised { return answerCall() }
            switch look() {
            case .packet:
                counters.show(accepted)
                return 1
            case .called: break
            case .passedOver: if wasDue || options.isNonBlocking { return 0 }
            case .drained:
                counters.show(accepted, lost)
                reportDrained()
                if call.isRaised { continue }
                if wasDue || options.isNonBlocking { return endOr0() }
                if !limit.isKnown { limit = Limit(isKnown: true, deadline: deadline) }
                switch sleep(until: limit.deadline) {
                case .look: break
                case .late: return 0
                case .ended: return Self.broken
                case .died(let text): return fail(text)
                }
            }
        }
    }
}
