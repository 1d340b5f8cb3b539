// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// A private ring of index entries between a classifier and one consumer (IBuf; paper, 3.4).
///
/// A ``Ring`` of entries whose one consumer is expected from the start: what is published before its reader is made is
/// offered to it all the same. Same policy as the rings its entries point into, same double check on its entries.
public final class IndexBuffer: Sendable {
    /// Entries in shared memory; what is handed to another process that reads them too.
    public let ring: Ring
    /// Shown to people: the consumer's name.
    public var name: String { ring.name }
    /// Entries that it holds, a power of two.
    public let capacity: Int
    /// Who gives way.
    public var policy: BufferPolicy { ring.policy }
    /// What the one consumer holds from the start.
    let slot: Int?
    /// Entries that are no packets, appended so far: whoever has seen a tail has seen the count of those before it.
    private let appendedMarks = Atomic<UInt64>(0)

    /// Makes an index buffer.
    ///
    /// - Parameters:
    ///   - name: The consumer's name.
    ///   - capacity: Entries; a power of two of 64 or more.
    ///   - policy: That of the rings its entries point into.
    /// - Throws: ``BufferError`` for another capacity, or when memory cannot be had.
    public init(name: String, capacity: Int, policy: BufferPolicy) throws(BufferError) {
        let length = MemoryLayout<IndexEntry>.stride.multipliedReportingOverflow(by: capacity)
        ring = try Ring(
            name: name,
            options: RingOptions(
                kind: .index,
                policy: policy,
                capacity: length.overflow ? .max : length.partialValue
            )
        )
        self.capacity = capacity
        slot = policy.protectsReaders ? try ring.coordination.addReader(at: { (0, 0) }).slot : nil
    }

    /// Whether the producer has ended; load it before the tail.
    public var isClosed: Bool { ring.isClosed }
    /// Entries that are no packets, appended so far; its producer alone stores it, before the tail that shows them.
    var marks: UInt64 {
        get { appendedMarks.load(ordering: .relaxed) }
        set { appendedMarks.store(newValue, ordering: .relaxed) }
    }
    /// Entries published since the buffer was made.
    public var published: UInt64 { ring.tailOrdinal }
}
