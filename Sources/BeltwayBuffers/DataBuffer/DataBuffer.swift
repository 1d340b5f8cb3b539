// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire
internal import CLinux
internal import Synchronization

// The data buffer (DBuf): one producer writes packets, any number of consumers read them in place.
//
//      tail - capacity           tail      intent
//            |                     |         |
//   ---------+=====================+~~~~~~~~~+-------->  position (bytes since creation, never wraps)
//    overwritten    readable        being written
//
// Invariant 1. Only the producer stores `tail` and `intent`, and tail <= intent <= tail + capacity: a batch never
//              overwrites itself. (In practice intent is a step of 64 KiB, at most, beyond what was appended.)
// Invariant 2. The bytes of [p, p + n) are what was written there, as long as intent <= p + capacity.
//              So a consumer loads `intent` after it has read, and drops what it computed if that no longer holds.
// Invariant 3. No record crosses the end of a chunk, so none wraps.

/// Who gives way when a reader is slower than the producer (paper, 4.3.2).
public enum BufferPolicy: UInt64, Sendable {
    /// Fast reader preference: the producer overwrites, readers notice.
    case fastReader = 1
    /// The producer waits for the slowest reader that holds the buffer: offline analysis loses nothing.
    case blocking = 2
    /// Slow reader preference: new arrivals are dropped, and counted, while the slowest reader needs the room.
    case slowReader = 3
    /// Medium reader preference: as slow reader preference, but against one read pointer that all readers share.
    case mediumReader = 4

    /// Whether readers that hold the buffer are waited for, or dropped for.
    @inlinable public var protectsReaders: Bool { self != .fastReader }
}

/// A ring of packet records in shared memory: one producer, any number of readers, one per queue and link type.
@safe public final class DataBuffer: @unchecked Sendable {
    /// `eth0.0` (interface, queue), `file.0`, with `-<link type>` appended for a second link type.
    public let name: String
    /// The number that index entries name this buffer by.
    public let number: UInt16
    /// Link type of every record.
    public let linkType: LinkType
    /// Sizes.
    public let geometry: BufferGeometry
    /// Who gives way.
    public let policy: BufferPolicy
    /// The mapped memory, valid as long as this object lives.
    public let memory: RingMemory
    @usableFromInline let coordination: Coordination

    private let data: SharedMemory
    private let control: SharedMemory
    private let hasProducer = Atomic<Bool>(false)
    private let isOwner: Bool

    /// Makes a buffer: two memfds, mapped and then sealed so that nobody else can ever write them.
    ///
    /// - Parameters:
    ///   - name: Shown to people and used in paths.
    ///   - number: What index entries call it.
    ///   - linkType: Of every record.
    ///   - capacity: Bytes of the data ring, a power of two.
    ///   - policy: Who gives way.
    ///   - generation: Differs between runs of a producer, so that a reader of an old one notices.
    /// - Throws: ``BufferError`` for a bad size, or when memory cannot be had.
    public init(
        name: String,
        number: UInt16,
        linkType: LinkType,
        capacity: Int,
        policy: BufferPolicy,
        generation: UInt64 = 1
    ) throws(BufferError) {
        geometry = try BufferGeometry(capacity: capacity)
        self.name = name
        self.number = number
        self.linkType = linkType
        self.policy = policy
        data = try SharedMemory(creating: "beltway-data", length: geometry.capacity)
        control = try SharedMemory(creating: "beltway-control", length: ControlLayout.totalLength(geometry))
        data.preferHugePages()
        control.preferHugePages()  // the descriptors: half as large as the data
        memory = unsafe RingMemory(data: data.base, control: control.base, geometry: geometry)
        coordination = try Coordination(policy: policy)
        isOwner = true
        memory.storeRelaxed(ControlLayout.versionOffset, ControlLayout.version)
        memory.storeRelaxed(ControlLayout.capacityOffset, UInt64(capacity))
        memory.storeRelaxed(ControlLayout.generationOffset, generation)
        memory.storeRelaxed(ControlLayout.linkTypeOffset, UInt64(linkType.rawValue))
        memory.storeRelaxed(ControlLayout.policyOffset, policy.rawValue)
        memory.storeRelaxed(ControlLayout.snapLengthOffset, UInt64(geometry.snapLength))
        memory.storeRelaxed(ControlLayout.kindOffset, BufferKind.described.rawValue)
        memory.storeReleasing(ControlLayout.magicOffset, ControlLayout.magic)
        try data.seal()
        try control.seal()
    }

    /// Attaches to a buffer of another process, read-only.
    ///
    /// - Parameters:
    ///   - name: As the owner calls it.
    ///   - number: As the owner's index entries call it.
    ///   - dataDescriptor: Open file descriptor of the data memfd; duplicated.
    ///   - controlDescriptor: Open file descriptor of the control memfd; duplicated.
    ///   - cursorDescriptor: This process's cursor page, if the owner made one; duplicated.
    ///   - bellDescriptor: The page that a waiting producer sleeps on, if it waits for this process; duplicated.
    /// - Throws: ``BufferError/notABuffer(_:)`` unless sizes, seals, magic and version agree.
    public init(
        attachingTo name: String,
        number: UInt16,
        dataDescriptor: Int32,
        controlDescriptor: Int32,
        cursorDescriptor: Int32? = nil,
        bellDescriptor: Int32? = nil
    ) throws(BufferError) {
        control = try SharedMemory(attaching: controlDescriptor, minimumLength: ControlLayout.chunkTable)
        let peek = unsafe UnsafeRawPointer(control.base)
        func field(_ offset: Int) -> UInt64 { unsafe peek.load(fromByteOffset: offset, as: UInt64.self) }
        guard field(ControlLayout.magicOffset) == ControlLayout.magic else {
            throw .notABuffer("no magic number")
        }
        guard field(ControlLayout.versionOffset) == ControlLayout.version else {
            throw .notABuffer(
                "version \(field(ControlLayout.versionOffset)), expected \(ControlLayout.version)"
            )
        }
        guard field(ControlLayout.kindOffset) == BufferKind.described.rawValue,
            let capacity = Int(exactly: field(ControlLayout.capacityOffset)),
            let policy = BufferPolicy(rawValue: field(ControlLayout.policyOffset)),
            let link = UInt16(exactly: field(ControlLayout.linkTypeOffset))
        else { throw .notABuffer("control page contradicts itself") }
        geometry = try BufferGeometry(capacity: capacity)
        guard control.length == ControlLayout.totalLength(geometry) else {
            throw .notABuffer("control memory has \(control.length) bytes")
        }
        data = try SharedMemory(attaching: dataDescriptor, minimumLength: capacity)
        guard data.length == capacity else { throw .notABuffer("data memory has \(data.length) bytes") }
        self.name = name
        self.number = number
        self.policy = policy
        linkType = LinkType(rawValue: link)
        memory = unsafe RingMemory(data: data.base, control: control.base, geometry: geometry)
        coordination = try Coordination(
            policy: policy,
            cursorDescriptor: cursorDescriptor,
            bellDescriptor: bellDescriptor
        )
        isOwner = false
    }

    /// File descriptors of the data and control memfds, for handing to another process; owned by this object.
    public var descriptors: (data: Int32, control: Int32) { (data.descriptor, control.descriptor) }

    /// The one handle that writes.
    ///
    /// - Returns: The producer. It is a programmer error to ask twice, or to ask for it in an attached process.
    public func makeProducer() -> DataBufferProducer {
        precondition(isOwner, "an attached buffer is read-only")
        precondition(!hasProducer.exchange(true, ordering: .relaxed), "a data buffer has one producer")
        return DataBufferProducer(self)
    }

    /// Differs between runs of a producer.
    public var generation: UInt64 { memory.relaxed(ControlLayout.generationOffset) }

    /// Names of the interfaces, in the order of their numbers.
    public var interfaces: [String] {
        let count = min(memory.acquire(ControlLayout.interfaceCount), UInt64(ControlLayout.interfaceCapacity))
        return (0..<Int(count)).map { index in
            let start = ControlLayout.interfaces + index * ControlLayout.interfaceNameLength
            let bytes = unsafe UnsafeRawBufferPointer(
                start: control.base + start,
                count: ControlLayout.interfaceNameLength
            )
            return unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// Called by the producer alone: writes a name, then counts it (releasing; partner: `interfaces`).
    func storeInterface(_ name: String, at index: Int) {
        let start = ControlLayout.interfaces + index * ControlLayout.interfaceNameLength
        let bytes = unsafe UnsafeMutableRawBufferPointer(
            start: control.base + start,
            count: ControlLayout.interfaceNameLength
        )
        unsafe bytes.copyBytes(from: name.utf8.prefix(ControlLayout.interfaceNameLength - 1))
        memory.storeReleasing(ControlLayout.interfaceCount, UInt64(index + 1))
    }

    /// How far the classifier has filled every index buffer; stored after their tails.
    public func storeClassifiedThrough(_ position: Position, ordinal: UInt64) {
        coordination.storeClassified(position: position.bytes, ordinal: ordinal)
    }

    /// What readers sleep on until something is published: a word in the control page, or of this process's own page.
    var publication: WakeUp {
        unsafe coordination.publication(
            (control.base + ControlLayout.wakeWord).assumingMemoryBound(to: Atomic<UInt64>.self)
        )
    }

    /// Sleeps until the tail has moved beyond `position`, the producer has ended, or the time is over.
    ///
    /// - Parameters:
    ///   - position: The tail that the caller has seen.
    ///   - nanoseconds: At most so long. In an attached process nobody else may wake the caller.
    public func waitForTail(beyond position: Position, nanoseconds: Int64) {
        let memory = self.memory
        publication.wait(nanoseconds: nanoseconds) { memory.isClosed || memory.tail > position }
    }
}
