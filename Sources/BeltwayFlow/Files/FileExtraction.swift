// SPDX-License-Identifier: Apache-2.0

/// How much of what flows carry may be written to disk.
public struct FileExtraction: Sendable, Equatable {
    /// Bytes of one file.
    public var largest: UInt64 = 64 << 20
    /// Bytes of all files, those of earlier runs included.
    public var total: UInt64 = 4 << 30
    /// Files, those of earlier runs included.
    public var count = 100_000
    /// Bytes that wait for the disk.
    public var pending = 64 << 20
    /// Whether of a file that is not whole is kept what came before its first missing byte.
    public var keepsPartial = false

    /// Whole files, within modest limits.
    public init() {}
}

/// What became of the files that were to be stored, since the start.
public struct FileStoreCounters: Sendable, Equatable {
    /// Files that were stored.
    public var stored: UInt64 = 0
    /// Their bytes.
    public var bytes: UInt64 = 0
    /// Files whose content was stored already.
    public var duplicates: UInt64 = 0
    /// Files that were not whole, or whose event was too long, and given up.
    public var incomplete: UInt64 = 0
    /// Files that a limit on bytes or files refused, or on files of more than a piece that are on their way at a time.
    public var overQuota: UInt64 = 0
    /// Files that would have had to wait for the disk too long.
    public var overPending: UInt64 = 0
    /// Files that the disk did not take.
    public var failed: UInt64 = 0

    /// Makes counters of nothing.
    public init() {}
}
