// SPDX-License-Identifier: Apache-2.0

/// How far a lapped reader jumps beyond the oldest block that is left (paper, 4.3.2, fast reader preference).
///
/// A miss is dearer than a hit, so a reader that was lapped skips more than one block; how many grows quadratically
/// with each miss, 1, 4, 9, 16 ..., and shrinks by one with each hit. Hits cost nothing: what they took off is worked
/// out at the next miss, from the distance to the last one.
@frozen public struct OverwriteStep: Equatable, Sendable, BitwiseCopyable {
    @usableFromInline var root: UInt64 = 0
    @usableFromInline var lastMiss: UInt64 = 0

    /// Begins with the smallest step.
    @inlinable public init() {}

    /// The step after a miss.
    ///
    /// - Parameters:
    ///   - ordinal: The block that was missed.
    ///   - limit: The greatest step that makes sense, in blocks.
    /// - Returns: Blocks to skip beyond the oldest one left, from 1 to `limit`.
    @inlinable
    public mutating func miss(at ordinal: UInt64, limit: UInt64) -> UInt64 {
        let hits = ordinal &- min(ordinal, lastMiss)
        let step = root &* root
        let rest = step &- min(step, hits)
        var root: UInt64 = 0
        while root &* root < rest { root &+= 1 }
        let most = max(1, limit)
        self.root = min(root &+ 1, 1 << 16)
        let next = min(self.root &* self.root, most)
        // A step at its limit does not go on growing.
        while self.root > 1, (self.root &- 1) &* (self.root &- 1) >= most { self.root &-= 1 }
        lastMiss = ordinal &+ next
        return next
    }
}
