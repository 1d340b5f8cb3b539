// SPDX-License-Identifier: Apache-2.0

/// A ring of another process, of any kind but packets' own, attached by its socket.
///
/// The entries of an index ring point into data buffers: ``map`` has those that they named when it attached, mapped at
/// once (preloading; paper, 3.5), and asks for others when an entry names them. One whose own owner does not let this
/// process in is missing, and asked for again when an entry names it.
public final class AttachedRing: Sendable {
    /// The ring, mapped read-only; read it with one ``RingReader``.
    public let ring: Ring
    /// Set if the ring's blocks have headers out of band: ``ring`` holds the blocks alone, and nothing tells them apart.
    let described: DescribedRing?
    /// Every buffer that the owner's index entries may name.
    public let map: BufferMap
    /// The owner's process.
    public let process: Int32
    /// Differs between runs of the owner.
    public let generation: UInt64
    private let folder: SocketFolder
    private let name: String
    private let hello: SharingRequest.Hello
    private let connection: SharingConnection

    /// Attaches to a ring.
    ///
    /// - Parameters:
    ///   - name: The ring's: that of its socket.
    ///   - folder: Where its socket is: `run` of the instance's data directory.
    ///   - reader: What the reader calls itself, for lists.
    ///   - holds: Whether the producer is asked to wait, or drop, for this reader, where the ring's policy protects
    ///     readers and the owner lets strangers hold it.
    /// - Throws: ``SharingError``, which says who refused what; for a packets' ring too, see ``AttachedBuffer``, and for
    ///   one with headers out of band, see ``AttachedDescribedRing``.
    public convenience init(
        _ name: String,
        in folder: String,
        as reader: String,
        holds: Bool = true
    ) throws(SharingError) {
        try self.init(any: name, in: folder, as: reader, holds: holds)
        guard described == nil else {
            throw .protocolViolation("\(name) is a ring with headers out of band, not one ring of blocks")
        }
    }

    /// The same for a ring with headers out of band too.
    convenience init(
        any name: String,
        in folder: String,
        as reader: String,
        holds: Bool = true
    ) throws(SharingError) {
        try self.init(name, SocketFolder(folder), SharingRequest.Hello(name: reader, holds: holds))
    }

    private init(_ name: String, _ folder: SocketFolder, _ hello: SharingRequest.Hello) throws(SharingError) {
        self.name = name
        self.folder = folder
        self.hello = hello
        let connection = try SharingConnection(folder, name)
        self.connection = connection
        let (attachment, buffers) = try connection.hello(hello)
        ring = try Self.map(buffers[0], connection, number: SharingRequest.ownRing)
        guard ring.generation == attachment.generation else {
            throw .protocolViolation(
                "generation \(ring.generation) in a ring announced as \(attachment.generation)"
            )
        }
        var named = buffers.dropFirst()
        if let second = named.first, second.descriptors[.cursor] != nil {
            // A second ring with a page for this reader: the first one's headers.
            let headers = try Self.map(second, connection, number: SharingRequest.ownHeaders)
            do throws(BufferError) {
                described = try DescribedRing(headers: headers, bodies: ring)
            } catch { throw .buffer(error) }
            named = named.dropFirst()
        } else {
            described = nil
        }
        process = attachment.process
        generation = attachment.generation
        map = BufferMap(connection, in: folder, as: hello.name)
        for other in named { map.preload(other) }
    }

    /// Maps a ring that was handed over; `number` is what the owner calls it when its later areas are asked for.
    static func map(
        _ received: ReceivedBuffer,
        _ connection: SharingConnection,
        number: UInt16
    ) throws(SharingError) -> Ring {
        let entry = received.entry
        guard entry.kind != DataBuffer.sharedKind else {
            throw .protocolViolation("\(entry.name) is a ring of packets")
        }
        let control = try received.descriptor(.control)
        let ring: Ring
        let data = received.descriptors[.data]
        do throws(BufferError) {
            ring = try Ring(
                attachingTo: entry.name,
                controlDescriptor: control,
                cursorDescriptor: received.descriptors[.cursor]?.number,
                bellDescriptor: received.descriptors[.bell]?.number,
                areaSource: { area in
                    (area == 0 ? data : nil)?.duplicate()
                        ?? connection.area(area, of: number)?.duplicate()
                }
            )
        } catch {
            throw .buffer(error)
        }
        guard UInt64(ring.capacity) == entry.capacity, ring.kind.rawValue == UInt64(entry.kind),
            ring.policy.rawValue == UInt64(entry.policy)
        else { throw .protocolViolation("ring \(entry.name) is not as it was announced") }
        return ring
    }

    /// What has become of the owner; one system call, so ask when there is nothing to read.
    public var owner: OwnerState {
        if ring.isClosed { return .ended }
        guard connection.isHungUp else { return .running }
        // The end is stored before the connection goes.
        return ring.isClosed ? .ended : .gone
    }

    /// Attaches again: after a restart, to the ring of the new generation.
    ///
    /// - Returns: A new attachment; its ``generation`` is another one if the owner has started again.
    /// - Throws: ``SharingError/nobodyListens(path:)`` as long as there is no new owner.
    public func reconnected() throws(SharingError) -> AttachedRing { try AttachedRing(name, folder, hello) }

    /// What the owner says of the ring and its readers.
    public func description() throws(SharingError) -> RingDescription { try connection.description() }
}

/// A ring of another process whose blocks have headers out of band, attached by its socket.
public final class AttachedDescribedRing: Sendable {
    /// Both rings, mapped read-only; read them with one ``DescribedReader``.
    public let ring: DescribedRing
    private let attached: AttachedRing

    /// Attaches to a ring; see ``AttachedRing/init(_:in:as:holds:)``.
    public init(
        _ name: String,
        in folder: String,
        as reader: String,
        holds: Bool = true
    ) throws(SharingError) {
        attached = try AttachedRing(any: name, in: folder, as: reader, holds: holds)
        guard let described = attached.described else {
            throw .protocolViolation("\(name) is no ring with headers out of band")
        }
        ring = described
    }

    /// The owner's process.
    public var process: Int32 { attached.process }
    /// Differs between runs of the owner.
    public var generation: UInt64 { attached.generation }
    /// What has become of the owner; one system call, so ask when there is nothing to read.
    public var owner: OwnerState { attached.owner }
    /// What the owner says of the ring and its readers.
    public func description() throws(SharingError) -> RingDescription { try attached.description() }
}
