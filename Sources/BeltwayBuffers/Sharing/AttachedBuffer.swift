// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

// The reader's side of attaching.
//
//     connect run/eth0.0 > hello > data, control, cursor > check sizes, seals, version, generation > map > read
//
// From then on no system call is needed to read. The connection stays open: the owner learns by it that the reader has
// gone, the reader that the owner has, and through it further buffers are fetched on first use.

/// What has become of the process that writes a buffer.
public enum OwnerState: Equatable, Sendable {
    /// It runs.
    case running
    /// Its producer has ended in an orderly way; what is in the ring can still be read.
    case ended
    /// It hung up without an end: it died, or no longer shares the buffer; what is in the ring can still be read.
    case gone
}

/// Where buffers of running instances are found.
public enum SharedBuffers {
    /// Names of the rings whose sockets are in a folder, sorted; a crashed instance may have left some of them.
    public static func names(in folder: String) throws(SharingError) -> [String] {
        try SocketFolder(folder).sockets()
    }

    /// What the owner of a ring says of it and its readers.
    public static func describe(_ name: String, in folder: String) throws(SharingError) -> RingDescription {
        try SharingConnection(SocketFolder(folder), name).description()
    }
}

/// A data buffer of another process, attached by its socket.
public final class AttachedBuffer: Sendable {
    /// The buffer, mapped read-only; read it with a ``DescriptorReader``, one per attachment.
    public let buffer: DataBuffer
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
    ///   - name: The ring's: `eth0.0`.
    ///   - folder: Where its socket is: `run` of the instance's data directory.
    ///   - reader: What the reader calls itself, for lists.
    ///   - holds: Whether the producer is asked to wait for this reader, where the ring's policy waits and the owner
    ///     lets strangers be waited for.
    /// - Throws: ``SharingError``, which says who refused what.
    public convenience init(
        _ name: String,
        in folder: String,
        as reader: String,
        holds: Bool = false
    ) throws(SharingError) {
        try self.init(
            name,
            SocketFolder(folder),
            SharingRequest.Hello(name: reader, holds: holds)
        )
    }

    private init(_ name: String, _ folder: SocketFolder, _ hello: SharingRequest.Hello) throws(SharingError) {
        self.name = name
        self.folder = folder
        self.hello = hello
        connection = try SharingConnection(folder, name)
        let (attachment, buffers) = try connection.hello(hello)
        buffer = try Self.map(buffers[0])
        guard buffer.generation == attachment.generation else {
            throw .protocolViolation(
                "generation \(buffer.generation) in a ring announced as \(attachment.generation)"
            )
        }
        process = attachment.process
        generation = attachment.generation
        map = BufferMap(connection, first: buffer, in: folder, as: hello.name)
        for other in buffers.dropFirst() { map.preload(other) }
    }

    /// Maps what was handed over, after checking that it is what was announced.
    static func map(_ received: ReceivedBuffer) throws(SharingError) -> DataBuffer {
        let entry = received.entry
        guard entry.kind == DataBuffer.sharedKind else {
            throw .protocolViolation("\(entry.name) is a buffer of kind \(entry.kind), not of packets")
        }
        let (data, control) = (try received.descriptor(.data), try received.descriptor(.control))
        let buffer: DataBuffer
        do throws(BufferError) {
            buffer = try DataBuffer(
                attachingTo: entry.name,
                number: entry.number,
                dataDescriptor: data,
                controlDescriptor: control,
                cursorDescriptor: received.descriptors[.cursor]?.number,
                bellDescriptor: received.descriptors[.bell]?.number
            )
        } catch {
            throw .buffer(error)
        }
        guard UInt64(buffer.geometry.capacity) == entry.capacity, buffer.linkType.rawValue == entry.linkType,
            buffer.policy.rawValue == UInt64(entry.policy)
        else { throw .protocolViolation("ring \(entry.name) is not as it was announced") }
        return buffer
    }

    /// What has become of the owner; one system call, so ask when there is nothing to read.
    public var owner: OwnerState {
        if buffer.memory.isClosed { return .ended }
        guard connection.isHungUp else { return .running }
        // The end is stored before the connection goes.
        return buffer.memory.isClosed ? .ended : .gone
    }

    /// Attaches again: after a restart, to the ring of the new generation.
    ///
    /// - Returns: A new attachment; its ``generation`` is another one if the owner has started again.
    /// - Throws: ``SharingError/nobodyListens(path:)`` as long as there is no new owner.
    public func reconnected() throws(SharingError) -> AttachedBuffer {
        try AttachedBuffer(name, folder, hello)
    }

    /// What the owner says of the ring and its readers.
    public func description() throws(SharingError) -> RingDescription { try connection.description() }
}
