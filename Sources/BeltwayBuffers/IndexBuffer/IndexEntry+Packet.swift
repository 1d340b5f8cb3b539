// SPDX-License-Identifier: Apache-2.0

extension RingMemory {
    /// The descriptor of the packet that an entry points to.
    ///
    /// An entry may come from another process: nothing it says is used but to find the descriptor, which is the
    /// producer's own and decides where the packet lies and how long it is.
    ///
    /// - Parameter entry: An entry that names this buffer.
    /// - Returns: nil if the packet has been overwritten, is not published yet, or is none that lies there.
    @inlinable
    public func descriptor(of entry: IndexEntry) -> Descriptor? {
        let tail = tailOrdinal
        // The latest ordinal below the tail that has the entry's low 32 bits.
        let distance = UInt64(UInt32(truncatingIfNeeded: tail) &- entry.ordinal)
        guard distance > 0, distance <= tail else { return nil }
        let ordinal = tail &- distance
        let found = descriptor(at: ordinal)
        guard isWhole(ordinal: ordinal), found.position == entry.position, isWhole(found.position) else {
            return nil
        }
        return found
    }
}
