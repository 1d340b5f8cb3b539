// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// Turns the buffer numbers of index entries into mapped buffers (paper, 3.5).
///
/// A buffer that is not mapped yet is asked for over the connection, once; the owner may refuse. Not for the path of a
/// packet: that keeps a ``BufferCache``.
public final class BufferMap: Sendable {
    private let connection: SharingConnection
    private let buffers: Mutex<[UInt16: DataBuffer]>
    /// Buffers of other owners, who are asked for them.
    private let elsewhere: [UInt16: SharedBufferEntry]
    private let folder: SocketFolder
    private let reader: String

    init(
        _ connection: SharingConnection,
        first: DataBuffer? = nil,
        elsewhere: [SharedBufferEntry] = [],
        in folder: SocketFolder,
        as reader: String
    ) {
        self.connection = connection
        buffers = Mutex(first.map { [$0.number: $0] } ?? [:])
        self.elsewhere = Dictionary(
            elsewhere.map { ($0.number, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        self.folder = folder
        self.reader = reader
    }

    /// The buffer that entries call `number`.
    ///
    /// - Throws: ``SharingError/refused(_:_:)`` if there is none, or its policy does not let this process in.
    public func buffer(_ number: UInt16) throws(SharingError) -> DataBuffer {
        if let known = known(number) { return known }
        if let entry = elsewhere[number] {
            let hello = SharingRequest.Hello(name: reader)
            return add(try AttachedBuffer.map(entry, in: folder, hello))
        }
        let received = try connection.buffer(number).buffers[0]
        return add(try AttachedBuffer.map(received))
    }

    /// The buffer, if it is mapped already.
    public func known(_ number: UInt16) -> DataBuffer? { buffers.withLock { $0[number] } }

    /// Adds a buffer unless another thread was faster; returns the one that stays.
    @discardableResult
    func add(_ buffer: DataBuffer) -> DataBuffer {
        buffers.withLock { buffers in
            if let known = buffers[buffer.number] { return known }
            buffers[buffer.number] = buffer
            return buffer
        }
    }
}

/// One thread's own view of a ``BufferMap``: no lock for a buffer that it has seen before.
public struct BufferCache: ~Copyable {
    private let map: BufferMap
    private var buffers: [DataBuffer?] = []

    /// Makes an empty cache.
    public init(_ map: BufferMap) { self.map = map }

    /// The buffer that entries call `number`, mapped on first use.
    ///
    /// - Throws: ``SharingError`` if the owner does not hand it over.
    public mutating func buffer(_ number: UInt16) throws(SharingError) -> DataBuffer {
        let index = Int(number)
        if index < buffers.count, let known = buffers[index] { return known }
        let found = try map.buffer(number)
        while buffers.count <= index { buffers.append(nil) }
        buffers[index] = found
        return found
    }
}
