// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
public import Synchronization

// A ring of blocks in shared memory: the kinds of the paper's section 4 that are not packets' own (``DataBuffer``).
//
//      oldest protected          tail      intent
//            |                     |         |
//   ---------+=====================+~~~~~~~~~+-------->  position (bytes since creation, never wraps)
//                  readable          being written
//
// Invariant 1. Only the producer stores tail, intent and spaces; tail <= intent <= tail + the ring's present length.
// Invariant 2. The bytes at p are what was published there as long as intent <= p + window (RingSpace).
// Invariant 3. No block crosses the start of a space.
//
// Memory ordering (x86-64 and arm64) is that of `RingMemory`: tail is stored releasing and loaded acquiring; intent is
// stored relaxed before a release fence and loaded relaxed after an acquire fence; a row of the table of spaces is a
// seqlock, and `epochCount` is stored releasing before the tail that first lies in the new space, so who acquires that
// tail finds the space.

/// A ring of one kind and policy, with one producer and any number of readers here and in other processes.
///
/// Safe because control offsets are fixed inside a page, and everything read from a page that somebody else writes
/// is checked against the ring's shape before it is used.
@safe public final class Ring: @unchecked Sendable {
    /// Shown to people, and the name of its socket.
    public let name: String
    /// How blocks lie.
    public let kind: BufferKind
    /// Who gives way.
    public let policy: BufferPolicy
    /// Bytes of memory at most.
    public let capacity: Int
    /// Sizes within it.
    public let shape: RingShape
    /// How its size may change.
    public let resizing: Resizing
    /// How free space is under-reported as it fills, if it is.
    let avoidance: ExhaustionAvoidance?
    @usableFromInline let control: UnsafeMutableRawPointer
    @usableFromInline let coordination: Coordination

    let controlMemory: SharedMemory
    private let isOwner: Bool
    private let hasProducer = Atomic<Bool>(false)
    private let areas = Mutex<[RingArea]>([])
    /// In an attached process: asks the owner for an area's descriptor, which the caller closes.
    private let areaSource: (@Sendable (UInt64) -> Int32?)?

    /// Makes a ring: memfds, mapped and then sealed so that nobody else can ever write them.
    ///
    /// - Parameters:
    ///   - name: Shown to people and used in paths.
    ///   - options: What is wanted.
    ///   - generation: Differs between runs of a producer, so that a reader of an old one notices.
    /// - Throws: ``BufferError`` for sizes that contradict each other, or when memory cannot be had.
    public init(name: String, options: RingOptions, generation: UInt64 = 1) throws(BufferError) {
        shape = try RingShape(
            kind: options.kind,
            capacity: options.capacity,
            slotLength: options.slotLength,
            isAligned: options.isAligned,
            minimumLength: options.minimumLength
        )
        let length = options.resizing == .fixed ? options.capacity : options.initialLength
        guard length >= shape.minimumLength, length <= options.capacity, length & (length - 1) == 0 else {
            throw .invalidRing(
                "a first length of \(length) bytes is not a power of two from \(shape.minimumLength) to "
                    + "\(options.capacity)"
            )
        }
        self.name = name
        kind = options.kind
        policy = options.policy
        capacity = options.capacity
        resizing = options.resizing
        avoidance = options.avoidsExhaustion ? ExhaustionAvoidance(agility: options.agility) : nil
        controlMemory = try SharedMemory(creating: "beltway-ring-control", length: ControlLayout.ringLength)
        unsafe control = controlMemory.base
        coordination = try Coordination(policy: options.policy)
        isOwner = true
        areaSource = nil
        let first = try makeArea(number: 0, length: resizing == .partial ? capacity : length)
        areas.withLock { $0 = [first] }
        store(ControlLayout.versionOffset, ControlLayout.version)
        store(ControlLayout.capacityOffset, UInt64(capacity))
        store(ControlLayout.generationOffset, generation)
        store(ControlLayout.policyOffset, policy.rawValue)
        store(ControlLayout.kindOffset, kind.rawValue)
        store(ControlLayout.slotLengthOffset, UInt64(shape.slotLength))
        store(ControlLayout.alignmentOffset, options.isAligned ? 1 : 0)
        store(ControlLayout.resizingOffset, resizing.rawValue)
        store(ControlLayout.minimumLengthOffset, UInt64(shape.minimumLength))
        storeEpoch(RingEpoch(start: 0, origin: 0, length: UInt64(length), area: 0), number: 0)
        store(ControlLayout.magicOffset, ControlLayout.magic)
        try controlMemory.seal()
    }

    /// Attaches to a ring of another process, read-only.
    ///
    /// - Parameters:
    ///   - name: As the owner calls it.
    ///   - controlDescriptor: Open file descriptor of the control memfd; duplicated.
    ///   - cursorDescriptor: This process's cursor page, if the owner made one; duplicated.
    ///   - bellDescriptor: The page that a waiting producer sleeps on, if it waits for this process; duplicated.
    ///   - areaSource: Asks the owner for an area's memfd by number; nil if it is gone. The ring closes it.
    /// - Throws: ``BufferError/notABuffer(_:)`` unless sizes, seals, magic and version agree.
    public init(
        attachingTo name: String,
        controlDescriptor: Int32,
        cursorDescriptor: Int32? = nil,
        bellDescriptor: Int32? = nil,
        areaSource: @escaping @Sendable (UInt64) -> Int32?
    ) throws(BufferError) {
        try SharedMemory.check(
            controlDescriptor,
            length: ControlLayout.ringLength,
            seals: SharedMemory.readOnlySeals
        )
        controlMemory = try SharedMemory(
            attaching: controlDescriptor,
            minimumLength: ControlLayout.ringLength
        )
        unsafe control = controlMemory.base
        let page = controlMemory
        func field(_ offset: Int) -> UInt64 { unsafe page.base.load(fromByteOffset: offset, as: UInt64.self) }
        guard field(ControlLayout.magicOffset) == ControlLayout.magic else {
            throw .notABuffer("no magic number")
        }
        guard field(ControlLayout.versionOffset) == ControlLayout.version else {
            throw .notABuffer(
                "version \(field(ControlLayout.versionOffset)), expected \(ControlLayout.version)"
            )
        }
        guard let kind = BufferKind(rawValue: field(ControlLayout.kindOffset)),
            let policy = BufferPolicy(rawValue: field(ControlLayout.policyOffset)),
            let resizing = Resizing(rawValue: field(ControlLayout.resizingOffset)),
            let capacity = Int(exactly: field(ControlLayout.capacityOffset)),
            let slotLength = Int(exactly: field(ControlLayout.slotLengthOffset)),
            let minimumLength = Int(exactly: field(ControlLayout.minimumLengthOffset)),
            let shape = try? RingShape(
                kind: kind,
                capacity: capacity,
                slotLength: slotLength,
                isAligned: field(ControlLayout.alignmentOffset) != 0,
                minimumLength: minimumLength
            )
        else { throw .notABuffer("control page contradicts itself") }
        self.name = name
        self.kind = kind
        self.policy = policy
        self.capacity = capacity
        self.shape = shape
        self.resizing = resizing
        avoidance = nil
        coordination = try Coordination(
            policy: policy,
            cursorDescriptor: cursorDescriptor,
            bellDescriptor: bellDescriptor
        )
        isOwner = false
        self.areaSource = areaSource
        guard newestSpace() != nil else { throw .notABuffer("its memory cannot be had") }
    }

    // MARK: Handles

    /// The one handle that writes.
    ///
    /// - Parameter layout: The layout of the ring's kind.
    /// - Returns: The producer. It is a programmer error to ask twice, with another kind's layout, or to ask for it in
    ///   an attached process.
    public func makeProducer<Layout: BlockLayout>(_ layout: Layout.Type) -> RingProducer<Layout> {
        precondition(isOwner, "an attached ring is read-only")
        precondition(Layout.serves(kind), "the layout is that of another kind of ring")
        precondition(!hasProducer.exchange(true, ordering: .relaxed), "a ring has one producer")
        return RingProducer(self)
    }

    /// Descriptor of the control memfd, for handing to another process; owned by this object.
    public var controlDescriptor: Int32 { controlMemory.descriptor }

    /// Descriptor of an area, for handing to another process; nil if it is gone.
    ///
    /// A duplicate: whoever asks closes it.
    public func areaDescriptor(_ number: UInt64) -> Int32? {
        areas.withLock { areas in areas.first { $0.number == number }.map { dup($0.descriptor) } }
            .flatMap { $0 >= 0 ? $0 : nil }
    }

    /// Descriptor of the first area, where that is never replaced; owned by this object.
    var firstAreaDescriptor: Int32? { areas.withLock { $0.first { $0.number == 0 }?.descriptor } }

    /// Differs between runs of a producer.
    public var generation: UInt64 { relaxed(ControlLayout.generationOffset) }
    /// Published end in bytes; acquires what `publish` released.
    @inlinable public var tail: Position { Position(acquire(ControlLayout.tail)) }
    /// Blocks (bytes in a stream) published since the ring was made.
    @inlinable public var tailOrdinal: UInt64 { acquire(ControlLayout.tailOrdinal) }
    /// Published end, position and ordinal of the same publication; partner: `RingProducer.publish`.
    ///
    /// Nil if they do not agree for half a millisecond: the producer was stopped between its stores, or lies.
    var agreedEnd: (position: UInt64, ordinal: UInt64)? {
        for attempt in 0..<104 {
            let ordinal = acquire(ControlLayout.tailOrdinal)
            let position = relaxed(ControlLayout.tail)
            atomicMemoryFence(ordering: .acquiring)
            if relaxed(ControlLayout.tailOrdinalBefore) == ordinal { return (position, ordinal) }
            if attempt >= 100 { beltway_sleep(50_000) }
        }
        return nil
    }

    /// The same, for who must have one: a producer that is still not done after some 20 milliseconds has died there,
    /// was stopped, or lies, and the tail alone is known.
    var end: (position: UInt64, ordinal: UInt64) {
        for _ in 0..<50 {
            if let end = agreedEnd { return end }
            if isClosed { break }
        }
        return (tail.bytes, tailOrdinal)
    }

    /// Whether its blocks have their headers in a ring beside it; see ``DescribedRing``.
    var isDescribed: Bool { relaxed(ControlLayout.describedOffset) != 0 }

    /// Where a reader begins that comes now: the published end.
    ///
    /// Among blocks with headers out of band it is where the first one begins whose header is not published, which may
    /// be before the end for the moment between the two publications.
    var beginning: (position: UInt64, ordinal: UInt64) {
        guard isDescribed else { return end }
        let through = acquire(ControlLayout.describedThrough)  // partner: DescribedProducer.publish
        let (position, ordinal) = (tail.bytes, tailOrdinal)
        return (min(through, position), min(through, ordinal))
    }

    /// Whether the producer has ended; stored after its last tail, so load it *before* the tail.
    @inlinable public var isClosed: Bool { acquire(ControlLayout.closed) != 0 }
    /// Bytes that the ring uses at present.
    public var length: Int { Int(newestEpoch()?.length ?? 0) }

    /// Whether the byte at a position of a space is still what was published there; call it after reading.
    ///
    /// The one check of every reader of a ring: the fence keeps the reads before the load of `intent`.
    @inlinable @inline(__always)
    func isWhole(_ position: UInt64, in space: RingSpace) -> Bool {
        atomicMemoryFence(ordering: .acquiring)  // partner: the release fence in RingProducer.announce
        return relaxed(ControlLayout.intent) &- position <= space.window && position >= space.floor
    }

    // MARK: Areas

    /// Lengths that a space of this ring may have in an area of `length` bytes.
    private func viewLengths(_ length: Int) -> [Int] {
        guard resizing == .partial else { return [length] }
        return Array(sequence(first: shape.minimumLength) { $0 < length ? $0 * 2 : nil })
    }

    var isMirrored: Bool { kind == .stream || kind == .marked }

    /// Makes memory; the producer's business.
    func makeArea(number: UInt64, length: Int) throws(BufferError) -> RingArea {
        try RingArea(
            number: number,
            length: length,
            viewLengths: viewLengths(length),
            isMirrored: isMirrored
        )
    }

    /// Keeps a new area, and lets go of those that nobody may need any more: what ends before `oldest`.
    func keep(_ area: RingArea, dropping gone: (UInt64) -> Bool) {
        areas.withLock { areas in
            areas.removeAll { gone($0.number) }
            areas.append(area)
        }
    }

    /// Lets go of the areas before `number`; readers that still use one keep it.
    func dropAreas(before number: UInt64) {
        areas.withLock { $0.removeAll { $0.number < number } }
    }

    /// The area of a number, mapped on first use; nil if it is gone or its owner does not answer.
    func area(_ number: UInt64, length: UInt64) -> RingArea? {
        if let known = areas.withLock({ $0.first { $0.number == number } }) { return known }
        guard let areaSource, let file = areaSource(number) else { return nil }
        defer { close(file) }
        let size = resizing == .partial ? capacity : Int(clamping: length)
        guard
            let area = try? RingArea(
                attaching: file,
                number: number,
                length: size,
                viewLengths: viewLengths(size),
                isMirrored: isMirrored
            )
        else { return nil }
        areas.withLock { areas in
            // A reader may still be one space behind; what is older is kept by the readers that use it.
            areas.removeAll { $0.number &+ 1 < number }
            // Numbers only rise, unless the owner lies: it does not make us map without end.
            if areas.count > 3 { areas.removeFirst(areas.count - 3) }
            areas.append(area)
        }
        return area
    }

    // MARK: Words of the control page

    @inlinable @inline(__always)
    func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (control + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    @inlinable @inline(__always)
    func acquire(_ offset: Int) -> UInt64 { unsafe word(offset).pointee.load(ordering: .acquiring) }

    @inlinable @inline(__always)
    func relaxed(_ offset: Int) -> UInt64 { unsafe word(offset).pointee.load(ordering: .relaxed) }

    @inlinable @inline(__always)
    func store(_ offset: Int, _ value: UInt64) {
        unsafe word(offset).pointee.store(value, ordering: .releasing)
    }

    /// What readers sleep on until something is published.
    var publication: WakeUp {
        unsafe coordination.publication(word(ControlLayout.wakeWord))
    }
}
