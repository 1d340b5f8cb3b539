// SPDX-License-Identifier: Apache-2.0

/// A stream of bytes to another host, as strategies and server use it: a socket, TLS, a pair in memory.
///
/// Both calls wait no longer than they are told, so that neither end can hold up the other for ever. Errors are
/// final: a channel that has thrown is not used again.
public protocol RemoteChannel: ~Copyable {
    /// Sends all the bytes, waiting for the other end to take them.
    ///
    /// - Parameters:
    ///   - bytes: All are sent, or the call throws.
    ///   - nanoseconds: At most so long.
    /// - Throws: ``RemoteError`` if the other end is gone, or does not read.
    mutating func send(_ bytes: RawSpan, nanoseconds: Int64) throws(RemoteError)

    /// Receives what has come, at least one byte if the time suffices.
    ///
    /// - Parameters:
    ///   - bytes: Where it goes, from the start on.
    ///   - nanoseconds: How long to wait for the first byte; 0 to look only.
    /// - Returns: Bytes received; 0 if none came in time.
    /// - Throws: ``RemoteError/closed`` at the stream's end, or another ``RemoteError``.
    mutating func receive(into bytes: inout MutableRawSpan, nanoseconds: Int64) throws(RemoteError) -> Int
}

/// What went over a channel and why: the figures by which strategies are compared.
public struct RemoteCounters: Equatable, Sendable {
    /// Bytes received from the other end, messages and all.
    public var bytesReceived: UInt64 = 0
    /// Bytes sent to it.
    public var bytesSent: UInt64 = 0
    /// Bytes of the ring among those received: packets and what surrounds them.
    public var ringBytesReceived: UInt64 = 0
    /// Messages received.
    public var messagesReceived: UInt64 = 0
    /// Messages sent.
    public var messagesSent: UInt64 = 0
    /// Ranges of the ring asked for.
    public var rangesRequested: UInt64 = 0
    /// Times that the reader stood still until an answer came: what a round trip costs is paid so often.
    public var waits: UInt64 = 0
    /// Accesses that were served from what had been moved before.
    public var hits: UInt64 = 0
    /// Accesses that had to go over the channel.
    public var misses: UInt64 = 0

    /// Makes counters of zero.
    public init() {}
}
