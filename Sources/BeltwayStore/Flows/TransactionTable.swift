// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import GRDB

// A kind of transaction has a table of its own in a partition, made when its first row comes:
//
//   t_dns   time, flow_id, ends ..    body                         rrname, rrtype, ..   the kind's own columns
//                                     {"dns":{..}}, as in EVE
//
// So a new protocol needs no migration, and a partition of a line without it has nothing of it. What `sealed` says of
// flows and alerts, `sealed_transactions` says of each kind. No column is ever NULL: text is empty, a number -1.

/// Names and statements of one kind's table.
struct TransactionTable {
    let kind: TransactionKind
    let name: String

    init(_ kind: TransactionKind) {
        self.kind = kind
        name = "t_\(kind.name)"
    }

    /// Columns that every kind has, in the order in which they are bound.
    static let common = [
        "time", "flow_id", "number", "packet", "source_address", "destination_address", "source_port",
        "destination_port", "proto", "bits", "vlan", "source", "body",
    ]

    /// All columns in their order.
    var columns: [String] { TransactionTable.common + kind.columns.map { TransactionTable.column($0) } }

    /// The name of a kind's own column; prefixed, so that none collides with a common one.
    static func column(_ column: TransactionColumn) -> String { "f_\(column.name)" }

    /// The body comes last on disk: an index is then built without reading what is behind the columns.
    var create: String {
        let narrow = columns.filter { $0 != "body" } + ["body"]
        let list = narrow.map { $0 + " NOT NULL" }.joined(separator: ", ")
        return "CREATE TABLE IF NOT EXISTS \(name) (\(list))"
    }

    var insert: String {
        let places = Array(repeating: "?", count: columns.count).joined(separator: ", ")
        return "INSERT INTO \(name) (\(columns.joined(separator: ", "))) VALUES (\(places))"
    }

    /// What sealing does for this table: the first column is what people look for most.
    var seal: String {
        let first = kind.columns.first.map { TransactionTable.column($0) }
        return """
            CREATE INDEX \(name)_time ON \(name) (time);
            CREATE INDEX \(name)_flow ON \(name) (flow_id);
            \(first.map { "CREATE INDEX \(name)_first ON \(name) (\($0));" } ?? "")
            INSERT INTO sealed_transactions SELECT '\(kind.name)', count(*), min(time), max(time) FROM \(name);
            """
    }
}

/// Transactions that wait for their turn to be inserted, with their bodies one behind the other.
struct WaitingTransactions {
    private(set) var records: [TransactionRecord] = []
    private var bodies: [UInt8] = []
    private var ends: [Int] = []

    var count: Int { records.count }

    /// Takes a transaction; its body becomes an object: what EVE appends to a line, in braces.
    mutating func append(_ record: TransactionRecord, body: Span<UInt8>) {
        records.append(record)
        bodies.append(UInt8(ascii: "{"))
        // Without the comma before the first member.
        bodies.append(copyOf: body.extracting(droppingFirst: min(1, body.count)))
        bodies.append(UInt8(ascii: "}"))
        ends.append(bodies.count)
    }

    /// The object of a transaction.
    ///
    /// Marks count from the comma, so they hold in it as they are.
    func body(_ index: Int) -> ArraySlice<UInt8> {
        bodies[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    mutating func removeAll() {
        records.removeAll(keepingCapacity: true)
        bodies.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }
}

/// Binds transactions of one kind to its INSERT statement.
final class TransactionWriter {
    private let writer: RowWriter
    private let columns: [TransactionColumn]
    /// Text of one value whose escapes were undone.
    private var scratch: [UInt8] = []

    init(_ statement: Statement, _ kind: TransactionKind) {
        writer = RowWriter(statement)
        columns = kind.columns
    }

    func insert(
        _ record: TransactionRecord,
        body: ArraySlice<UInt8>,
        source: Int64,
        path: String
    ) throws(StoreError) {
        writer.bindHead(record, source: source)
        writer.bind(text: body, at: Int32(TransactionTable.common.count))
        for (index, column) in columns.enumerated() {
            let place = Int32(TransactionTable.common.count + 1 + index)
            let value = record.mark(index).map { body.dropFirst($0.lowerBound).prefix($0.count) } ?? []
            switch column.form {
            case .number: writer.bind(number: JSONValue.number(value) ?? -1, at: place)
            case .text:
                if let plain = JSONValue.plainText(value) {
                    writer.bind(text: plain, at: place)
                } else {
                    JSONValue.text(value, into: &scratch)
                    writer.bind(text: scratch[...], at: place)
                }
            }
        }
        try writer.step(path)
    }
}

/// Values of a body, as ``TransactionStage`` wrote them.
enum JSONValue {
    /// A number without a fraction; nil if it is none, or takes more than 63 bits.
    static func number(_ json: ArraySlice<UInt8>) -> Int64? {
        let isNegative = json.first == UInt8(ascii: "-")
        let digits = isNegative ? json.dropFirst() : json
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            let (tens, isTooLong) = value.multipliedReportingOverflow(by: 10)
            let (sum, isTooLarge) = tens.addingReportingOverflow(Int64(digit - 0x30))
            if isTooLong || isTooLarge { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }

    /// The text of a string that has no escapes, where it lies; of what is no string the whole; nil if it has some.
    static func plainText(_ json: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard json.first == UInt8(ascii: "\""), json.count >= 2 else { return json }
        let text = json.dropFirst().dropLast()
        return text.contains(UInt8(ascii: "\\")) ? nil : text
    }

    /// The text of a string (RFC 8259, section 7); of anything else what stands there.
    static func text(_ json: ArraySlice<UInt8>, into output: inout [UInt8]) {
        output.removeAll(keepingCapacity: true)
        guard json.first == UInt8(ascii: "\"") else { return output.append(contentsOf: json) }
        var index = json.startIndex + 1
        let end = json.endIndex - 1
        while index < end {
            let byte = json[index]
            guard byte == UInt8(ascii: "\\"), index + 1 < end else {
                output.append(byte)
                index += 1
                continue
            }
            let escaped = json[index + 1]
            index += 2
            switch escaped {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "n"): output.append(0x0a)
            case UInt8(ascii: "f"): output.append(0x0c)
            case UInt8(ascii: "r"): output.append(0x0d)
            case UInt8(ascii: "u"):
                // Written for control characters only.
                let digits = String(decoding: json[index..<min(index + 4, end)], as: UTF8.self)
                output.append(UInt8(truncatingIfNeeded: Int(digits, radix: 16) ?? 0x3f))
                index = min(index + 4, end)
            default: output.append(escaped)
            }
        }
    }
}
