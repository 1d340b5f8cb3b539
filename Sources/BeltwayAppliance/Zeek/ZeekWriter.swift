// SPDX-License-Identifier: Apache-2.0
// Lines of Zeek's logs, in either of its forms (Zeek manual, "Zeek Log Formats"):
//
//     TSV    1258531221.486539<tab>C4J4Th3PJpwUYZZ6gc<tab>192.168.1.102<tab>68<tab>-<tab>(empty)
//     JSON   {"ts":1258531221.486539,"uid":"C4J4Th3PJpwUYZZ6gc","id.orig_h":"192.168.1.102","id.orig_p":68}
//
// A record writes its fields in order, each by name; what it has not is `-` in TSV, and left out of JSON.
//
// Invariant. After `endLine` the text ends after a line feed, and a line of TSV has one value for each field: no value
//            holds a tab or a line feed, since both are escaped.
internal import BeltwayFlow
internal import BeltwayWire

/// The two forms of Zeek's logs.
public enum ZeekFormat: String, Sendable, CaseIterable {
    case tsv, json
}

/// Writes lines of one log into a buffer that is reused.
struct ZeekWriter: ~Copyable {
    /// Lines that wait to be written out.
    var lines: TextBuffer
    /// Lines written since the writer was made.
    private(set) var count: UInt64 = 0
    let format: ZeekFormat
    private var isFirst = true

    init(format: ZeekFormat, capacity: Int = 64 << 10) {
        self.format = format
        lines = TextBuffer(capacity: capacity)
    }

    mutating func beginLine() {
        isFirst = true
        if format == .json { lines.append(0x7b) }
    }

    mutating func endLine() {
        if format == .json { lines.append(0x7d) }
        lines.append(0x0a)
        count &+= 1
    }

    /// Begins a field that has a value, which the caller appends.
    mutating func begin(_ name: StaticString) {
        if !isFirst { lines.append(format == .tsv ? 0x09 : 0x2c) }
        isFirst = false
        guard format == .json else { return }
        lines.append(0x22)
        lines.append(name)
        lines.append("\":")
    }

    /// A field without a value.
    mutating func unset(_ name: StaticString) {
        guard format == .tsv else { return }
        begin(name)
        lines.append(0x2d)
    }

    mutating func number(_ name: StaticString, _ value: UInt64) {
        begin(name)
        lines.append(decimal: value)
    }

    mutating func flag(_ name: StaticString, _ value: Bool) {
        begin(name)
        if format == .json {
            if value { lines.append("true") } else { lines.append("false") }
        } else {
            lines.append(value ? 0x54 : 0x46)
        }
    }

    /// Seconds since 1970 with six digits behind the point.
    mutating func time(_ name: StaticString, _ value: Timestamp) {
        interval(name, nanoseconds: value.nanoseconds)
    }

    /// Seconds with six digits behind the point.
    mutating func interval(_ name: StaticString, nanoseconds: UInt64) {
        begin(name)
        let microseconds = nanoseconds / 1000
        lines.append(decimal: microseconds / 1_000_000)
        lines.append(0x2e)
        lines.append(decimal: microseconds % 1_000_000, digits: 6)
    }

    mutating func address(_ name: StaticString, _ value: IPAddress, version: UInt8) {
        begin(name)
        quote()
        lines.append(value, version: version)
        quote()
    }

    /// A text of this program, with nothing to escape.
    mutating func text(_ name: StaticString, literal: StaticString) {
        begin(name)
        quote()
        lines.append(literal)
        quote()
    }

    /// A text of this program, with nothing to escape.
    mutating func text(_ name: StaticString, plain value: String) {
        begin(name)
        quote()
        for byte in value.utf8 { lines.append(byte) }
        quote()
    }

    /// What a stranger wrote; an empty text is `(empty)` in TSV.
    mutating func text(_ name: StaticString, wire value: RawSpan) {
        begin(name)
        if format == .json {
            lines.append(wireString: value, most: .max)
        } else {
            lines.append(zeekString: value)
        }
    }

    /// A connection's identifier; `isSet` makes it the only element of a set.
    mutating func identifier(_ name: StaticString, of flowID: UInt64, isSet: Bool = false) {
        begin(name)
        if isSet, format == .json { lines.append(0x5b) }
        quote()
        lines.append(zeekIdentifierOf: flowID)
        quote()
        if isSet, format == .json { lines.append(0x5d) }
    }

    /// A file's identifier.
    mutating func identifier(_ name: StaticString, ofFile seed: UInt64) {
        begin(name)
        element(ofFile: seed)
    }

    /// A file's identifier, in a list.
    mutating func element(ofFile seed: UInt64) {
        quote()
        lines.append(zeekIdentifierOf: seed, prefix: 0x46)
        quote()
    }

    private mutating func quote() {
        if format == .json { lines.append(0x22) }
    }

    // MARK: Vectors and sets

    /// Begins a field of elements.
    mutating func beginList(_ name: StaticString) {
        begin(name)
        if format == .json { lines.append(0x5b) }
    }

    mutating func separateElements() { lines.append(0x2c) }

    /// An element that a stranger wrote.
    mutating func element(_ value: RawSpan) {
        if format == .json {
            lines.append(wireString: value, most: .max)
        } else {
            lines.append(zeekString: value, isElement: true)
        }
    }

    mutating func endList() {
        if format == .json { lines.append(0x5d) }
    }

    /// A field without elements, of which it is known that there are none.
    mutating func emptyList(_ name: StaticString) {
        begin(name)
        if format == .json { lines.append("[]") } else { lines.append("(empty)") }
    }

    /// A field of times in seconds: all numbers of a detail.
    mutating func intervals(_ name: StaticString, _ detail: TransactionDetail, of list: TransactionDetails) {
        var list = TransactionDetails(list.bytes)
        var count = 0
        while let value = list.next() {
            guard value.detail == detail, value.place.count == 8 else { continue }
            if count == 0 { beginList(name) } else { separateElements() }
            lines.append(decimal: list.bytes.bigEndian64(at: value.place.lowerBound))
            lines.append(".000000")
            count += 1
        }
        if count > 0 { endList() } else { unset(name) }
    }
}

extension TextBuffer {
    /// Appends bytes as TSV has them.
    ///
    /// What is no printable ASCII is `\xNN`, a backslash stands twice, and a value that would read as none or as empty
    /// has its first byte escaped. In an element commas are escaped too.
    mutating func append(zeekString bytes: RawSpan, isElement: Bool = false) {
        let count = bytes.byteCount
        if count == 0 { return append("(empty)") }
        let isNone = count == 1 && bytes.byte(at: 0) == 0x2d
        let isEmpty = count == 7 && (0..<7).allSatisfy { bytes.byte(at: $0) == Array("(empty)".utf8)[$0] }
        for index in 0..<count {
            let byte = bytes.byte(at: index)
            if byte == 0x5c {
                append("\\\\")
            } else if byte < 0x20 || byte > 0x7e || index == 0 && (isNone || isEmpty)
                || isElement && byte == 0x2c
            {
                append("\\x")
                append(hexadecimal: byte)
            } else {
                append(byte)
            }
        }
    }

    /// Appends the identifier that Zeek's logs join a connection by: `C` and 17 letters and digits, made of the flow's
    /// own identifier, so that it is the same in every log and in every run.
    ///
    /// Files have an `F` and a seed of their own instead.
    mutating func append(zeekIdentifierOf flowID: UInt64, prefix: UInt8 = 0x43) {
        append(prefix)
        // Two words of SplitMix64 (Steele et al., 2014), seeded by the flow: 17 digits of base 62 need 102 bits.
        var seed = flowID
        for digits in [10, 7] {
            seed &+= 0x9e37_79b9_7f4a_7c15
            var word = seed
            word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
            word ^= word >> 31
            for _ in 0..<digits {
                let digit = UInt8(word % 62)
                word /= 62
                append(digit < 10 ? 0x30 + digit : digit < 36 ? 0x41 + digit - 10 : 0x61 + digit - 36)
            }
        }
    }
}
