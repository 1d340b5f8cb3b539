// SPDX-License-Identifier: Apache-2.0

/// Grows and shrinks a ring with its use (paper, 4.2.1): small while readers keep up, so that it stays in the cache;
/// large when they fall behind.
///
/// It looks each time the producer reserves. A ring more than three quarters full doubles at once. One that in the
/// course of `patience` lengths of writing never was more than an eighth full halves.
public struct ResizeController: Equatable, Sendable {
    /// Never smaller.
    public var least: Int
    /// Never larger.
    public var greatest: Int
    /// Lengths of the ring that are written before it may shrink.
    public var patience: UInt64
    private var greatestUse: UInt64 = 0
    private var looks: UInt64 = 0

    /// Sets the range, in bytes.
    public init(least: Int, greatest: Int, patience: UInt64 = 4) {
        self.least = least
        self.greatest = greatest
        self.patience = patience
    }

    /// Takes a look.
    ///
    /// - Parameters:
    ///   - used: Bytes that readers still need.
    ///   - length: Bytes of the ring.
    /// - Returns: The length wanted, or nil if the present one will do.
    mutating func length(used: UInt64, of length: UInt64) -> Int? {
        greatestUse = max(greatestUse, used)
        looks &+= 1
        if used > length / 4 * 3, Int(length) < greatest {
            begin()
            return min(greatest, Int(length) * 2)
        }
        // Eight reservations make one length (RingProducer.step), 64 KiB each in large rings.
        let perLength = max(8, length / 65_536)
        guard looks >= patience &* perLength else { return nil }
        let wasHardlyUsed = greatestUse <= length / 8 + length / 16
        begin()
        return wasHardlyUsed && Int(length) > least ? max(least, Int(length) / 2) : nil
    }

    private mutating func begin() {
        greatestUse = 0
        looks = 0
    }
}
