// SPDX-License-Identifier: Apache-2.0

// From an index entry to the block that it points to (paper, 3.5: "Beltway silently resolves the corresponding DBuf and
// returns a block from there, provided the pointer stored in the IBuf is still valid").
//
// An entry may come from another process and point anywhere. It is followed only if buffer, position, offset and length
// lie inside what that buffer has published; the bytes are lent as long as they are whole, and checked again after use.

/// The bytes an entry points to.
///
/// Safe because they lie in a ring that `keeper` keeps mapped, inside the space that was checked.
@safe struct ResolvedBlock {
    let base: UnsafeRawPointer
    let length: Int
    private let source: Source

    private enum Source {
        case ring(Ring, RingSpace, UInt64, RingArea)
        case packets(DataBuffer, Position)
    }

    /// Whether no byte has been overwritten so far; ask after reading.
    var isWhole: Bool {
        switch source {
        case .ring(let ring, let space, let position, _): ring.isWhole(position, in: space)
        case .packets(let buffer, let position): buffer.memory.isWhole(position)
        }
    }

    /// Follows an entry into a ring; nil if what it points to is gone, or never was.
    init?(_ entry: IndexEntry, in ring: Ring, _ known: inout MappedSpace?) {
        let position = entry.position.bytes
        let reach = UInt64(entry.offset) + UInt64(entry.length)
        let (end, overflow) = position.addingReportingOverflow(reach)
        guard !overflow, end <= ring.tail.bytes else { return nil }
        if known == nil || known?.end != .max || position < known?.space.start ?? 0
            || ring.newestEpochNumber != known?.number
        {
            known = ring.space(holding: position)
        }
        guard let mapped = known, position >= mapped.space.start, end <= mapped.end else { return nil }
        let room =
            ring.isMirrored
            ? mapped.space.length : mapped.space.length &- UInt64(mapped.space.offset(position))
        guard reach <= room, ring.isWhole(position, in: mapped.space) else { return nil }
        unsafe base = UnsafeRawPointer(mapped.space.address(position)) + Int(entry.offset)
        length = Int(entry.length)
        source = .ring(ring, mapped.space, position, mapped.area)
    }

    /// Follows an entry into a ring of packets.
    init?(_ entry: IndexEntry, in buffer: DataBuffer) {
        let memory = buffer.memory
        let reach = Int(entry.offset) + Int(entry.length)
        let (end, overflow) = entry.position.bytes.addingReportingOverflow(UInt64(reach))
        guard !overflow, end <= memory.tail.bytes, memory.isWhole(entry.position) else { return nil }
        let bytes = unsafe memory.withBytes(
            at: entry.position,
            offset: Int(entry.offset),
            length: Int(entry.length)
        ) { unsafe $0.withUnsafeBytes { unsafe $0 } }
        guard let start = bytes.baseAddress, bytes.count == Int(entry.length) else { return nil }
        unsafe base = start
        length = bytes.count
        source = .packets(buffer, entry.position)
    }
}

/// Finds buffers by the numbers in one index buffer's entries, each once.
struct EntryResolver {
    private let index: NamedBuffer
    private let directory: BufferDirectory
    private var targets: [UInt16: Target] = [:]
    private var last: (number: UInt16, target: Target)?

    /// What this process calls the buffer that was found last; 0 if it has no name for it.
    private(set) var lastNumber: UInt16 = 0

    /// A buffer that entries point into, and the space that was used last.
    private final class Target {
        let ring: Ring?
        let packets: DataBuffer?
        let keeper: NamedBuffer?
        var space: MappedSpace?

        init(ring: Ring?, packets: DataBuffer?, keeper: NamedBuffer?) {
            self.ring = ring
            self.packets = packets
            self.keeper = keeper
        }
    }

    init(_ index: NamedBuffer, _ directory: BufferDirectory) {
        self.index = index
        self.directory = directory
    }

    /// The block that an entry points to.
    ///
    /// - Throws: ``BufferFileError/entryLapsed(_:)``.
    mutating func resolve(_ entry: IndexEntry) throws(BufferFileError) -> ResolvedBlock {
        let target = try target(entry.buffer)
        if let ring = target.ring {
            if let block = ResolvedBlock(entry, in: ring, &target.space) { return block }
        } else if let packets = target.packets, let block = ResolvedBlock(entry, in: packets) {
            return block
        }
        throw Self.lapsed(entry)
    }

    static func lapsed(_ entry: IndexEntry) -> BufferFileError {
        .entryLapsed(
            "\(entry.length) bytes at position \(entry.position.bytes) of buffer \(entry.buffer) are overwritten, "
                + "or were never there"
        )
    }

    private mutating func target(_ number: UInt16) throws(BufferFileError) -> Target {
        if let last, last.number == number { return last.target }
        let target: Target
        if let known = targets[number] {
            target = known
        } else {
            target = try find(number)
            targets[number] = target
        }
        last = (number, target)
        lastNumber = target.keeper?.number ?? 0
        return target
    }

    /// In this process by its number; else its owner is asked, once.
    private func find(_ number: UInt16) throws(BufferFileError) -> Target {
        guard let attached = index.attached else {
            guard let buffer = index.source(number) ?? directory.buffer(number) else {
                throw .entryLapsed("no buffer is called \(number) in this process")
            }
            return Target(ring: buffer.blocks, packets: nil, keeper: buffer)
        }
        let found: EntryTarget
        do throws(SharingError) { found = try attached.map.target(number) } catch {
            throw .entryLapsed("buffer \(number): \(error.description)")
        }
        switch found {
        case .packets(let packets): return Target(ring: nil, packets: packets, keeper: nil)
        case .ring(let ring):
            return Target(ring: ring, packets: nil, keeper: try directory.followed(ring))
        }
    }
}
