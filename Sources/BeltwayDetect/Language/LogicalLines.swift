// SPDX-License-Identifier: Apache-2.0
// A rule file cut into logical lines: a line that ends in `\` goes on in the next one.
//
//      alert tcp any any -> any any ( \          one logical line of two parts; the backslash and the line
//          msg:"x"; sid:1;)                      end are gone, and each part remembers where it stood
//
// Comments do not continue, so that a `#` line that ends in a backslash cannot swallow the rule after it.

/// One rule's text, able to say where in its file each byte stood.
struct LogicalLine {
    /// The text without continuation marks and line ends.
    var text: [UInt8] = []
    /// Where each physical line's part begins in `text`, and the number of that line.
    var parts: [(start: Int, line: Int)] = []
    /// Whether the text was cut at ``LogicalLines/longestLine``.
    var isTooLong = false

    /// The line and column, both from 1, of the byte at `offset` (or of the end).
    func position(of offset: Int) -> (line: Int, column: Int) {
        let part = parts.last { $0.start <= offset } ?? parts.first ?? (0, 1)
        return (part.line, offset - part.start + 1)
    }
}

/// Goes through a file's bytes and hands out logical lines.
struct LogicalLines: Sequence, IteratorProtocol {
    /// Longer logical lines are cut and reported: no sane rule reaches it, and memory stays bounded.
    static let longestLine = 1 << 18

    private let bytes: [UInt8]
    private var at = 0
    private var lineNumber = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func next() -> LogicalLine? {
        guard at < bytes.count else { return nil }
        var logical = LogicalLine()
        repeat {
            lineNumber += 1
            var end = at
            while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
            let lineEnd = end
            if end > at, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
            let isComment = logical.parts.isEmpty && Self.beginsComment(bytes[at..<end])
            let continues = !isComment && end > at && bytes[end - 1] == UInt8(ascii: "\\")
            if continues { end -= 1 }
            logical.parts.append((logical.text.count, lineNumber))
            let room = Self.longestLine - logical.text.count
            if end - at > room { logical.isTooLong = true }
            logical.text.append(contentsOf: bytes[at..<Swift.min(end, at + room)])
            at = lineEnd + 1
            if !continues { break }
        } while at < bytes.count
        return logical
    }

    private static func beginsComment(_ line: ArraySlice<UInt8>) -> Bool {
        line.first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") } == UInt8(ascii: "#")
    }
}
