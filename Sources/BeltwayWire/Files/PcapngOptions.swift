// SPDX-License-Identifier: Apache-2.0

/// The options at the end of a pcapng block, viewed in place: code, length, value, padded to 4 bytes.
public struct PcapngOptions: ~Escapable {
    let bytes: RawSpan
    let order: ByteOrder
    var offset = 0

    /// One option.
    @frozen public struct Option: Equatable, Sendable, BitwiseCopyable {
        /// What it is; the meaning depends on the block.
        public let code: UInt16
        /// Where its value begins in the options' bytes.
        public let offset: Int
        /// Bytes of its value.
        public let length: Int
    }

    /// Views options.
    ///
    /// - Parameters:
    ///   - bytes: From the first option to before the block's second length.
    ///   - order: The section's byte order.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, _ order: ByteOrder) {
        self.bytes = bytes
        self.order = order
    }

    /// Returns the next option, or nil after the last one or opt_endofopt.
    ///
    /// - Returns: The option; its value lies inside the bytes that were given.
    /// - Throws: `invalid` with the option's length if it runs past the end.
    @_lifetime(self: copy self)
    public mutating func next() throws(WireError) -> Option? {
        // Fewer than 4 bytes cannot be an option; some writers leave them.
        guard bytes.byteCount &- offset >= 4 else { return nil }
        let code = bytes.integer16(at: offset, order)
        let length = Int(bytes.integer16(at: offset &+ 2, order))
        guard code != 0 else { return nil }
        let value = offset &+ 4
        guard length <= bytes.byteCount &- value else {
            throw .invalid(field: .optionLength, value: UInt64(length))
        }
        offset = min(value &+ (length &+ 3) & ~3, bytes.byteCount)
        return Option(code: code, offset: value, length: length)
    }

    /// The longest text that is kept, in bytes: thousands of interfaces must not fill the memory with their
    /// names.
    public static var maximumTextLength: Int { 256 }

    /// The value of an option as text: UTF-8, repaired where it is none, up to the first zero byte.
    public func text(_ option: Option) -> String {
        var characters: [UInt8] = []
        let length = min(option.length, PcapngOptions.maximumTextLength)
        for position in option.offset..<(option.offset &+ length) {
            let byte = bytes.byte(at: position)
            if byte == 0 { break }
            characters.append(byte)
        }
        return String(decoding: characters, as: UTF8.self)
    }

    /// The first byte of an option's value, or nil if it has none.
    public func firstByte(_ option: Option) -> UInt8? {
        option.length >= 1 ? bytes.byte(at: option.offset) : nil
    }

    /// An option's value as a 64-bit number, or nil if it is shorter than that.
    public func integer64(_ option: Option) -> UInt64? {
        option.length >= 8 ? bytes.integer64(at: option.offset, order) : nil
    }

    /// An option's value as a 32-bit number, or nil if it is shorter than that.
    public func integer32(_ option: Option) -> UInt32? {
        option.length >= 4 ? bytes.integer32(at: option.offset, order) : nil
    }
}
