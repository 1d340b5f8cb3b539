// SPDX-License-Identifier: Apache-2.0

/// A number of bytes as people write it: `16777216`, `64M`, `64MiB`, `1.5 GiB`; units are powers of 1,024.
public struct ByteSize: Equatable, Sendable, CustomStringConvertible {
    /// Bytes.
    public var bytes: Int

    /// Makes a size.
    public init(bytes: Int) { self.bytes = bytes }

    /// Reads a size; nil if it is none, negative, or beyond 2^62.
    public init?(_ text: String) {
        let trimmed = text.filter { $0 != " " && $0 != "_" }.lowercased()
        let number = trimmed.prefix { $0.isNumber || $0 == "." }
        guard let value = Double(number), value >= 0, number.utf8.allSatisfy({ $0 < 128 }) else { return nil }
        let shift: Int
        switch trimmed.dropFirst(number.count) {
        case "", "b": shift = 0
        case "k", "kb", "kib": shift = 10
        case "m", "mb", "mib": shift = 20
        case "g", "gb", "gib": shift = 30
        case "t", "tb", "tib": shift = 40
        default: return nil
        }
        let bytes = value * Double(1 << shift)
        guard bytes < 4.6e18 else { return nil }
        self.bytes = Int(bytes)
    }

    /// The size with the largest unit that divides it.
    public var description: String {
        for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")]
        where bytes != 0 && bytes % (1 << shift) == 0 { return "\(bytes >> shift) \(unit)" }
        return "\(bytes) bytes"
    }
}
