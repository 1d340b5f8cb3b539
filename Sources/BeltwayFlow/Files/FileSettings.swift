// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

/// What is done with the files that flows carry.
public struct FileSettings: Sendable, Equatable {
    /// Digests of a file.
    public struct Hashes: OptionSet, Sendable, Hashable {
        /// A bit for each.
        public let rawValue: UInt8

        /// Makes a set of its bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// RFC 1321.
        public static let md5 = Hashes(rawValue: 1)
        /// FIPS 180-4.
        public static let sha1 = Hashes(rawValue: 2)
        /// FIPS 180-4.
        public static let sha256 = Hashes(rawValue: 4)
    }

    /// Whether files are looked at at all.
    public var isOn = true
    /// Digests that are computed, of each byte of a file.
    ///
    /// Of a segment of 1448 bytes SHA-256 takes 0.9 us, SHA-1 as much, MD5 2.1 us (with instructions for the SHAs): where
    /// most of what comes by is files, all three are dearer than everything else that is done with a packet.
    public var hashes: Hashes = [.sha256]
    /// Bytes of a file that are looked at; of what is larger there is no digest, and it is called truncated.
    public var largest: UInt64 = 1 << 30
    /// Limits of what is written to disk; nil if nothing is.
    public var extraction: FileExtraction?
    /// Where the bytes of files go that are written to disk; nil if nobody writes any.
    public var queue: FileQueue?

    /// Time of the packet that is being looked at.
    var time = Timestamp.zero
    /// Whether somebody wants to know of parts without a name too.
    var tellsUnnamedParts = false

    /// All files, with the digest that names a file best.
    public init() {}
}

/// What was done with files, since the start.
public struct FileCounters: Sendable, Equatable {
    /// Files that were recorded.
    public var files: UInt64 = 0
    /// Bytes of them.
    public var bytes: UInt64 = 0
    /// Files larger than ``FileSettings/largest``.
    public var tooLarge: UInt64 = 0
    /// Files that did not come whole, for whatever reason.
    public var truncated: UInt64 = 0
    /// Files of which bytes are missing.
    public var withGaps: UInt64 = 0
    /// Encoded bodies that could not be decoded to their end.
    public var undecoded: UInt64 = 0
    /// Bodies that grew beyond all measure when they were decoded, and were left there.
    public var bombs: UInt64 = 0
    /// Encoded bodies that were left there since others were inflated.
    public var gaveWay: UInt64 = 0
    /// Bytes in which ends of lines of forms were looked for.
    public var searched: UInt64 = 0

    /// Makes counters of nothing.
    public init() {}

    /// Adds what another worker did.
    public mutating func add(_ other: FileCounters) {
        files &+= other.files
        bytes &+= other.bytes
        tooLarge &+= other.tooLarge
        truncated &+= other.truncated
        withGaps &+= other.withGaps
        undecoded &+= other.undecoded
        bombs &+= other.bombs
        gaveWay &+= other.gaveWay
        searched &+= other.searched
    }
}
