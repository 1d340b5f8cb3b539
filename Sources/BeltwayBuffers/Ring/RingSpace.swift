// SPDX-License-Identifier: Apache-2.0

// Where positions lie in memory.
//
//   positions   ----------------T0----------------------T1------------------------------>
//                    space 0     |       space 1         |        space 2
//                 64 KiB, area 0 | 64 KiB of area 0 used | 1 MiB, area 1
//
// A ring of fixed size has one space. Each change of size starts a new one at a position T: *partial* resizing uses
// another part of the same area, *replacing* a new area. Positions and ordinals run on. Between two blocks nothing
// else happens, so a reader finishes the old space and enters the next one (paper, 4.2.1: both areas are probed
// until the old one is unreferenced).
//
// When is the byte at p overwritten, with a the length of p's space and b that of the one after it?
//   no space after it        when the producer's intent passes p + a.
//   the next is another area never: the area is kept as long as somebody may need it. window = unlimited.
//   growth a -> b at a wrap  the producer goes on behind [0, a), comes back to p's offset after b bytes: window = b.
//   shrinking a -> b         offsets below b are reached a bytes after p, those above not before: window = a.
// So p is whole as long as intent <= p + window with window = max(a, b), if it still was when the next space began:
// p >= floor with floor = T - a. A change is made only after the space has
// lasted for its predecessor's window, so no byte is ever older than the space before the current one.

/// A stretch of positions and the memory that holds them.
///
/// Safe because `offset(_:)` is below `length`, and `base` is mapped for `length` bytes, twice if the ring wraps blocks.
@safe @frozen public struct RingSpace: BitwiseCopyable, @unchecked Sendable {
    @usableFromInline let base: UnsafeMutableRawPointer
    /// The position whose byte is at `base`.
    @usableFromInline let origin: UInt64
    @usableFromInline let mask: UInt64
    /// First position.
    @usableFromInline let start: UInt64
    /// A byte at p is whole while intent <= p + window.
    @usableFromInline var window: UInt64
    /// Bytes before this one were gone already when the next space began; 0 as long as there is none.
    @usableFromInline var floor: UInt64 = 0

    @usableFromInline static let unlimited = UInt64.max / 4

    init(base: UnsafeMutableRawPointer, origin: UInt64, length: Int, start: UInt64) {
        unsafe self.base = base
        self.origin = origin
        mask = UInt64(length - 1)
        self.start = start
        window = UInt64(length)
    }

    /// Bytes used.
    @inlinable var length: UInt64 { mask &+ 1 }

    /// Takes note of the space that follows.
    mutating func end(_ epoch: RingEpoch, before next: RingEpoch) {
        window = next.window(after: epoch)
        floor = next.start &- min(next.start, epoch.length)
    }

    @inlinable @inline(__always)
    func offset(_ position: UInt64) -> Int { Int(truncatingIfNeeded: (position &- origin) & mask) }

    @inlinable @inline(__always)
    func address(_ position: UInt64) -> UnsafeMutableRawPointer { unsafe base + offset(position) }
}

/// One space as the control page states it to every process.
struct RingEpoch: Equatable {
    /// First position.
    var start: UInt64
    /// The position that lies at the area's first byte.
    var origin: UInt64
    /// Bytes used.
    var length: UInt64
    /// Number of the area.
    var area: UInt64

    /// The window of positions in the space before this one.
    func window(after previous: RingEpoch) -> UInt64 {
        area == previous.area ? max(length, previous.length) : RingSpace.unlimited
    }
}
