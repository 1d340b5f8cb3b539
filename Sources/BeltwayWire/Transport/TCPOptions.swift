// SPDX-License-Identifier: Apache-2.0

/// The options of a TCP header (RFC 9293, 3.2), read in place.
///
///     var options = segment.options
///     while let option = options.next() { … options.bytes.bigEndian16(at: option.start) … }
public struct TCPOptions: ~Escapable {
    /// All options as they stand; an option's `start` counts from here.
    public let bytes: RawSpan
    @usableFromInline var position = 0

    /// One option: its kind, and where its value lies.
    @frozen public struct Option: Equatable, Sendable, BitwiseCopyable {
        /// Kind (IANA, TCP Option Kind Numbers); never 0 or 1.
        public let kind: UInt8
        /// Where the value starts in ``TCPOptions/bytes``.
        public let start: Int
        /// Bytes of the value, without kind and length.
        public let length: Int

        @inlinable init(kind: UInt8, start: Int, length: Int) {
            self.kind = kind
            self.start = start
            self.length = length
        }

        /// Maximum segment size (2 bytes).
        @inlinable public static var maximumSegmentSize: UInt8 { 2 }
        /// Window scale (1 byte, RFC 7323).
        @inlinable public static var windowScale: UInt8 { 3 }
        /// Selective acknowledgement is permitted (RFC 2018).
        @inlinable public static var selectivePermitted: UInt8 { 4 }
        /// Selective acknowledgement: pairs of sequence numbers.
        @inlinable public static var selective: UInt8 { 5 }
        /// Time stamps (8 bytes, RFC 7323).
        @inlinable public static var timestamps: UInt8 { 8 }
    }

    /// Reads the options that `bytes` hold.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { self.bytes = bytes }

    /// The next option, or nil at the end of the list, or where an option contradicts the header's length.
    @inlinable @_lifetime(self: copy self)
    public mutating func next() -> Option? {
        while position < bytes.byteCount {
            let kind = bytes.unchecked8(position)
            if kind == 0 { return nil }
            if kind == 1 {
                position &+= 1
                continue
            }
            guard position &+ 1 < bytes.byteCount else { return nil }
            let length = Int(bytes.unchecked8(position &+ 1))
            guard length >= 2, position &+ length <= bytes.byteCount else { return nil }
            let start = position &+ 2
            position &+= length
            return Option(kind: kind, start: start, length: length &- 2)
        }
        return nil
    }
}
