// SPDX-License-Identifier: Apache-2.0

// The copy into a ring. Small blocks, most of a network's packets among them, are copied by two moves of a fixed size that
// overlap in the middle: no call, and few stores.
//
//     65 ... 128 bytes    |<------- 64 ------->|
//                                 |<------- 64 ------->|
//
// Safe because the span says how much there is to read, and callers copy into what they have reserved in their ring.

extension RawSpan {
    /// Copies all bytes; the caller has room for them.
    @inlinable @inline(__always) @unsafe
    func copy(to address: UnsafeMutableRawPointer) {
        unsafe copy(first: byteCount, to: address)
    }

    /// Copies the first `count` bytes: there are at least so many, and the caller has room for them.
    @inlinable @inline(__always) @unsafe
    func copy(first count: Int, to address: UnsafeMutableRawPointer) {
        unsafe withUnsafeBytes { bytes in
            guard let source = bytes.baseAddress else { return }
            // A move is whole before the next begins, and source and target do not overlap.
            if count > 128 || count < 16 {
                unsafe address.copyMemory(from: source, byteCount: count)
            } else if count > 64 {
                unsafe address.copyMemory(from: source, byteCount: 64)
                unsafe (address + (count &- 64)).copyMemory(from: source + (count &- 64), byteCount: 64)
            } else if count > 32 {
                unsafe address.copyMemory(from: source, byteCount: 32)
                unsafe (address + (count &- 32)).copyMemory(from: source + (count &- 32), byteCount: 32)
            } else {
                unsafe address.copyMemory(from: source, byteCount: 16)
                unsafe (address + (count &- 16)).copyMemory(from: source + (count &- 16), byteCount: 16)
            }
        }
    }
}
