// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire
internal import Synchronization

/// What a server needs to know of a buffer, of whatever kind, to share it.
protocol SharedBuffer: AnyObject, Sendable {
    /// How the buffer is listed in an attachment, without its areas.
    var sharedEntry: SharedBufferEntry { get }
    /// Differs between runs of its producer.
    var generation: UInt64 { get }
    /// Whether index entries name it by its number.
    var isNamedByEntries: Bool { get }
    /// Its areas and their descriptors, owned by the buffer; without the cursor.
    ///
    /// - Parameter holds: Whether they are for a reader that the producer waits for.
    /// - Returns: At least one.
    func sharedAreas(holds: Bool) -> [(area: SharedArea, descriptor: Int32)]
    /// One of the areas that its data lies in, if it has many; nil if it is gone.
    func areaFile(_ number: UInt64) -> OwnedDescriptor?
    /// The rings that it consists of, in the order in which a reader takes hold of them; mostly itself.
    ///
    /// Each has a page of the reader's own; the last one's tells how much it has read.
    var sharedParts: [any SharedBuffer] { get }
    /// How far the producer has come.
    var sharedProgress: SharedProgress { get }
    /// Bytes between a record and the tail; the capacity if it is overwritten.
    func bytesBehind(ordinal: UInt64) -> UInt64
    /// Registers a reader of another process.
    ///
    /// - Returns: Its number, for ``detachReader(_:)``, and the ordinal from which on it can be offered anything.
    func attachReader(_ cursor: ReaderCursor, holds: Bool) throws(BufferError) -> (
        id: UInt64, ordinal: UInt64
    )
    /// Forgets a reader, at once.
    func detachReader(_ id: UInt64)
    /// How long a reader may hold up the producer without moving, in nanoseconds.
    func setPatience(nanoseconds: UInt64)
}

extension SharedBuffer {
    var sharedParts: [any SharedBuffer] { [self] }
}

/// A buffer that entries of an index ring name, as the ring's owner knows it.
struct NamedTarget: Sendable {
    /// What the entries call it.
    var number: UInt16
    /// Where it is.
    var place: Place

    enum Place: Sendable {
        /// In the owner's process: handed over to whom its policy lets in.
        case here(any SharedBuffer, AccessPolicy)
        /// In another process, which is asked for it at the socket of its name; whose policy decides.
        case elsewhere(SharedBufferEntry)
    }
}

/// How far a producer has come.
struct SharedProgress {
    var bytes: UInt64
    var ordinal: UInt64
    var isClosed: Bool
    /// What the kernel dropped before it.
    var dropped: UInt64 = 0
}

extension DataBuffer: SharedBuffer {
    /// The kind in messages: a buffer whose headers are out of band (d-DBuf).
    static var sharedKind: UInt8 { UInt8(BufferKind.described.rawValue) }

    var sharedEntry: SharedBufferEntry {
        SharedBufferEntry(
            kind: Self.sharedKind,
            policy: UInt8(truncatingIfNeeded: policy.rawValue),
            number: number,
            linkType: linkType.rawValue,
            capacity: UInt64(geometry.capacity),
            name: name,
            areas: [],
            generation: generation
        )
    }

    var isNamedByEntries: Bool { true }

    func areaFile(_ number: UInt64) -> OwnedDescriptor? { nil }

    func sharedAreas(holds: Bool) -> [(area: SharedArea, descriptor: Int32)] {
        let own = descriptors
        return [(.data, own.data), (.control, own.control)]
            + (holds ? [(.bell, coordination.bell.descriptor)] : [])
    }

    var sharedProgress: SharedProgress {
        // `closed` first: it is stored after the last tail.
        let isClosed = memory.isClosed
        return SharedProgress(
            bytes: memory.tail.bytes,
            ordinal: memory.tailOrdinal,
            isClosed: isClosed,
            dropped: coordination.droppedBefore
        )
    }

    func bytesBehind(ordinal: UInt64) -> UInt64 {
        let progress = sharedProgress
        guard ordinal < progress.ordinal else { return 0 }
        let descriptor = memory.descriptor(at: ordinal)
        guard memory.isWhole(ordinal: ordinal), memory.isWhole(descriptor.position) else {
            return UInt64(geometry.capacity)
        }
        return progress.bytes &- min(progress.bytes, descriptor.position.bytes)
    }

    func attachReader(
        _ cursor: ReaderCursor,
        holds: Bool
    ) throws(BufferError) -> (id: UInt64, ordinal: UInt64) {
        let memory = self.memory
        let reader = try coordination.attach(
            cursor,
            holds: holds,
            at: {
                // The ordinal last: never behind the tail, so the reader may hold a few bytes too many.
                let position = memory.tail.bytes
                return (position, memory.tailOrdinal)
            }
        )
        return (reader.id, reader.ordinal)
    }

    func detachReader(_ id: UInt64) { coordination.detach(id) }

    func setPatience(nanoseconds: UInt64) { coordination.patience.store(nanoseconds, ordering: .relaxed) }
}
