// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a message of the other end; carries the numbers that were found.
public enum MalformedMessage: Error, Equatable, Sendable, CustomStringConvertible {
    /// A message states a length that no message may have.
    case length(UInt32)
    /// A message is shorter, or longer, than what it says it holds.
    case size(type: UInt8, expected: Int, found: Int)
    /// No message has this type.
    case unknownType(UInt8)
    /// The message is known, but nobody asked for it now.
    case unexpected(type: UInt8)
    /// The first message does not begin as every first message does.
    case notBeltway
    /// The other end speaks another version of the protocol.
    case version(UInt16)
    /// A field has a value that it cannot have.
    case value(String, UInt64)

    /// One line: what was found.
    public var description: String {
        switch self {
        case .length(let length): "a message claims \(length) bytes"
        case .size(let type, let expected, let found):
            "a message of type \(type) has \(found) bytes where \(expected) were expected"
        case .unknownType(let type): "no message has type \(type)"
        case .unexpected(let type): "a message of type \(type) was not asked for"
        case .notBeltway: "it does not speak Beltway's protocol for rings"
        case .version(let version):
            "it speaks version \(version) of the protocol, this program version \(RemoteWire.version)"
        case .value(let name, let value): "\(name) is \(value)"
        }
    }
}

/// Why a ring is not served.
public enum RemoteRefusal: UInt16, Sendable {
    /// No ring has the name that was asked for.
    case noSuchRing = 1
    /// As many clients are served as may be.
    case tooManyClients = 2
    /// A message of the client was malformed, or asked for more than anybody may.
    case badRequest = 3
    /// Nothing was heard of the client for too long.
    case idle = 4
    /// The server is stopping.
    case stopping = 5
    /// The capture that wrote the ring has died.
    case gone = 6
}

/// Why a ring of another host cannot be read, or a client no longer be served.
public enum RemoteError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call failed.
    case system(call: String, errno: Int32)
    /// The other end closed the connection.
    case closed
    /// Nothing came for so many seconds; the text says what was waited for.
    case timedOut(String, seconds: Int)
    /// The other end broke the protocol.
    case malformed(MalformedMessage)
    /// The server does not serve, and says why.
    case refused(RemoteRefusal, String)
    /// The transport below failed (TLS: a certificate, a host name), in one line.
    case transport(String)

    /// One line: what happened.
    public var description: String {
        switch self {
        case .system(let call, let number): "\(call) failed with errno \(number)"
        case .closed: "the other end closed the connection"
        case .timedOut(let what, let seconds): "no \(what) within \(seconds) s"
        case .malformed(let message): "the other end broke the protocol: \(message)"
        case .refused(let reason, let text):
            switch reason {
            case .noSuchRing: "the server has no such ring\(text.isEmpty ? "" : "; it has \(text)")"
            case .tooManyClients: "the server serves as many clients as it may"
            case .badRequest: "the server refused a request\(text.isEmpty ? "" : ": \(text)")"
            case .idle: "the server heard nothing for too long and hung up"
            case .stopping: "the server is stopping"
            case .gone: "the capture that wrote the ring has died"
            }
        case .transport(let text): text
        }
    }
}
