// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

/// TCP reassembly by copying, as sockets and most monitors do it: each segment is copied to its place in one contiguous
/// buffer per stream, and the consumer reads there.
///
///     window    |== read ==|==== contiguous ====|.... hole ....|## early ##|
///               0          taken                next
///
/// Lean on purpose: the order of segments is all it knows (no overlap policy, no FIN, no gap), so that what it costs beyond
/// reassembly in place is its copy. Safe: a segment is copied only if it lies inside the window, which is checked before.
@safe struct CopyingStream: ~Copyable {
    private let window: UnsafeMutableRawBufferPointer
    private let capacity: Int
    /// Sequence number of the window's first byte.
    private var base: UInt32
    private var next = 0
    /// Segments that came early, by where they lie.
    private var early: [Range<Int>] = []

    /// - Parameters:
    ///   - sequence: Of the stream's first byte.
    ///   - capacity: Bytes of the window.
    init(from sequence: UInt32, capacity: Int) {
        base = sequence
        self.capacity = capacity
        unsafe window = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 64)
        unsafe window.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { unsafe window.deallocate() }

    /// Takes a segment.
    ///
    /// - Returns: What the consumer made of the bytes that are contiguous now: their sum.
    @inline(__always) mutating func take(_ payload: RawSpan, at sequence: UInt32) -> UInt64 {
        var start = Int(Int32(truncatingIfNeeded: sequence &- base))
        if start &+ payload.byteCount > capacity, early.isEmpty {
            // All was read: the window begins anew where the stream is.
            base = base &+ UInt32(next)
            start = start &- next
            next = 0
        }
        guard start >= next, start &+ payload.byteCount <= capacity else { return 0 }
        unsafe payload.withUnsafeBytes { bytes in
            if let source = bytes.baseAddress, let target = unsafe window.baseAddress {
                unsafe (target + start).copyMemory(from: source, byteCount: bytes.count)
            }
        }
        let taken = next
        if start == next, early.isEmpty {
            next = start &+ payload.byteCount
        } else {
            insert(start..<(start &+ payload.byteCount))
        }
        return unsafe UnsafeRawBufferPointer(rebasing: window[taken..<next]).bytes.sumOfBytes
    }

    private mutating func insert(_ range: Range<Int>) {
        early.append(range)
        early.sort { $0.lowerBound < $1.lowerBound }
        while let first = early.first, first.lowerBound <= next {
            next = max(next, first.upperBound)
            early.removeFirst()
        }
    }
}
