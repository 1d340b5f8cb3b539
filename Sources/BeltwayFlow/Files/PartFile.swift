// SPDX-License-Identifier: Apache-2.0
// A part of a mail or form that is a file: its lines, with their transfer encoding undone (RFC 2045, section 6).
//
//     line | line end | line | line end | --boundary        the last line end belongs to the boundary (RFC 2046, 5.1.1)
//
// Invariant. `decoded` never holds much more than `mostDecoded` bytes: then they are handed on.
internal import BeltwayWire

/// What ends a line, or a piece of one.
enum LineEnd {
    /// The line goes on.
    case none
    case lineFeed
    case both

    /// What ends `line`, and what is before that.
    init(_ line: RawSpan) {
        let count = line.byteCount
        guard count > 0, line.byte(at: count - 1) == 0x0a else {
            self = .none
            return
        }
        self = count > 1 && line.byte(at: count - 2) == 0x0d ? .both : .lineFeed
    }

    var length: Int {
        switch self {
        case .none: 0
        case .lineFeed: 1
        case .both: 2
        }
    }
}

/// How the bytes of a part are encoded.
enum TransferEncoding {
    case identity, base64, quotedPrintable

    init(_ value: RawSpan) {
        if value.starts(ignoringCase: "base64") {
            self = .base64
        } else if value.starts(ignoringCase: "quoted-printable") {
            self = .quotedPrintable
        } else {
            self = .identity
        }
    }
}

extension UInt8 {
    /// What a digit of base64 stands for (RFC 4648, sections 4 and 5), nil if it is none; the last two differ by alphabet.
    @inline(__always)
    func base64Value(last: (UInt8, UInt8)) -> UInt8? {
        switch self {
        case 0x41...0x5a: self - 0x41
        case 0x61...0x7a: self - 0x61 + 26
        case 0x30...0x39: self - 0x30 + 52
        case last.0: 62
        case last.1: 63
        default: nil
        }
    }
}

/// A part on its way.
struct PartFile {
    private static var mostDecoded: Int { 4096 }

    private(set) var file: FileTracker
    private let encoding: TransferEncoding
    /// The end of the line before, which is the part's if another line follows.
    private var owed = LineEnd.none
    private var decoded: [UInt8] = []
    /// Base64: bits of a group that is not whole, and how many digits they came from.
    private var bits: UInt32 = 0
    private var digits = 0
    private var isPadded = false

    init(_ file: FileTracker, _ encoding: TransferEncoding) {
        self.file = file
        self.encoding = encoding
    }

    var heldBytes: Int { file.heldBytes + decoded.count }

    /// Takes a line, or a piece of one, without its end.
    mutating func line(_ line: RawSpan, _ end: LineEnd) {
        switch encoding {
        case .base64: base64(line)
        case .identity:
            payOwed()
            decoded.append(copyOf: line)
            owed = end
        case .quotedPrintable:
            payOwed()
            owed = quotedPrintable(line) ? .none : end
        }
        if decoded.count >= PartFile.mostDecoded { flush() }
    }

    /// Bytes were lost.
    mutating func lose() {
        flush()
        // How many bytes the lost ones stood for is not known.
        file.lose(0)
    }

    /// The part has ended.
    ///
    /// - Parameters:
    ///   - isComplete: Whether its end came by.
    ///   - endsLine: Whether the last line's end is the part's: it is where no boundary follows (RFC 5321, 4.1.1.4).
    mutating func end(isComplete: Bool, endsLine: Bool = false) {
        if endsLine { payOwed() }
        // A group of base64 that was not padded (RFC 4648, 3.2).
        if digits >= 2 { decoded.append(UInt8(truncatingIfNeeded: bits >> (digits == 2 ? 4 : 10))) }
        if digits == 3 { decoded.append(UInt8(truncatingIfNeeded: bits >> 2)) }
        digits = 0
        flush()
        file.isComplete = isComplete
    }

    private mutating func payOwed() {
        switch owed {
        case .none: break
        case .lineFeed: decoded.append(0x0a)
        case .both:
            decoded.append(0x0d)
            decoded.append(0x0a)
        }
        owed = .none
    }

    private mutating func flush() {
        guard !decoded.isEmpty else { return }
        var bytes: [UInt8] = []
        swap(&bytes, &decoded)
        file.take(bytes.rawBytes)
        bytes.removeAll(keepingCapacity: true)
        swap(&bytes, &decoded)
    }

    /// RFC 4648, section 4; what is no digit is passed over (RFC 2045, 6.8).
    private mutating func base64(_ line: RawSpan) {
        for index in 0..<line.byteCount {
            let byte = line.byte(at: index)
            if byte == 0x3d {
                // Padding ends the text (RFC 2045, 6.8); what follows it is another's.
                if digits >= 2 { decoded.append(UInt8(truncatingIfNeeded: bits >> (digits == 2 ? 4 : 10))) }
                if digits == 3 { decoded.append(UInt8(truncatingIfNeeded: bits >> 2)) }
                (bits, digits) = (0, 0)
                isPadded = true
                continue
            }
            guard !isPadded, let value = byte.base64Value(last: (0x2b, 0x2f)) else { continue }
            bits = bits << 6 | UInt32(value)
            digits += 1
            if digits == 4 {
                decoded.append(UInt8(truncatingIfNeeded: bits >> 16))
                decoded.append(UInt8(truncatingIfNeeded: bits >> 8))
                decoded.append(UInt8(truncatingIfNeeded: bits))
                (bits, digits) = (0, 0)
            }
        }
    }

    /// RFC 2045, section 6.7.
    ///
    /// - Returns: Whether the line ends in a soft break, which is no end.
    private mutating func quotedPrintable(_ line: RawSpan) -> Bool {
        var end = line.byteCount
        while end > 0, line.byte(at: end - 1) == 0x20 || line.byte(at: end - 1) == 0x09 { end -= 1 }
        var index = 0
        while index < end {
            let byte = line.byte(at: index)
            index += 1
            guard byte == 0x3d else {
                decoded.append(byte)
                continue
            }
            if index == end { return true }
            if index + 1 < end, let high = line.byte(at: index).hexadecimalValue,
                let low = line.byte(at: index + 1).hexadecimalValue
            {
                decoded.append(high << 4 | low)
                index += 2
            } else {
                decoded.append(byte)
            }
        }
        return false
    }
}
