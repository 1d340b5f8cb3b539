// SPDX-License-Identifier: Apache-2.0

/// Why a buffer could not be shared or attached.
public enum SharingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call failed.
    case system(call: String, path: String, errno: Int32)
    /// Nobody listens where the buffer was looked for: no instance runs, or it has no such ring.
    case nobodyListens(path: String)
    /// A name that cannot be one of a socket: empty, too long, or with a slash or a control character in it.
    case invalidName(String)
    /// Another server listens there already.
    case alreadyServed(path: String)
    /// Something that is not a socket lies where the socket should be.
    case notASocket(path: String)
    /// The owner refused, for the reason given.
    case refused(RefusalReason, String)
    /// The other end does not keep to the protocol.
    case protocolViolation(String)
    /// The owner did not answer in time.
    case timedOut(path: String)
    /// The owner has gone.
    case ownerGone
    /// What was handed over is not a buffer that can be used.
    case buffer(BufferError)

    /// One line: what was expected and what was found.
    public var description: String {
        switch self {
        case .system("connect", let path, let number) where isPermission(number):
            "\(path): \(systemMessage(number)); its owner lets in neither this user nor its groups"
        case .system(let call, let path, let number):
            "\(path): \(call) failed: \(systemMessage(number))"
        case .nobodyListens(let path): "nobody listens at \(path): no running instance has this ring"
        case .invalidName(let name):
            "`\(name.prefix(80))` cannot name a ring's socket: expected 1 to \(SharingMessage.greatestNameLength) bytes "
                + "without a slash, not beginning with a dot"
        case .alreadyServed(let path): "another process serves \(path) already"
        case .notASocket(let path): "\(path) exists and is not a socket"
        case .refused(_, let text): "the owner refuses: \(text)"
        case .protocolViolation(let why): "the other end does not keep to the protocol: \(why)"
        case .timedOut(let path): "the owner at \(path) did not answer in time"
        case .ownerGone: "the owner has gone"
        case .buffer(let error): error.description
        }
    }
}

/// Why an owner refuses a request; the raw value travels in the message.
public enum RefusalReason: UInt16, Equatable, Sendable {
    /// The buffer's policy does not let the peer in.
    case notAllowed = 1
    /// The message is not one of this protocol.
    case malformed = 2
    /// The peer speaks another version.
    case version = 3
    /// As many readers or connections as the owner takes are there.
    case tooMany = 4
    /// There is no buffer of that name or number, no area of that number.
    case unknownBuffer = 5
    /// The hello did not come in time.
    case tooLate = 6
    /// The owner cannot: no memory, no descriptors.
    case unavailable = 7
    /// A reason that this version does not know.
    case other = 0xffff
}
