// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

/// A consumer that wants every packet: walks the descriptors, needs no index buffer.
///
/// Invariant: `published == read + lost`, where published counts the packets offered since the reader attached.
/// Where the policy protects readers, it holds the ring up to its last ``release()``; otherwise it may be
/// lapped at any time, and counts what it lost exactly, from ordinals.
///
/// Nothing that the owner of a ring may have forged stops it: its own ordinal never goes back, whatever the tail says,
/// and a call looks at a handful of descriptors at most before it gives up the rest as lost.
public struct DescriptorReader: ~Copyable, @unchecked Sendable {
    /// The buffer that is read.
    public let buffer: DataBuffer
    /// Its memory.
    public let memory: RingMemory
    /// Packets that ``next()`` returned and that were not given back by ``giveBackLapped()``.
    @inlinable public var read: UInt64 { taken }
    /// Packets that were overwritten before, or while, they were read.
    @inlinable public var lost: UInt64 { skipped }
    /// Ordinal of the next packet.
    @inlinable public var ordinal: UInt64 { following }
    /// How this reader is woken.
    public var coalescing = Coalescing.immediate
    @usableFromInline var taken: UInt64 = 0
    @usableFromInline var skipped: UInt64 = 0
    @usableFromInline var following: UInt64
    @usableFromInline var end: UInt64
    /// Ordinal up to which the processor was asked for records; of no meaning but for speed.
    @usableFromInline var fetched: UInt64 = 0
    @usableFromInline var position: Position
    private var step = OverwriteStep()
    private let first: UInt64
    private let slot: Int?

    /// Attaches at the buffer's tail: what is published from now on is offered.
    ///
    /// - Parameters:
    ///   - buffer: The buffer to read.
    ///   - holding: Whether a producer whose policy protects readers waits for this one, or drops for it.
    /// - Throws: ``BufferError/tooManyReaders`` if the producer waits for 64 readers already.
    public init(_ buffer: DataBuffer, holding: Bool = true) throws(BufferError) {
        let place = try buffer.attachmentPlace(holding: holding)
        self.buffer = buffer
        memory = buffer.memory
        slot = place.slot
        position = Position(place.position)
        following = place.ordinal
        first = place.ordinal
        end = place.ordinal
        buffer.coordination.began(at: place.ordinal)
    }

    deinit { if let slot { buffer.coordination.removeReader(slot) } }

    /// Packets offered since the reader attached.
    public var published: UInt64 { ordinal &- first }
    /// Packets published and not yet taken.
    public var backlog: UInt64 { max(memory.tailOrdinal, ordinal) &- ordinal }
    /// Bytes published and not yet taken.
    public var lagInBytes: Int { min(max(0, memory.tail - position), memory.geometry.capacity) }

    /// Takes the next packet's descriptor, copied out and validated; nil if nothing more is published.
    @inlinable
    public mutating func next() -> Descriptor? {
        if following == end {
            end = max(memory.tailOrdinal, following)
            if following == end { return nil }
        }
        if following &+ 8 >= fetched, fetched != end { fetchAhead() }
        var skips = 0
        while true {
            let descriptor = memory.descriptor(at: following)
            if memory.isWhole(ordinal: following), memory.isWhole(descriptor.position) {
                following &+= 1
                taken &+= 1
                position = descriptor.position + Int(descriptor.recordLength)
                return descriptor
            }
            skips &+= 1
            skipWhatWasLapped(all: skips > 4)
            if following == end { return nil }
        }
    }

    /// Asks the processor for the records of the next packets, eight at a time, eight ahead.
    @usableFromInline mutating func fetchAhead() {
        let start = max(following, min(fetched, end))
        fetched = min(end, following &+ 16)
        var ordinal = start
        while ordinal < fetched {
            memory.fetchRecord(at: memory.descriptor(at: ordinal).position)
            ordinal &+= 1
        }
    }

    /// Runs `body` on the packet, in place, and returns its result only if the record was still whole afterwards.
    ///
    /// `body` may see bytes that change under it, so it must have no effect but its result. After ``Lapped`` the
    /// packet is counted as lost instead of read.
    ///
    /// - Parameters:
    ///   - descriptor: What ``next()`` returned last.
    ///   - body: A pure function of the packet's bytes.
    /// - Returns: What `body` returned.
    /// - Throws: ``Lapped`` if the producer has overwritten any byte of the record.
    @inlinable
    public mutating func packet<Result>(
        _ descriptor: Descriptor,
        _ body: (RawSpan) -> Result
    ) throws(Lapped) -> Result {
        let result = memory.withPacket(descriptor, body)
        guard memory.isWhole(descriptor.position) else {
            giveBackLapped()
            throw Lapped()
        }
        return result
    }

    /// Counts the packet taken last as lost: it was overwritten while it was read.
    @inlinable
    public mutating func giveBackLapped() {
        taken &-= 1
        skipped &+= 1
    }

    /// Lets a blocking producer overwrite everything taken so far.
    public func release() {
        buffer.coordination.report(read: taken, lost: skipped)
        guard let slot else { return }
        buffer.coordination.release(slot, position: position.bytes, ordinal: ordinal)
    }

    /// Sleeps until more is published, the producer ends, or the time is over; releases first.
    ///
    /// - Parameter nanoseconds: At most so long.
    public func wait(nanoseconds: Int64) {
        release()
        let (memory, ordinal) = (memory, ordinal)
        buffer.publication.wait(nanoseconds: nanoseconds, coalescing: coalescing, tail: memory.tail.bytes) {
            memory.isClosed || memory.tailOrdinal > ordinal
        }
    }

    /// Whether the producer has ended and everything was taken.
    public var isAtEnd: Bool { memory.isClosed && memory.tailOrdinal <= ordinal }

    /// Resumes a step of chunks beyond the oldest one left, at most half a ring behind the tail (paper, 4.3.2); or, if
    /// it was lapped again and again in one call, at the tail.
    @usableFromInline mutating func skipWhatWasLapped(all: Bool) {
        let chunks = step.miss(
            at: position.bytes / UInt64(memory.geometry.chunkLength),
            limit: UInt64(memory.geometry.chunkCount / 2)
        )
        let resume = all ? .max : memory.resumeOrdinal(step: chunks)
        end = max(memory.tailOrdinal, following)
        let target = min(max(resume, following &+ 1), end)
        skipped &+= target &- following
        following = target
    }
}

extension DataBuffer {
    /// Where a reader attaches: at the tail, with a slot if the producer is to wait for it.
    ///
    /// The tail's ordinal is stored before the tail, so loaded after it, it is never behind it: the reader may hold a
    /// few bytes too many, and is offered exactly the packets from `ordinal` on.
    func attachmentPlace(
        holding: Bool
    ) throws(BufferError) -> (slot: Int?, position: UInt64, ordinal: UInt64) {
        let memory = self.memory
        func tail() -> (position: UInt64, ordinal: UInt64) {
            let position = memory.tail.bytes
            return (position, memory.tailOrdinal)
        }
        guard holding, policy.protectsReaders else {
            let (position, ordinal) = tail()
            return (nil, position, ordinal)
        }
        // In a process that attached, from where the owner holds the buffer for it.
        let reader = try coordination.addReader(at: { coordination.heldFrom ?? tail() })
        return (reader.slot, reader.position, reader.ordinal)
    }
}

extension RingMemory {
    /// Ordinal at which a lapped reader resumes: the first of a chunk that is `step` chunks beyond the oldest one, or
    /// later if the descriptors are gone; the tail's if there is none.
    func resumeOrdinal(step: UInt64) -> UInt64 {
        let length = UInt64(geometry.chunkLength)
        let newest = tail.bytes / length
        let intent = relaxed(ControlLayout.intentOrdinal)
        let oldestOrdinal = intent - min(intent, UInt64(geometry.descriptorCapacity * 7 / 8))
        var index = newest &- min(newest, UInt64(geometry.chunkCount) &- step)
        while index <= newest {
            if let row = row(of: index), row.firstOrdinal >= oldestOrdinal { return row.firstOrdinal }
            index += 1
        }
        return tailOrdinal
    }
}
