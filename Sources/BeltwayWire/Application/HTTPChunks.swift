// SPDX-License-Identifier: Apache-2.0
// The chunked transfer coding (RFC 9112, 7.1), read wherever the stream is cut:
//
//     1a ; extension CR LF | 26 bytes CR LF | 0 CR LF | trailer fields CR LF | CR LF
//
// The reader keeps 24 bytes of state and no data: what it finds lies in the bytes it was given.
//
// A size is read as browsers read it that take most, with C's `strtoul`: white space and `0x` before the digits, anything
// behind them.

/// A reader of chunks; feed it a body's bytes piece by piece.
public struct HTTPChunks: Sendable {
    private enum Place: Sendable { case size, extensions, data, dataEnd, trailer, end, damaged }

    private var place = Place.size
    /// Bytes of the chunk still to come, or the size read so far.
    private var remaining = 0
    /// Digits of the size, or bytes of the line, seen so far.
    private var count = 0
    /// Bytes of data so far, without what frames them.
    public private(set) var dataLength: UInt64 = 0

    /// Makes a reader that expects a chunk's size.
    public init() {}

    /// Whether it was fed nothing yet but white space.
    public var isFresh: Bool { place == .size && count == 0 && remaining == 0 && dataLength == 0 }

    /// What the reader found.
    @frozen public enum Step: Equatable, Sendable {
        /// Data of the body, as positions in the bytes; call again from its end.
        case data(Range<Int>)
        /// All bytes are read; more of the body is to come.
        case needMore
        /// The body ended before this position; the next message begins there.
        case end(Int)
        /// A size that is no number, or a line over its limit, at this position; there is no way on.
        case damaged(Int)
    }

    /// The longest extension or trailer line, in bytes.
    private static var maximumLineLength: Int { 8_192 }

    /// Reads on in `bytes` from `position`, which must lie in them or at their end.
    public mutating func next(in bytes: RawSpan, from start: Int) -> Step {
        var position = max(start, 0)
        while position < bytes.byteCount {
            if place == .data {
                let end = position &+ min(remaining, bytes.byteCount &- position)
                remaining &-= end &- position
                if remaining == 0 { place = .dataEnd }
                dataLength &+= UInt64(end &- position)
                return .data(position..<end)
            }
            if place == .end { return .end(position) }
            if place == .damaged { return .damaged(position) }
            step(over: bytes.unchecked8(position))
            if place == .damaged { return .damaged(position) }
            position &+= 1
        }
        return place == .end ? .end(position) : .needMore
    }

    private mutating func step(over byte: UInt8) {
        switch place {
        case .size: readSize(byte)
        case .extensions:
            count &+= 1
            if byte == 0x0a { beginChunk() } else if count > Self.maximumLineLength { place = .damaged }
        case .dataEnd:
            if byte == 0x0a { beginSize() } else if byte != 0x0d { place = .damaged }
        case .trailer:
            if byte == 0x0a {
                if count == 0 { place = .end }
                count = 0
            } else if byte != 0x0d {
                count &+= 1
                if count > Self.maximumLineLength { place = .damaged }
            }
        case .data, .end, .damaged: break
        }
    }

    private mutating func readSize(_ byte: UInt8) {
        let lower = byte | 0x20
        let digit = byte &- 0x30 < 10 ? Int(byte &- 0x30) : lower &- 0x61 < 6 ? Int(lower &- 0x57) : -1
        if digit >= 0 {
            count &+= 1
            // 13 digits and more are no size of anything; leading zeros count too.
            guard count <= 12 else {
                place = .damaged
                return
            }
            remaining = remaining << 4 | digit
        } else if byte == 0x0a, count > 0 {
            beginChunk()
        } else if count == 1, remaining == 0, lower == 0x78 {
            count = 0
        } else if count > 0 {
            (place, count) = (.extensions, 0)
        } else if byte &- 0x09 > 4, byte != 0x20 {
            place = .damaged
        }
    }

    private mutating func beginSize() { (place, remaining, count) = (.size, 0, 0) }

    private mutating func beginChunk() {
        place = remaining == 0 ? .trailer : .data
        count = 0
    }
}
