// SPDX-License-Identifier: Apache-2.0
// What is known of a transaction before it is complete, as the JSON that it will be: a request while its answer is awaited.
internal import BeltwayWire

/// JSON members with the places of columns in them, written before the transaction that they belong to.
struct JSONFragment {
    var text: [UInt8] = []
    /// By column: offset and length, as in ``TransactionRecord/marks``, counted from the fragment's start; 0 is none.
    var marks = InlineArray<10, UInt32>(repeating: 0)
    /// What no event shows, if somebody asks for it.
    var details: [UInt8] = []
    /// Bytes of the body that belongs to it, without what frames them.
    var bodyLength: UInt64 = 0
    /// The same if it comes in chunks.
    var chunkedLength: UInt64?
    /// The same once its encoding was undone, if it had one that could be.
    var inflatedLength: UInt64?

    /// Bytes that it keeps.
    var heldBytes: Int { text.count + details.count }
}

/// Writes members of a fragment.
///
/// Two fragments, of a request and of its answer, have room in one body.
struct FragmentWriter: ~Copyable {
    private static var mostBytes: Int { TransactionRecord.mostBytes / 2 - 256 }

    var text = TextBuffer(capacity: 512)
    private var marks = InlineArray<10, UInt32>(repeating: 0)

    /// Appends a member that is a string off the wire.
    mutating func member(
        _ name: StaticString,
        _ column: Int?,
        _ value: RawSpan,
        most: Int = 1024,
        isLowercased: Bool = false
    ) {
        let room = max(0, (FragmentWriter.mostBytes - text.count - 64) / 6)
        separate()
        text.append(0x22)
        text.append(name)
        text.append("\":")
        let start = text.count
        text.append(wireString: value, most: min(most, room))
        if isLowercased { text.lowercase(from: start) }
        mark(column, from: start)
    }

    /// Appends a member that is a number.
    mutating func member(_ name: StaticString, _ column: Int?, number: UInt64) {
        separate()
        text.append(0x22)
        text.append(name)
        text.append("\":")
        let start = text.count
        text.append(decimal: number)
        mark(column, from: start)
    }

    /// Appends an array of fields, `{"name":..,"value":..}` each; those that find no room are left out.
    mutating func fields(_ name: StaticString, _ headers: consuming HTTPHeaders) {
        text.openArray(name)
        while let field = headers.next() {
            let (name, value) = (headers.bytes.field(field.name), headers.bytes.field(field.value))
            let longest = 6 * (min(name.byteCount, 256) + min(value.byteCount, 4096)) + 64
            guard text.count + longest <= FragmentWriter.mostBytes else { continue }
            text.openObject()
            member("name", nil, name, most: 256)
            member("value", nil, value, most: 4096)
            text.closeObject()
        }
        text.closeArray()
    }

    /// Opens a member that is an object.
    mutating func open(_ name: StaticString) {
        separate()
        text.append(0x22)
        text.append(name)
        text.append("\":{")
    }

    /// Closes that object.
    mutating func close() { text.append(0x7d) }

    private mutating func separate() { text.separate() }

    private mutating func mark(_ column: Int?, from start: Int) {
        guard let column, start > 0, text.count <= 0xffff else { return }
        marks[column] = UInt32(start) | UInt32(text.count - start) << 16
    }

    /// What was written.
    consuming func end() -> JSONFragment { JSONFragment(text: text.copy(), marks: marks) }
}

extension TransactionStage {
    /// Appends the members of a fragment, and marks its columns.
    mutating func append(_ fragment: JSONFragment) {
        guard !fragment.text.isEmpty else { return }
        text.separate()
        if wantsDetails { details.append(fragment.details) }
        let base = bodyCount
        text.append(fragment.text.span)
        for column in 0..<TransactionRecord.mostMarks where fragment.marks[column] != 0 {
            let mark = fragment.marks[column]
            set(mark: column, offset: base + Int(mark & 0xffff), length: Int(mark >> 16))
        }
    }
}
