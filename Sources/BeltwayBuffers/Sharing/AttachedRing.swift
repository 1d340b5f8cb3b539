// SPDX-License-Identifier: Apache-2.0

/// A ring of another process, of any kind but packets' own, attached by its socket.
///
/// The entries of an index ring point into data buffers: ``map`` has those that the owner named from the start, mapped
/// when it attached (preloading; paper, 3.5). One whose own owner does not let this process in is missing, and asked
/// for again when an entry names it.
public final class AttachedRing: Sendable {
    /// The ring, mapped read-only; read it with one ``RingReader``.
    public let ring: Ring
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
    /// - Throws: ``SharingError``, which says who refused what; for a packets' ring too, see ``AttachedBuffer``.
    public convenience init(
        _ name: String,
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
        ring = try Self.map(buffers[0], connection)
        guard ring.generation == attachment.generation else {
            throw .protocolViolation(
                "generation \(ring.generation) in a ring announced as \(attachment.generation)"
            )
        }
        process = attachment.process
        generation = attachment.generation
        let named = buffers.dropFirst().filter { $0.entry.kind == DataBuffer.sharedKind }
        map = BufferMap(
            connection,
            elsewhere: named.map(\.entry).filter(\.areas.isEmpty),
            in: folder,
            as: hello.name
        )
        for other in named {
            if other.entry.areas.isEmpty {
                _ = try? map.buffer(other.entry.number)
            } else {
                try map.add(AttachedBuffer.map(other))
            }
        }
    }

    private static func map(
        _ received: ReceivedBuffer,
        _ connection: SharingConnection
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
                areaSource: { ($0 == 0 ? data : nil)?.duplicate() ?? connection.area($0)?.duplicate() }
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
