// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Foundation

/// SplitMix64: the same numbers for the same seed, on every machine.
struct RandomSource: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// True once in `n` times.
    mutating func oneIn(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &self) == 0 }
}

/// What the tests write: packet `ordinal` is a slice of one random text, at a place that follows from its ordinal.
enum PacketText {
    private static let text: [UInt8] = {
        var random = RandomSource(seed: 2026)
        return (0..<40_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }()

    static func bytes(ordinal: UInt64, length: Int) -> ArraySlice<UInt8> {
        let start = Int((ordinal &* 7919) % 30_000)
        return text[start..<start + length]
    }

    /// Whether a span holds the packet's first bytes.
    static func matches(_ span: RawSpan, ordinal: UInt64) -> Bool {
        guard span.byteCount <= 10_000 else { return false }
        return bytes(ordinal: ordinal, length: span.byteCount).withUnsafeBytes { expected in
            span.withUnsafeBytes { found in
                guard let first = found.baseAddress, let same = expected.baseAddress else {
                    return expected.isEmpty
                }
                return memcmp(first, same, expected.count) == 0
            }
        }
    }
}

func makeBuffer(_ capacity: Int, _ policy: BufferPolicy) throws -> DataBuffer {
    try DataBuffer(name: "test.0", number: 3, linkType: .ethernet, capacity: capacity, policy: policy)
}

extension DataBufferProducer {
    /// Appends packet `ordinal` of ``PacketText``, its time and lengths following from the ordinal.
    mutating func append(ordinal: UInt64, length: Int, flags: RecordFlags = []) -> Bool {
        let bytes = PacketText.bytes(ordinal: ordinal, length: length)
        return append(
            bytes.span.bytes,
            time: Timestamp(nanoseconds: 1_000_000_000 &+ ordinal),
            originalLength: UInt32(length),
            interface: 0,
            flags: flags
        )
    }
}

/// A thread whose end can be waited for, but not for ever.
final class TestThread: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread { [done] in
            body()
            done.signal()
        }
        thread.start()
    }

    /// Waits for the end; false if it did not come within five minutes.
    func join() -> Bool { done.wait(timeout: .now() + 300) == .success }
}
