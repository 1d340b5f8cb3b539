// SPDX-License-Identifier: Apache-2.0
// Values that several parsers write, with their column where they have one.
import BeltwayWire

extension TransactionStage {
    /// Writes a member whose value is a number and that of column `column`.
    mutating func member(_ name: StaticString, _ value: UInt64, column: Int) {
        text.member(name)
        beginValue()
        text.append(decimal: value)
        mark(column)
    }

    /// Writes a member whose value is an IPv4 address, and that of column `column` if it has one.
    mutating func address(_ name: StaticString, _ address: UInt32, column: Int? = nil) {
        text.member(name)
        beginValue()
        text.append(0x22)
        text.append(dotted: address)
        text.append(0x22)
        if let column { mark(column) }
    }
}

extension TextBuffer {
    /// Appends bytes in quotation marks, each as two hexadecimal digits, with colons between.
    mutating func append(colonHexadecimal bytes: RawSpan) {
        append(0x22)
        for index in 0..<bytes.byteCount {
            if index > 0 { append(0x3a) }
            append(hexadecimal: bytes.byte(at: index))
        }
        append(0x22)
    }
}
