// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// What every reader of packets offers, wherever the ring is: in this process, in another, or on another host.
///
/// Code that is generic over it, and `@inlinable`, runs on a local ring as on a remote one under any strategy, each
/// specialised. Invariant: `published == read + lost`, where published counts the packets offered since the reader
/// attached. No reader here holds up the producer of a remote ring.
public protocol RecordReader: ~Copyable {
    /// Takes the next packet's descriptor, checked and in this machine's byte order; nil if nothing more is here.
    mutating func next() -> Descriptor?

    /// Runs `body` on a part of the packet that ``next()`` returned last.
    ///
    /// Where the ring is local the bytes may change under `body`, so it must have no effect but its result. After
    /// ``Lapped`` the packet is counted as lost instead of read; do not ask for it again.
    ///
    /// - Parameters:
    ///   - descriptor: What ``next()`` returned last.
    ///   - offset: Bytes from the packet's start.
    ///   - length: Bytes; what lies beyond the captured bytes is left out of the span.
    ///   - body: A pure function of the bytes.
    /// - Returns: What `body` returned.
    /// - Throws: ``Lapped`` if the original was overwritten before its bytes could be had.
    mutating func withBytes<Result>(
        of descriptor: Descriptor,
        offset: Int,
        length: Int,
        _ body: (RawSpan) -> Result
    ) throws(Lapped) -> Result

    /// Counts the packet taken last as lost.
    mutating func giveBackLapped()

    /// Waits until more is here, the ring ends, the connection fails, or the time is over.
    ///
    /// - Parameter nanoseconds: At most so long.
    mutating func wait(nanoseconds: Int64)

    /// Packets taken and not given back.
    var read: UInt64 { get }
    /// Packets that were overwritten before, or while, they were read.
    var lost: UInt64 { get }
    /// Packets offered since the reader attached.
    var published: UInt64 { get }
    /// Ordinal of the next packet.
    var ordinal: UInt64 { get }
    /// Whether everything was taken and nothing will come, be it that the ring ended or the connection.
    var isAtEnd: Bool { get }
    /// Why the connection ended, if it ended before the ring did.
    var failure: RemoteError? { get }
    /// No packet earlier than this comes after those that ``next()`` has given, once it has given nil.
    var timeThrough: Timestamp { get }
}

extension RecordReader where Self: ~Copyable {
    /// Runs `body` on all captured bytes of the packet that ``next()`` returned last.
    ///
    /// - Returns: What `body` returned.
    /// - Throws: ``Lapped`` if the original was overwritten before its bytes could be had.
    @inlinable
    public mutating func withPacket<Result>(
        _ descriptor: Descriptor,
        _ body: (RawSpan) -> Result
    ) throws(Lapped) -> Result {
        try withBytes(of: descriptor, offset: 0, length: Int(descriptor.capturedLength), body)
    }
}

/// Which bytes of a packet an access means: the part that was captured.
@inlinable @inline(__always)
func clipped(_ offset: Int, _ length: Int, to descriptor: Descriptor) -> (offset: Int, length: Int) {
    let captured = Int(descriptor.capturedLength)
    let start = min(max(0, offset), captured)
    return (start, min(max(0, length), captured &- start))
}

extension DescriptorReader: RecordReader {
    /// Runs `body` on a part of the packet, in place; see ``RecordReader``.
    @inlinable
    public mutating func withBytes<Result>(
        of descriptor: Descriptor,
        offset: Int,
        length: Int,
        _ body: (RawSpan) -> Result
    ) throws(Lapped) -> Result {
        let part = clipped(offset, length, to: descriptor)
        let result = memory.withBytes(
            at: descriptor.position,
            offset: RecordLayout.headerLength &+ part.offset,
            length: part.length,
            body
        )
        guard memory.isWhole(descriptor.position) else {
            giveBackLapped()
            throw Lapped()
        }
        return result
    }

    /// What the producer says of packets to come.
    @inlinable public var timeThrough: Timestamp { memory.isClosed ? .distantFuture : memory.timeThrough }
    /// A ring on this machine has no connection that could fail.
    @inlinable public var failure: RemoteError? { nil }
}
