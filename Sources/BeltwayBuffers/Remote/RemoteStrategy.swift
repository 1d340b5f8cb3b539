// SPDX-License-Identifier: Apache-2.0

/// How a ring of another host is read (paper, 4.4).
public enum RemoteStrategy: String, CaseIterable, Sendable {
    /// Each access goes over the channel and moves the bytes that it touches.
    case zeroCopy = "zero"
    /// Everything is moved, unasked.
    case copyOnce = "once"
    /// Blocks of a replica are fetched when they are first touched; the default for network links.
    case cachedCopy = "cached"
    /// The first bytes as they are touched, the whole record only when more is asked for.
    case copyOnDemand = "demand"
}

/// A reader of a ring on another host.
public protocol RemoteRecordReader: RecordReader, ~Copyable {
    /// What the server said of the ring.
    var ring: RemoteRing { get }
    /// What went over the channel.
    var counters: RemoteCounters { get }
    /// Tells the server that nobody reads any more.
    mutating func close()
}

extension CopyOnceReader: RemoteRecordReader where Channel: ~Copyable {}
extension PullReader: RemoteRecordReader where Channel: ~Copyable {}

/// What is to be done with a reader whose strategy is chosen when the ring is opened.
public protocol RemoteReaderUse {
    /// What comes out of it.
    associatedtype Output

    /// Reads; specialised for each strategy.
    ///
    /// - Returns: What came out of it.
    mutating func use<Reader: RemoteRecordReader & ~Copyable>(_ reader: inout Reader) -> Output
}

extension RemoteStrategy {
    /// Opens a ring by this strategy: the one place where it is chosen while the program runs.
    ///
    /// - Parameters:
    ///   - channel: Connected to a server.
    ///   - options: Which ring, how much memory, and the limits.
    ///   - consumer: Reads, by static dispatch.
    /// - Returns: What `consumer` returned; the server is told goodbye after it.
    /// - Throws: ``RemoteError`` if the server refuses, is silent, or does not speak the protocol.
    @inlinable
    public func open<Channel: RemoteChannel & ~Copyable, Use: RemoteReaderUse>(
        _ channel: consuming Channel,
        _ options: RemoteReaderOptions,
        _ consumer: inout Use
    ) throws(RemoteError) -> Use.Output {
        switch self {
        case .zeroCopy:
            var reader = try ZeroCopyReader(channel, options: options)
            return finish(&reader, &consumer)
        case .copyOnce:
            var reader = try CopyOnceReader(channel, options: options)
            return finish(&reader, &consumer)
        case .cachedCopy:
            var reader = try CachedCopyReader(channel, options: options)
            return finish(&reader, &consumer)
        case .copyOnDemand:
            var reader = try CopyOnDemandReader(channel, options: options)
            return finish(&reader, &consumer)
        }
    }

    @inlinable
    func finish<Reader: RemoteRecordReader & ~Copyable, Use: RemoteReaderUse>(
        _ reader: inout Reader,
        _ consumer: inout Use
    ) -> Use.Output {
        let output = consumer.use(&reader)
        reader.close()
        return output
    }
}
