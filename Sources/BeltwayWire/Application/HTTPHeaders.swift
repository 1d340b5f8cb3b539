// SPDX-License-Identifier: Apache-2.0

/// How an HTTP/1 message's body is delimited (RFC 9112, 6.3).
@frozen public enum HTTPBody: Equatable, Sendable, BitwiseCopyable {
    /// There is none.
    case none
    /// So many bytes.
    case length(Int)
    /// Chunks, the last of which is empty: ``HTTPChunks`` reads them.
    case chunked
    /// All that comes until the sender closes.
    case untilClose
}

/// Header fields one after the other, in place (RFC 9112, 5), up to the empty line.
///
/// A line ends at CR LF, at LF, and at CR alone, as browsers have it.
public struct HTTPHeaders: ~Escapable {
    /// The lines as they stand; a field's ranges are positions in them.
    public let bytes: RawSpan
    var position = 0

    /// One field.
    public struct Field: Equatable, Sendable {
        /// The name without blanks round it; empty for a line without a colon.
        public let name: Range<Int>
        /// The value without blanks round it; line ends inside it if ``isFolded``.
        public let value: Range<Int>
        /// Whether the value continues on lines that begin with a blank (obsolete: RFC 9112, 5.2).
        public let isFolded: Bool
    }

    /// Reads the fields that `bytes` hold, which begin after the start line.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { self.bytes = bytes }

    /// The next field, or nil at the empty line or the bytes' end.
    @_lifetime(self: copy self)
    public mutating func next() -> Field? {
        guard position < bytes.byteCount else { return nil }
        var start = position
        // Of separators such as LF CR the second half.
        while start &+ 1 < bytes.byteCount, bytes.unchecked8(start) == 0x0d,
            bytes.unchecked8(start &+ 1) != 0x0a
        {
            start &+= 1
        }
        var line = bytes.line(from: start)
        if bytes.isEmptyLine(start..<line.end) {
            position = bytes.byteCount
            return nil
        }
        let firstEnd = line.end
        while line.next < bytes.byteCount, isBlank(bytes.unchecked8(line.next)) {
            let more = bytes.line(from: line.next)
            if bytes.isEmptyLine(line.next..<more.end) { break }
            line = more
        }
        position = line.next
        let isFolded = line.end > firstEnd
        guard let colon = bytes.firstIndex(of: 0x3a, from: start, before: firstEnd) else {
            return Field(name: start..<start, value: bytes.trimmed(start..<line.end), isFolded: isFolded)
        }
        return Field(
            name: bytes.trimmed(start..<colon),
            value: bytes.trimmed(colon &+ 1..<max(line.end, colon &+ 1)),
            isFolded: isFolded
        )
    }

    /// Where the value of the first field of this name lies in ``bytes``, or nil; letters in either case.
    public func value(of name: String) -> Range<Int>? {
        var list = HTTPHeaders(bytes)
        while let field = list.next() {
            if bytes.field(field.name).equals(ignoringCase: name) { return field.value }
        }
        return nil
    }

    /// The value of Content-Length, or nil if there is none or it is no number.
    public var contentLength: Int? {
        guard let range = value(of: "content-length") else { return nil }
        return bytes.decimal(range)
    }

    /// How the fields delimit a body: chunked before a length, and the connection's end if neither is there.
    public var body: HTTPBody {
        // The first of each field counts, in one pass over them.
        var (hasCoding, length): (Bool, Range<Int>?) = (false, nil)
        var list = HTTPHeaders(bytes)
        while let field = list.next() {
            let name = bytes.field(field.name)
            if !hasCoding, name.equals(ignoringCase: "transfer-encoding") {
                if endsInChunked(field.value) { return .chunked }
                hasCoding = true
            } else if length == nil, name.equals(ignoringCase: "content-length") {
                length = field.value
            }
        }
        guard let length, let count = bytes.decimal(length) else { return .untilClose }
        return count == 0 ? .none : .length(count)
    }

    /// Whether the last transfer coding is chunked (RFC 9112, 6.1).
    private func endsInChunked(_ range: Range<Int>) -> Bool {
        var start = range.lowerBound
        for index in range where bytes.unchecked8(index) == 0x2c { start = index &+ 1 }
        return bytes.field(bytes.trimmed(start..<range.upperBound)).equals(ignoringCase: "chunked")
    }
}
