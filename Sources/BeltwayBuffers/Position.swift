// SPDX-License-Identifier: Apache-2.0

/// Bytes since a buffer was created: 64 bits, never wraps (Aeron's term).
@frozen public struct Position: Comparable, Hashable, Sendable, BitwiseCopyable {
    /// Bytes since the buffer was created.
    public var bytes: UInt64

    /// Makes a position.
    @inlinable public init(_ bytes: UInt64) { self.bytes = bytes }

    /// Where every buffer begins.
    @inlinable public static var zero: Position { Position(0) }

    /// Whether `a` was written before `b`.
    @inlinable public static func < (a: Position, b: Position) -> Bool { a.bytes < b.bytes }
    /// The position `length` bytes further on.
    @inlinable public static func + (a: Position, length: Int) -> Position {
        Position(a.bytes &+ UInt64(length))
    }
    /// Bytes between two positions, `a` being the later one.
    @inlinable public static func - (a: Position, b: Position) -> Int {
        Int(truncatingIfNeeded: a.bytes &- b.bytes)
    }
}

/// The producer overtook this reader: what was asked for is overwritten.
///
/// Expected, counted, never fatal.
@frozen public struct Lapped: Error, Equatable, Sendable, BitwiseCopyable {
    /// Makes the outcome.
    @inlinable public init() {}
}
