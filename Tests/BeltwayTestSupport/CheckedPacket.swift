// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire

/// Packets of whole words that carry their ordinal and a checksum over all words: for tests where torn ones may occur.
public enum CheckedPacket {
    /// Words of the longest packet.
    public static let largestWordCount = 12

    /// Makes the words of packet `ordinal`.
    public static func fill(_ words: inout [UInt64], ordinal: UInt64) {
        words.removeAll(keepingCapacity: true)
        let count = 3 + Int(ordinal % UInt64(largestWordCount - 2))
        words.append(ordinal)
        var sum = ordinal &+ 0x5851_F42D_4C95_7F2D
        for index in 1..<count - 1 {
            let word = ordinal &* 0x2545_F491_4F6C_DD1D &+ UInt64(index)
            words.append(word)
            sum = (sum ^ word) &* 0x0000_0100_0000_01B3
        }
        words.append(sum)
    }

    /// Whether the words are exactly those of packet `ordinal`, or (nil) of whatever packet they claim to be.
    public static func isWhole(_ span: RawSpan, ordinal: UInt64?) -> Bool {
        let count = span.byteCount / 8
        guard count >= 3, span.byteCount == count * 8 else { return false }
        let claimed = span.littleEndian64(at: 0)
        guard claimed == ordinal ?? claimed, count == 3 + Int(claimed % UInt64(largestWordCount - 2)) else {
            return false
        }
        var sum = claimed &+ 0x5851_F42D_4C95_7F2D
        for index in 1..<count - 1 {
            sum = (sum ^ span.littleEndian64(at: index * 8)) &* 0x0000_0100_0000_01B3
        }
        return sum == span.littleEndian64(at: (count - 1) * 8)
    }
}

extension DataBufferProducer {
    /// Appends packet `ordinal` of ``CheckedPacket``.
    public mutating func append(checked ordinal: UInt64, _ words: inout [UInt64]) -> Bool {
        CheckedPacket.fill(&words, ordinal: ordinal)
        return append(
            words.span.bytes,
            time: Timestamp(nanoseconds: ordinal),
            originalLength: UInt32(words.count * 8),
            interface: 0,
            flags: []
        )
    }
}
