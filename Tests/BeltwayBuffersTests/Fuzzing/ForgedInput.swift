// SPDX-License-Identifier: Apache-2.0
// What a stranger chose: bytes that decide what is stored where in memory that we read, and what we do next.
//
// Shared by the libFuzzer targets (Tests/fuzz) and the seeded tests (FuzzTests.swift), so what one finds the other
// repeats. A forgery's own checks are preconditions: both notice a process that died.

/// Bytes taken from the front; zeros once they are used up.
struct ForgedInput {
    private let bytes: [UInt8]
    private var offset = 0
    private var last: UInt64 = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Random bytes: the same for the same seed.
    init(seed: UInt64, length: Int) {
        var random = RandomSource(seed: seed)
        bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    var isEmpty: Bool { offset >= bytes.count }

    mutating func byte() -> UInt8 {
        guard offset < bytes.count else { return 0 }
        offset += 1
        return bytes[offset - 1]
    }

    /// One of `count` things.
    mutating func choice(_ count: Int) -> Int { (Int(byte()) << 8 | Int(byte())) % count }

    /// A little-endian number of `count` bytes.
    mutating func number(_ count: Int) -> UInt64 {
        (0..<count).reduce(0) { sum, index in sum | UInt64(byte()) << UInt64(index * 8) }
    }

    /// A word of the kinds that break arithmetic: small, near a power of two, near the end of 64 bits, on a page,
    /// near the word before, or anything.
    mutating func word() -> UInt64 {
        switch byte() % 8 {
        case 0: last = number(8)
        case 1: last = number(1)
        case 2: last = 1 << UInt64(byte() % 64)
        case 3: last = 1 << UInt64(byte() % 64) &- 1
        case 4: last = 0 &- number(1)
        case 5: last = number(2) &* 4096
        case 6: last = number(2)
        default: last = last &+ UInt64(bitPattern: Int64(Int8(bitPattern: byte())))
        }
        return last
    }
}

/// Adds up every byte, so that each is loaded, after checking that the span lies where it may.
///
/// - Parameters:
///   - span: What a reader handed out.
///   - memory: The mapping that it must lie in.
/// - Returns: The sum.
func sum(_ span: RawSpan, within memory: UnsafeRawBufferPointer) -> UInt64 {
    span.withUnsafeBytes { bytes in
        if let first = bytes.baseAddress, let start = memory.baseAddress, bytes.count > 0 {
            precondition(
                first >= start && first + bytes.count <= start + memory.count,
                "bytes outside the mapping were handed out"
            )
        }
        return bytes.reduce(into: UInt64(0)) { $0 &+= UInt64($1) }
    }
}
