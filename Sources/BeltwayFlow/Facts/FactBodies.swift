// SPDX-License-Identifier: Apache-2.0
// The bytes beside a fact queue: what a transaction says, from worker to writer.
//
//        head (consumer)                 tail (producer, kept by it alone)
//          v                               v
//   | .... | body | body | body | (gap) | . | ....... |     positions run on; offset = position modulo capacity
//                                   `-- a body never wraps: what does not fit before the end starts at offset 0
//
// Invariant 1. head <= tail <= head + capacity. Only the consumer stores `head`.
// Invariant 2. The bytes of a body are written before the fact that names it is published by the queue's tail, and
//              `head` passes them only after the consumer has done with that fact.
//
// Why the interface is safe: offsets are reduced modulo the capacity and lengths are checked against it here, whatever
// a record says, and the block lives as long as this object. That a reader's span shows one body is Invariant 2.

import Synchronization

/// A ring of bytes with one writer and one reader, which a ``FactQueue`` owns.
@safe final class FactBodies: @unchecked Sendable {
    let capacity: Int
    let head = Atomic<UInt64>(0)
    private let base: UnsafeMutableRawPointer

    /// Makes an empty ring.
    ///
    /// - Parameter capacity: Bytes; rounded up to a power of two from 64 KiB.
    init(capacity: Int) {
        var rounded = 1 << 16
        while rounded < capacity, rounded < 1 << 30 { rounded *= 2 }
        self.capacity = rounded
        unsafe base = .allocate(byteCount: rounded, alignment: 64)
    }

    deinit { unsafe base.deallocate() }

    /// Where a body of `count` bytes goes if the ring is written up to `tail`.
    func start(after tail: UInt64, count: Int) -> UInt64 {
        let offset = Int(tail & UInt64(capacity - 1))
        return offset + count <= capacity ? tail : tail &+ UInt64(capacity - offset)
    }

    /// Copies a body to `position`, which `start(after:count:)` gave.
    func put(_ body: Span<UInt8>, at position: UInt64) {
        let offset = Int(position & UInt64(capacity - 1))
        precondition(offset + body.count <= capacity, "a body that leaves the ring")
        unsafe body.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress {
                unsafe (base + offset).copyMemory(from: start, byteCount: bytes.count)
            }
        }
    }

    /// The body at `position`; the caller holds it only while its fact is being taken.
    @_lifetime(borrow self)
    func body(at position: UInt64, count: Int) -> Span<UInt8> {
        let offset = Int(position & UInt64(capacity - 1))
        precondition(count >= 0 && offset + count <= capacity, "a body that leaves the ring")
        let start = unsafe (base + offset).assumingMemoryBound(to: UInt8.self)
        let span = unsafe Span(_unsafeStart: start, count: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }
}
