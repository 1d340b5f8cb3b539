// SPDX-License-Identifier: Apache-2.0
// What every application protocol of this folder answers about bytes of a stream or a datagram:
//
//     T.probe(prefix, from: side)    is this T at all?       yes, no, or too few bytes to tell
//     T.framing(of: bytes)           where does it end?      complete, need more, or not T
//     try T(bytes)                   what does it say?       a view that checks once and then cannot fail
//
//     stream  ....[ message ][ message ][ mess
//                 |<------->|            `---- needMore(atLeast:), counted from the message's first byte
//                  complete(length:)
//
// `bytes` always starts at the first byte of a message. A caller that has the bytes in one piece hands them
// over in place; one whose message straddles two pieces joins them first, up to a bound of its own.
// Invariant 1. complete(length) means 0 < length <= bytes.byteCount.
// Invariant 2. needMore(atLeast) means atLeast > bytes.byteCount, so that a caller that waits makes progress.
// Invariant 3. No answer depends on bytes after the message, and more bytes never turn complete into another
//              length, nor notThisProtocol into anything else.

/// Where the message at the start of some bytes ends.
@frozen public enum Framing: Equatable, Sendable, BitwiseCopyable {
    /// The message is the first `length` bytes; its view can be made of them.
    case complete(length: Int)
    /// The message is longer than what is here: it has at least so many bytes in all, from its first byte on.
    case needMore(atLeast: Int)
    /// What is here is not this protocol, or is damaged beyond the point where a next message could be found.
    case notThisProtocol
}

/// Which side of a flow sent some bytes.
@frozen public enum Sender: Equatable, Sendable, BitwiseCopyable {
    /// The side that opened the flow: it sends requests, commands, a ClientHello.
    case originator
    /// The side that was spoken to.
    case responder

    /// The other side.
    @inlinable public var opposite: Sender { self == .originator ? .responder : .originator }
}

/// Whether the first bytes that one side sent are a protocol's.
@frozen public enum Probe: Equatable, Sendable, BitwiseCopyable {
    /// They are, as sure as bytes alone can say.
    case yes
    /// They are not, and more bytes will not change that.
    case no
    /// They could be; more bytes would tell.
    case unknown
}
