// SPDX-License-Identifier: Apache-2.0

/// How blocks lie in a buffer (paper, 4.1 and 4.2).
///
///     slots      p-DBuf  |len block....|len block  ...|len block....|    fixed slots, a power of two each
///     stream     c-DBuf  |bytes bytes bytes bytes bytes bytes bytes |    no blocks: bytes, wrapped by a mirrored mapping
///     marked     v-DBuf  |len block|len blockblock|len b|len block  |    a marker before each block
///     described  d-DBuf  |block|blockblock|block| + |d|d|d|          headers out of band: ``DescribedRing``
///     index      IBuf    |entry|entry|entry|                         slots of 32 bytes without a length
public enum BufferKind: UInt64, Sendable, CaseIterable {
    /// Fixed-size slots (p-DBuf).
    case slots = 1
    /// A byte stream (c-DBuf).
    case stream = 2
    /// Blocks with a length marker in front (v-DBuf).
    case marked = 3
    /// Blocks described out of band (d-DBuf): ``DescribedRing``, and ``DataBuffer`` for packets.
    case described = 4
    /// Index entries (IBuf).
    case index = 5
}

/// How the size of a ring may change (paper, 4.2.1).
public enum Resizing: UInt64, Sendable, CaseIterable {
    /// It never does.
    case fixed = 0
    /// New memory takes the place of the old: any size, any time, and more memory while both are in use.
    case replacing = 1
    /// A part of the memory is used, as a deck of cards is cut: any power of two up to the capacity, at a wrap.
    case partial = 2
}

/// What is asked for when a ring is opened; the implementation is chosen by it, once.
public struct RingOptions: Equatable, Sendable {
    /// How blocks lie.
    public var kind: BufferKind
    /// Who gives way.
    public var policy: BufferPolicy
    /// Bytes of memory, a power of two of 4,096 or more.
    public var capacity: Int
    /// Bytes of a slot, its 8-byte header included.
    ///
    /// A power of two from 16 to half the least length; for slots only.
    public var slotLength: Int
    /// Whether every block starts on a cache line of 64 bytes, so that readers of different blocks share none.
    public var isAligned: Bool
    /// How the size may change.
    public var resizing: Resizing
    /// Bytes that are used at first, if the size may change; the capacity otherwise.
    public var initialLength: Int
    /// Bytes that it never shrinks below, if it may be resized; half of it is the longest block.
    public var minimumLength: Int
    /// Whether free space is under-reported as the ring fills (paper, 4.3.1).
    public var avoidsExhaustion: Bool
    /// How fast the reported share of the free space moves; see ``ExhaustionAvoidance``.
    public var agility: Double

    /// Says what is wanted; what is not named has the usual value.
    public init(
        kind: BufferKind,
        policy: BufferPolicy = .slowReader,
        capacity: Int,
        slotLength: Int = 2048,
        isAligned: Bool = false,
        resizing: Resizing = .fixed,
        initialLength: Int? = nil,
        minimumLength: Int? = nil,
        avoidsExhaustion: Bool = false,
        agility: Double = 1.0 / 16
    ) {
        self.kind = kind
        self.policy = policy
        self.capacity = capacity
        self.slotLength = slotLength
        self.isAligned = isAligned
        self.resizing = resizing
        self.initialLength = initialLength ?? capacity
        self.minimumLength = minimumLength ?? (resizing == .fixed ? capacity : min(4096, capacity))
        self.avoidsExhaustion = avoidsExhaustion
        self.agility = agility
    }
}

/// Sizes within a ring that follow from its options.
@frozen public struct RingShape: Equatable, Sendable, BitwiseCopyable {
    /// Bytes of a slot; 0 where there are none.
    public let slotLength: Int
    /// Blocks start on a multiple of this.
    public let alignment: Int
    /// Bytes of which a block with its header out of band takes a multiple; elsewhere as the alignment.
    public let granularity: Int
    /// Smallest length that the ring may have.
    public let minimumLength: Int
    /// Bytes of the longest block that can be appended, whatever the ring's present length.
    public let maximumBlock: Int

    /// Works out the sizes, from options or from the control page of somebody else.
    ///
    /// - Throws: ``BufferError/invalidRing(_:)`` for sizes that contradict each other.
    init(
        kind: BufferKind,
        capacity: Int,
        slotLength: Int,
        isAligned: Bool,
        minimumLength: Int
    ) throws(BufferError) {
        func isPower(_ value: Int) -> Bool { value > 0 && value & (value - 1) == 0 }
        // A page where the memory is mapped twice in a row, or resized; 64 entries otherwise.
        let least = kind == .index && minimumLength == capacity ? 2048 : 4096
        guard isPower(capacity), capacity >= least, capacity <= BufferGeometry.maximumCapacity else {
            throw .invalidRing("a capacity of \(capacity) bytes is not a power of two from \(least) to 2^36")
        }
        guard isPower(minimumLength), minimumLength >= least, minimumLength <= capacity else {
            throw .invalidRing(
                "a least length of \(minimumLength) bytes is not a power of two from \(least) to \(capacity)"
            )
        }
        self.minimumLength = minimumLength
        switch kind {
        case .slots:
            guard isPower(slotLength), slotLength >= (isAligned ? 64 : 16), slotLength <= minimumLength / 2
            else {
                throw .invalidRing(
                    "slots of \(slotLength) bytes: a power of two from \(isAligned ? 64 : 16) to half of "
                        + "\(minimumLength) is expected"
                )
            }
            self.slotLength = slotLength
            alignment = slotLength
            granularity = slotLength
            maximumBlock = slotLength - SlotLayout.headerLength
        case .index:
            self.slotLength = MemoryLayout<IndexEntry>.stride
            alignment = self.slotLength
            granularity = self.slotLength
            maximumBlock = self.slotLength
        case .stream:
            self.slotLength = 0
            alignment = 1
            granularity = isAligned ? 64 : 8
            maximumBlock = minimumLength / 2
        case .marked:
            self.slotLength = 0
            alignment = isAligned ? 64 : 8
            granularity = alignment
            maximumBlock = minimumLength / 2 - MarkedLayout.headerLength
        case .described:
            throw .invalidRing("blocks with headers out of band live in two rings, a DescribedRing")
        }
    }
}
