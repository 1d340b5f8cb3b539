// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// Sizes of a data buffer, all of which follow from its capacity.
///
///     data ring      capacity bytes, a power of two, divided into equal chunks that no record crosses
///     chunk          the smaller of capacity / 8 and 4 MiB (libpcap refuses any block over 16 MiB)
///     descriptors    capacity / 64 slots of 32 bytes, one per packet
@frozen public struct BufferGeometry: Equatable, Sendable, BitwiseCopyable {
    /// Bytes of the data ring.
    public let capacity: Int
    /// Bytes of a chunk; a power of two and a multiple of 4,096.
    public let chunkLength: Int
    /// Slots of the descriptor ring.
    public let descriptorCapacity: Int

    /// Smallest capacity: eight chunks of one page.
    public static let minimumCapacity = 32_768
    /// Largest capacity: 64 GiB.
    public static let maximumCapacity = 1 << 36
    /// Size of a page, to which regions on disk are aligned.
    public static let pageLength = 4096

    /// Works out the sizes.
    ///
    /// - Parameter capacity: Bytes of the data ring.
    /// - Throws: ``BufferError/invalidCapacity(_:next:)``, naming the next size that would do.
    public init(capacity: Int) throws(BufferError) {
        guard capacity >= Self.minimumCapacity, capacity <= Self.maximumCapacity,
            capacity & (capacity - 1) == 0
        else {
            var next = Self.minimumCapacity
            while next < capacity && next < Self.maximumCapacity { next *= 2 }
            throw .invalidCapacity(capacity, next: next)
        }
        self.capacity = capacity
        chunkLength = min(capacity / 8, 4 << 20)
        descriptorCapacity = capacity / 64
    }

    /// Chunks in the ring.
    @inlinable public var chunkCount: Int { capacity / chunkLength }
    /// Longest packet that is stored whole: 262,144 bytes, or what fits a chunk of a small ring.
    @inlinable public var snapLength: Int {
        min(
            RecordLayout.maximumCapturedLength,
            chunkLength - RecordLayout.overhead - 20 - RecordLayout.statisticsBlockLength
        )
    }
}
