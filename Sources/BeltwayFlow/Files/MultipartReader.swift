// SPDX-License-Identifier: Apache-2.0
// The parts of a form (RFC 7578), from the bytes of a body as they come: lines for MailReader, which knows parts.
//
// Lines of a part may be of any length, and hold anything: a piece of one is handed on without waiting for its end,
// unless it may be a boundary or is a header field.
//
// Invariant. `carry` holds less than `mostCarried` bytes between calls.
internal import BeltwayWire

/// Cuts a body into lines, and these into parts.
struct MultipartReader {
    private static var mostCarried: Int { 8192 }
    private static var mostBoundary: Int { 300 }

    private var reader: MailReader
    private let settings: FileSettings
    private var carry: [UInt8] = []
    private var isWithinLine = false
    /// Bytes in which ends of lines were looked for.
    private(set) var searched: UInt64 = 0

    init(boundary: [UInt8], _ settings: FileSettings) {
        reader = MailReader(partsWith: boundary)
        self.settings = settings
    }

    /// Its parts are ranges of the body's file, whose name is `name`.
    mutating func hasRanges(of facts: HTTPBodyFacts, _ name: [UInt8]) { reader.hasRanges(of: facts, name) }

    /// Reads a body that is a mail, for logs that tell of its parts.
    init(mailWith settings: FileSettings) {
        reader = MailReader(forLogs: ())
        self.settings = settings
    }

    @inline(__always) var heldBytes: Int { reader.heldBytes + carry.count }
    var hasEnded: Bool { !reader.ended.isEmpty }

    /// The parts that have ended, which are then forgotten.
    mutating func takeEnded() -> [FileTracker] { reader.takeEnded() }

    /// Takes the next bytes.
    mutating func take(_ bytes: RawSpan) {
        if carry.isEmpty {
            lines(bytes)
        } else if waits(with: bytes) {
            // What is carried was looked through: it is looked through again when its line has ended.
            searched &+= UInt64(bytes.byteCount)
            carry.append(copyOf: bytes)
        } else {
            var joined: [UInt8] = []
            swap(&joined, &carry)
            joined.append(copyOf: bytes)
            lines(joined.rawBytes)
        }
    }

    /// Whether the line that is carried goes on with these bytes, and beyond them.
    private func waits(with bytes: RawSpan) -> Bool {
        let isCarried = mayWait(first: carry[0], carry.count + bytes.byteCount)
        return isCarried && bytes.firstIndex(of: 0x0a) == nil
    }

    /// Whether a line that begins so, and has so many bytes, is waited for: it may be a boundary, or is a field.
    private func mayWait(first: UInt8, _ count: Int) -> Bool {
        let mayBeBoundary = !isWithinLine && first == 0x2d && count < MultipartReader.mostBoundary
        return (mayBeBoundary || reader.isInFields) && count < MultipartReader.mostCarried
    }

    private mutating func lines(_ bytes: RawSpan) {
        searched &+= UInt64(bytes.byteCount)
        var start = 0
        while let feed = bytes.firstIndex(of: 0x0a, from: start) {
            let end: LineEnd = feed > start && bytes.byte(at: feed - 1) == 0x0d ? .both : .lineFeed
            hand(bytes.field(start..<feed + 1 - end.length), end)
            start = feed + 1
        }
        let rest = bytes.field(start..<bytes.byteCount)
        guard rest.byteCount > 0 else { return }
        if mayWait(first: rest.byte(at: 0), rest.byteCount) {
            carry.append(copyOf: rest)
            return
        }
        // A CR may be half of the line's end.
        let isOpen = rest.byte(at: rest.byteCount - 1) == 0x0d
        hand(rest.field(0..<rest.byteCount - (isOpen ? 1 : 0)), .none)
        if isOpen { carry.append(0x0d) }
    }

    private mutating func hand(_ line: RawSpan, _ end: LineEnd) {
        if line.byteCount > 0 || end.length > 0 { reader.line(line, end, settings, isStart: !isWithinLine) }
        isWithinLine = end.length == 0
    }

    /// Bytes were lost.
    mutating func lose() {
        carry = []
        isWithinLine = true
        reader.passOver()
    }

    /// The body has ended: a part without a boundary behind it has broken off.
    mutating func end() {
        if !carry.isEmpty {
            var rest: [UInt8] = []
            swap(&rest, &carry)
            reader.line(rest.rawBytes, .none, settings, isStart: !isWithinLine)
        }
        reader.end(isComplete: false)
    }
}
