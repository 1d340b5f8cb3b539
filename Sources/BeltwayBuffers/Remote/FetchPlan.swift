// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

/// What a strategy fetches for an access (paper, 4.4); the reader that does it is ``PullReader``.
public protocol FetchPlan: Sendable {
    /// The strategy that this is.
    static var strategy: RemoteStrategy { get }
    /// Whether what was fetched once serves later accesses; it is fetched in whole blocks then, else exactly.
    static var keeps: Bool { get }
    /// Whether the same part of the records that follow is asked for in the same message.
    static var readsAhead: Bool { get }

    /// Makes the plan.
    init(_ options: RemoteReaderOptions)

    /// Which bytes of a record to move for an access to some of them.
    ///
    /// - Parameters:
    ///   - access: Bytes from the record's start.
    ///   - length: Bytes of the record.
    /// - Returns: A range that contains `access`.
    func extent(of access: Range<Int>, recordLength length: Int) -> Range<Int>

    /// How many bytes of a replica are ever of use.
    func replicaCapacity(_ options: RemoteReaderOptions) -> Int

    /// Bytes of a block of the replica, a power of two.
    func blockLength(_ options: RemoteReaderOptions) -> Int
}

/// Zero-copy: each access goes over the channel and moves the bytes that it touches, and no more.
///
/// The least that can be moved, at the price of a round trip for each access: for sparse, non-sequential use.
public struct ZeroCopy: FetchPlan {
    /// Names the strategy.
    public static var strategy: RemoteStrategy { .zeroCopy }
    /// Whether what was fetched once serves later accesses.
    public static var keeps: Bool { false }
    /// Whether the records that follow are asked for too.
    public static var readsAhead: Bool { false }
    /// Makes the plan.
    public init(_ options: RemoteReaderOptions) {}
    /// Which bytes of a record to move for an access.
    public func extent(of access: Range<Int>, recordLength length: Int) -> Range<Int> { access }
    /// How many bytes of a replica are ever of use.
    public func replicaCapacity(_ options: RemoteReaderOptions) -> Int { 0 }
    /// Bytes of a block of the replica.
    public func blockLength(_ options: RemoteReaderOptions) -> Int { RecordLayout.alignment }
}

/// Cached copy: a replica with room for the whole original, whose blocks are fetched when first touched.
public struct CachedCopy: FetchPlan {
    /// Names the strategy.
    public static var strategy: RemoteStrategy { .cachedCopy }
    /// Whether what was fetched once serves later accesses.
    public static var keeps: Bool { true }
    /// Whether the records that follow are asked for too.
    public static var readsAhead: Bool { true }
    /// Makes the plan.
    public init(_ options: RemoteReaderOptions) {}
    /// Which bytes of a record to move for an access.
    public func extent(of access: Range<Int>, recordLength length: Int) -> Range<Int> { access }
    /// How many bytes of a replica are ever of use.
    public func replicaCapacity(_ options: RemoteReaderOptions) -> Int { options.replicaCapacity }
    /// Bytes of a block of the replica.
    public func blockLength(_ options: RemoteReaderOptions) -> Int { options.blockLength }
}

/// Copy on demand: a record's first bytes as zero-copy, the whole record once more than those are wanted.
///
/// What is touched is rounded to the 16 bytes that records are aligned to, so that no block belongs to two records.
public struct CopyOnDemand: FetchPlan {
    private let first: Int
    /// Names the strategy.
    public static var strategy: RemoteStrategy { .copyOnDemand }
    /// Whether what was fetched once serves later accesses.
    public static var keeps: Bool { true }
    /// Whether the records that follow are asked for too.
    public static var readsAhead: Bool { true }
    /// Makes the plan.
    public init(_ options: RemoteReaderOptions) { first = RecordLayout.headerLength + options.demandLength }
    /// Which bytes of a record to move for an access.
    public func extent(of access: Range<Int>, recordLength length: Int) -> Range<Int> {
        access.upperBound <= first ? access : 0..<length
    }
    /// How many bytes of a replica are ever of use.
    public func replicaCapacity(_ options: RemoteReaderOptions) -> Int { options.replicaCapacity }
    /// Bytes of a block of the replica.
    public func blockLength(_ options: RemoteReaderOptions) -> Int { RecordLayout.alignment }
}

/// Reads by zero-copy.
public typealias ZeroCopyReader<Channel: RemoteChannel & ~Copyable> = PullReader<Channel, ZeroCopy>
/// Reads by cached copy.
public typealias CachedCopyReader<Channel: RemoteChannel & ~Copyable> = PullReader<Channel, CachedCopy>
/// Reads by copy on demand.
public typealias CopyOnDemandReader<Channel: RemoteChannel & ~Copyable> = PullReader<Channel, CopyOnDemand>
