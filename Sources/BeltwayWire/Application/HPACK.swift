// SPDX-License-Identifier: Apache-2.0
// HPACK (RFC 7541): fields of HTTP/2, written as numbers of tables that both sides keep.
//
//     1xxxxxxx  a whole field of a table                          6.1
//     01xxxxxx  a field, its name may be of a table; remembered   6.2.1
//     001xxxxx  the size of the table that is remembered          6.3
//     000xxxxx  a field that is not remembered                    6.2.2, 6.2.3
//
//     index 1 ... 61 the static table | 62 ... what was remembered, the latest first
//
// Invariant. What is remembered takes `size` bytes as RFC 7541, 4.1 counts, and never more than `capacity`, which is never
//            more than `mostBytes`.

/// One step of a block of fields.
public enum HPACKItem: Equatable {
    /// A field.
    case field(name: [UInt8], value: [UInt8])
    /// The sender uses so many bytes of table from here on.
    case sizeUpdate(Int)
}

/// The fields that one direction of a connection remembers, and how blocks of them are read.
public struct HPACKTable: Sendable {
    private struct Entry: Sendable {
        var name: [UInt8]
        var value: [UInt8]
        var size: Int { name.count + value.count + 32 }
    }

    /// Bytes that are remembered at most, whatever both sides agree upon.
    public static var mostBytes: Int { 65_536 }

    /// The latest one last; those before `oldest` are forgotten, and removed many at a time.
    private var entries: [Entry] = []
    private var oldest = 0
    /// Bytes of what is remembered.
    public private(set) var size = 0
    private var capacity = 4096

    /// Makes an empty table of 4,096 bytes.
    public init() {}

    /// Reads a block of fields.
    ///
    /// - Parameters:
    ///   - block: The whole block.
    ///   - body: Takes each field, and says whether it wants more of them; the rest is read all the same.
    /// - Returns: False if the block is damaged; the table is of no use from then on.
    public mutating func read(_ block: RawSpan, _ body: (HPACKItem) -> Bool) -> Bool {
        var reader = ByteReader(block)
        var isWanted = true
        while let first = reader.u8() {
            if first & 0x80 != 0 {
                guard let index = HPACKTable.integer(first, bits: 7, &reader), let entry = entry(index) else {
                    return false
                }
                if isWanted { isWanted = body(.field(name: entry.name, value: entry.value)) }
                continue
            }
            if first & 0xe0 == 0x20 {
                guard let bytes = HPACKTable.integer(first, bits: 5, &reader) else { return false }
                capacity = min(bytes, HPACKTable.mostBytes)
                shrink(to: capacity)
                if isWanted { isWanted = body(.sizeUpdate(bytes)) }
                continue
            }
            let isRemembered = first & 0x40 != 0
            guard let index = HPACKTable.integer(first, bits: isRemembered ? 6 : 4, &reader) else {
                return false
            }
            var name: [UInt8] = []
            if index > 0 {
                guard let entry = entry(index) else { return false }
                name = entry.name
            } else {
                guard HPACKTable.text(&reader, &name) else { return false }
            }
            var value: [UInt8] = []
            guard HPACKTable.text(&reader, &value) else { return false }
            if isWanted { isWanted = body(.field(name: name, value: value)) }
            if isRemembered { remember(Entry(name: name, value: value)) }
        }
        return true
    }

    private mutating func remember(_ entry: Entry) {
        shrink(to: max(0, capacity - entry.size))
        // One that is larger than the table empties it (RFC 7541, 4.4).
        guard entry.size <= capacity else { return }
        size += entry.size
        entries.append(entry)
    }

    private mutating func shrink(to limit: Int) {
        while size > limit, oldest < entries.count {
            size -= entries[oldest].size
            entries[oldest] = Entry(name: [], value: [])
            oldest += 1
        }
        if oldest > 64, oldest * 2 > entries.count {
            entries.removeFirst(oldest)
            oldest = 0
        }
    }

    private func entry(_ index: Int) -> Entry? {
        if 1...HPACKTable.fixed.count ~= index { return HPACKTable.fixed[index - 1] }
        let place = entries.count - (index - HPACKTable.fixed.count)
        return index > HPACKTable.fixed.count && place >= oldest ? entries[place] : nil
    }

    /// A number that begins in the low bits of a byte (RFC 7541, 5.1), up to 2^21.
    private static func integer(_ first: UInt8, bits: UInt8, _ reader: inout ByteReader) -> Int? {
        let mask = UInt8(1 << bits) &- 1
        var value = Int(first & mask)
        if value < Int(mask) { return value }
        for shift in [0, 7, 14] {
            guard let byte = reader.u8() else { return nil }
            value += Int(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }

    /// A text, as it is or in Huffman's code (RFC 7541, 5.2).
    private static func text(_ reader: inout ByteReader, _ text: inout [UInt8]) -> Bool {
        guard let first = reader.u8(), let count = integer(first, bits: 7, &reader),
            let range = reader.take(count)
        else { return false }
        let bytes = reader.bytes.field(range)
        if first & 0x80 != 0 { return HPACKHuffman.shared.append(bytes, to: &text) }
        text.append(bytes)
        return true
    }

    /// RFC 7541, appendix A.
    private static let fixed: [Entry] = [
        (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"),
        (":path", "/index.html"), (":scheme", "http"), (":scheme", "https"), (":status", "200"),
        (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"), (":status", "404"),
        (":status", "500"), ("accept-charset", ""), ("accept-encoding", "gzip, deflate"),
        ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
        ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""),
        ("cache-control", ""), ("content-disposition", ""), ("content-encoding", ""),
        ("content-language", ""), ("content-length", ""), ("content-location", ""), ("content-range", ""),
        ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""), ("expect", ""), ("expires", ""),
        ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""),
        ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
        ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""),
        ("range", ""), ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""),
        ("set-cookie", ""), ("strict-transport-security", ""), ("transfer-encoding", ""),
        ("user-agent", ""), ("vary", ""), ("via", ""), ("www-authenticate", ""),
    ].map { Entry(name: Array($0.0.utf8), value: Array($0.1.utf8)) }
}
