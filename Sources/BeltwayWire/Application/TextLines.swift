// SPDX-License-Identifier: Apache-2.0
// Protocols of lines in place: commands of a client, replies of a server (SMTP: RFC 5321, FTP: RFC 959).
//
//     MAIL FROM:<a@b> CR LF         verb, blank, argument
//     250-first CR LF               three digits; a hyphen says that more lines of this reply follow
//     250 last CR LF

/// Where a line ends.
public enum TextLine {
    /// Where the line at the start of `bytes` ends, its LF included.
    ///
    /// - Parameters:
    ///   - bytes: What is here, from the line's first byte on.
    ///   - start: Bytes that were looked through before; no LF is among them.
    /// - Returns: Never `notThisProtocol`.
    public static func framing(of bytes: RawSpan, from start: Int = 0) -> Framing {
        if let end = bytes.firstIndex(of: 0x0a, from: start) { return .complete(length: end &+ 1) }
        return .needMore(atLeast: bytes.byteCount &+ 1)
    }
}

/// A command line, viewed in place.
public struct TextCommand: ~Escapable {
    let bytes: RawSpan
    let verbRange: Range<Int>
    let argumentRange: Range<Int>

    /// Views a line, with or without its end; any bytes are one.
    @_lifetime(copy line)
    public init(_ line: RawSpan) {
        var end = line.byteCount
        if end > 0, line.unchecked8(end &- 1) == 0x0a { end &-= 1 }
        if end > 0, line.unchecked8(end &- 1) == 0x0d { end &-= 1 }
        let text = line.trimmed(0..<end)
        var last = text.lowerBound
        while last < text.upperBound, !isBlank(line.unchecked8(last)) { last &+= 1 }
        verbRange = text.lowerBound..<last
        argumentRange = line.trimmed(last..<text.upperBound)
        bytes = line
    }

    /// The first word.
    public var verb: RawSpan { @_lifetime(copy self) get { bytes.field(verbRange) } }
    /// What follows it, without the blanks at its ends.
    public var argument: RawSpan { @_lifetime(copy self) get { bytes.field(argumentRange) } }

    /// Whether the verb is this one, letters in either case.
    public func isVerb(_ name: String) -> Bool { verb.equals(ignoringCase: name) }
}

/// A line of a reply, viewed in place.
public struct ReplyLine: ~Escapable {
    let bytes: RawSpan
    let textRange: Range<Int>
    /// The code, 100...599.
    public let code: Int
    /// Whether no further line of this reply follows.
    public let isLast: Bool

    /// Views a line, with or without its end; throws if it does not begin with a code.
    @_lifetime(copy line)
    public init(_ line: RawSpan) throws(WireError) {
        guard line.byteCount >= 3, let number = line.decimal(0..<3), 100..<600 ~= number else {
            throw .invalid(field: .startLine, value: UInt64(line.byteCount))
        }
        var end = line.byteCount
        if line.unchecked8(end &- 1) == 0x0a { end &-= 1 }
        if end > 3, line.unchecked8(end &- 1) == 0x0d { end &-= 1 }
        let separator = end > 3 ? line.unchecked8(3) : 0x20
        guard separator == 0x20 || separator == 0x2d || separator == 0x09 else {
            throw .invalid(field: .startLine, value: UInt64(separator))
        }
        code = number
        isLast = separator != 0x2d
        textRange = line.trimmed(min(4, end)..<max(end, min(4, end)))
        bytes = line
    }

    /// What follows the code.
    public var text: RawSpan { @_lifetime(copy self) get { bytes.field(textRange) } }
}
