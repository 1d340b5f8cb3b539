// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Glibc

/// Why a call failed, as a program that calls libpcap is told: a number and a line.
struct Failure: Error {
    /// Numbers of <pcap/pcap.h>.
    enum Code: Int32 {
        case error = -1
        case notActivated = -3
        case activated = -4
        case noSuchDevice = -5
        case noMonitorMode = -6
        case notAllowed = -8
        case noPrecision = -12
    }

    let code: Code
    let text: String

    init(_ code: Code, _ text: String) {
        self.code = code
        self.text = text
    }

    init(_ error: SharingError, _ ring: String) {
        let code: Code =
            switch error {
            case .refused(.notAllowed, _), .system(_, _, EACCES), .system(_, _, EPERM): .notAllowed
            case .nobodyListens: .noSuchDevice
            default: .error
            }
        self.init(code, "ring \(ring): \(error.description)")
    }
}
