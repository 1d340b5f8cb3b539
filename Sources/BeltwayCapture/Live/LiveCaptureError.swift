// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Why an interface could not be captured.
public enum LiveCaptureError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The process may not open packet sockets; `program` is what to give the capability to.
    case noPermission(interface: String, program: String)
    /// There is no interface of this name; the ones that there are.
    case unknownInterface(String, known: [String])
    /// The kernel has no packet sockets, or not of this kind: ``LibpcapProducer`` may do.
    case noPacketSockets(errno: Int32)
    /// A setting that makes no sense, in a sentence.
    case invalidOption(String)
    /// A system call failed.
    case system(call: String, interface: String, errno: Int32)
    /// libpcap failed; its own words.
    case libpcap(interface: String, String)

    /// One line that says what went wrong and what to do.
    public var description: String {
        switch self {
        case .noPermission(let interface, let program):
            "no permission to capture on \(interface); grant it: sudo setcap cap_net_raw,cap_net_admin+ep \(program)"
        case .unknownInterface(let name, let known):
            "no interface \(name); there are: \(known.isEmpty ? "none" : known.joined(separator: ", ")), any"
        case .noPacketSockets(let code):
            "this system has no packet sockets (\(systemMessage(code))); capture through libpcap instead"
        case .invalidOption(let sentence): sentence
        case .system(let call, let interface, let code):
            "\(interface): \(call) failed: \(systemMessage(code))"
        case .libpcap(let interface, let message): "\(interface): libpcap: \(message)"
        }
    }

    /// Names the error of a failed call, permission being one of its own.
    init(_ call: String, _ interface: String, _ code: Int32) {
        switch code {
        case EPERM, EACCES: self = .noPermission(interface: interface, program: runningProgram())
        case EAFNOSUPPORT, EPROTONOSUPPORT: self = .noPacketSockets(errno: code)
        default: self = .system(call: call, interface: interface, errno: code)
        }
    }
}

/// How a live capture ended.
public enum LiveCaptureEnd: Equatable, Sendable {
    /// Somebody asked to stop; everything that the kernel had was taken.
    case stopped
    /// The interface is gone.
    case interfaceVanished(String)
    /// The system refused to go on.
    case failed(LiveCaptureError)
}
