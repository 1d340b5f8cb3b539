// SPDX-License-Identifier: Apache-2.0

/// What a reader of a remote ring was offered and what became of it: `published == read + lost`.
@frozen @usableFromInline struct RecordLedger {
    /// Taken and not given back.
    @usableFromInline var read: UInt64 = 0
    /// Overwritten before they, or their bytes, could be had.
    @usableFromInline var lost: UInt64 = 0
    /// Ordinal of the next packet.
    @usableFromInline var ordinal: UInt64
    /// Whether the packet taken last was given back already.
    @usableFromInline var isGivenBack = true
    @usableFromInline let first: UInt64

    /// Begins at an ordinal.
    init(at ordinal: UInt64) {
        self.ordinal = ordinal
        first = ordinal
    }

    /// Packets offered since the reader attached.
    var published: UInt64 { ordinal - first }

    /// Counts the next packet as taken.
    @inlinable
    mutating func take() {
        ordinal &+= 1
        read &+= 1
        isGivenBack = false
    }

    /// Counts the packet taken last as lost, once.
    @inlinable
    mutating func giveBack() {
        guard !isGivenBack else { return }
        isGivenBack = true
        read &-= 1
        lost &+= 1
    }

    /// Goes on at a later ordinal: what lies between was overwritten.
    mutating func skip(to next: UInt64) {
        lost += next - ordinal
        ordinal = next
    }
}
