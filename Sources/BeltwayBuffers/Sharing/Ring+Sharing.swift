// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

// A ring of any kind behind a socket. Its control page is handed over with the hello; its areas, of which resizing
// makes more, are asked for by number.

extension Ring: SharedBuffer {
    var sharedEntry: SharedBufferEntry {
        SharedBufferEntry(
            kind: UInt8(truncatingIfNeeded: kind.rawValue),
            policy: UInt8(truncatingIfNeeded: policy.rawValue),
            number: 0,
            linkType: 0,
            capacity: UInt64(capacity),
            name: name,
            areas: [],
            generation: generation
        )
    }

    var isNamedByEntries: Bool { false }

    func sharedAreas(holds: Bool) -> [(area: SharedArea, descriptor: Int32)] {
        // Memory that is never replaced goes with the hello: a reader that was let in can read what is there whatever
        // becomes of the owner.
        let data = resizing == .replacing ? nil : firstAreaDescriptor
        return [(.control, controlDescriptor)] + (data.map { [(.data, $0)] } ?? [])
            + (holds ? [(.bell, coordination.bell.descriptor)] : [])
    }

    func areaFile(_ number: UInt64) -> OwnedDescriptor? { areaDescriptor(number).map { OwnedDescriptor($0) } }

    var sharedProgress: SharedProgress {
        // `closed` first: it is stored after the last tail.
        let isClosed = isClosed
        let end = end
        return SharedProgress(bytes: end.position, ordinal: end.ordinal, isClosed: isClosed)
    }

    /// Exact where blocks are of one size; by the average where only markers tell.
    func bytesBehind(ordinal: UInt64) -> UInt64 {
        let end = end
        guard ordinal < end.ordinal else { return 0 }
        let blocks = end.ordinal - ordinal
        let block: UInt64 =
            switch kind {
            case .slots, .index: UInt64(shape.slotLength)
            case .stream: 1
            case .marked, .described: max(1, end.position / end.ordinal)
            }
        let (bytes, overflow) = blocks.multipliedReportingOverflow(by: block)
        return overflow ? UInt64(capacity) : min(bytes, UInt64(capacity))
    }

    func attachReader(
        _ cursor: ReaderCursor,
        holds: Bool
    ) throws(BufferError) -> (id: UInt64, ordinal: UInt64) {
        let reader = try coordination.attach(cursor, holds: holds, at: { beginning })
        return (reader.id, reader.ordinal)
    }

    func detachReader(_ id: UInt64) { coordination.detach(id) }

    func setPatience(nanoseconds: UInt64) { coordination.patience.store(nanoseconds, ordering: .relaxed) }
}

// A ring with headers out of band is one buffer of two rings: blocks first, then headers (see ``DescribedRing``).
extension DescribedRing: SharedBuffer {
    var sharedEntry: SharedBufferEntry { bodies.sharedEntry }
    var generation: UInt64 { bodies.generation }
    var isNamedByEntries: Bool { false }
    var sharedParts: [any SharedBuffer] { [bodies, headers] }
    func sharedAreas(holds: Bool) -> [(area: SharedArea, descriptor: Int32)] {
        bodies.sharedAreas(holds: holds)
    }
    func areaFile(_ number: UInt64) -> OwnedDescriptor? { bodies.areaFile(number) }

    /// Bytes of blocks; blocks by their headers.
    var sharedProgress: SharedProgress {
        let published = headers.sharedProgress
        return SharedProgress(
            bytes: bodies.tail.bytes,
            ordinal: published.ordinal,
            isClosed: published.isClosed
        )
    }

    func bytesBehind(ordinal: UInt64) -> UInt64 {
        guard ordinal < headers.tailOrdinal else { return 0 }
        guard let position = position(ofBlock: ordinal) else { return UInt64(bodies.capacity) }
        let tail = bodies.tail.bytes
        return min(tail &- min(tail, position), UInt64(bodies.capacity))
    }

    func attachReader(
        _ cursor: ReaderCursor,
        holds: Bool
    ) throws(BufferError) -> (id: UInt64, ordinal: UInt64) {
        preconditionFailure("readers take hold of its parts, one by one")
    }

    func detachReader(_ id: UInt64) { preconditionFailure("readers let go of its parts, one by one") }

    func setPatience(nanoseconds: UInt64) {
        for part in [bodies, headers] { part.setPatience(nanoseconds: nanoseconds) }
    }
}
