// SPDX-License-Identifier: Apache-2.0
// What all logs of transactions begin with, and how values of a transaction become fields.
internal import BeltwayFlow
internal import BeltwayWire

/// What a log is: its name, and its fields in order with their types.
struct ZeekTable: Sendable {
    let name: String
    let fields: [(name: String, type: String)]

    /// Fields of a log as `name type`, separated by commas, behind those that all logs of connections have.
    init(_ name: String, _ fields: String, isOfFiles: Bool = false) {
        self.name = name
        let own = fields.split(separator: ",").map { $0.split(separator: " ") }
        self.fields =
            [("ts", "time")] + (isOfFiles ? [("fuid", "string")] : []) + [
                ("uid", "string"), ("id.orig_h", "addr"), ("id.orig_p", "port"),
                ("id.resp_h", "addr"), ("id.resp_p", "port"),
            ] + own.map { (String($0[0]), String($0[1])) }
    }
}

extension ZeekWriter {
    /// Begins a line with a transaction's time, identifier and ends, originator (``ZeekRoles``, if not told) first.
    mutating func beginLine(
        _ record: TransactionRecord,
        start: UInt64?,
        file: UInt64? = nil,
        isForward told: Bool? = nil
    ) {
        beginLine()
        time("ts", start.map { Timestamp(nanoseconds: $0) } ?? record.time)
        if let file { identifier("fuid", ofFile: file) }
        identifier("uid", of: record.flowID)
        let isForward = told ?? record.isFromZeekOriginator
        address("id.orig_h", isForward ? record.source : record.destination, version: record.ipVersion)
        number("id.orig_p", UInt64(isForward ? record.sourcePort : record.destinationPort))
        address("id.resp_h", isForward ? record.destination : record.source, version: record.ipVersion)
        number("id.resp_p", UInt64(isForward ? record.destinationPort : record.sourcePort))
    }

    /// A field whose value is a detail's text, or none if there is no such detail or it is empty.
    mutating func text(_ name: StaticString, _ detail: TransactionDetail, of details: TransactionDetails) {
        guard let place = details.place(of: detail), !place.isEmpty else { return unset(name) }
        text(name, wire: details.bytes.extracting(place))
    }

    /// A field whose value is a detail's number.
    mutating func number(_ name: StaticString, _ detail: TransactionDetail, of details: TransactionDetails) {
        guard let value = details.number(detail) else { return unset(name) }
        number(name, value)
    }

    /// A field whose value is all texts of a detail; unset, or `(empty)` if `isKnown`, where there is none.
    mutating func texts(
        _ name: StaticString,
        _ detail: TransactionDetail,
        of list: TransactionDetails,
        isKnown: Bool = false
    ) {
        var list = TransactionDetails(list.bytes)
        var count = 0
        while let value = list.next() {
            guard value.detail == detail else { continue }
            if count == 0 { beginList(name) } else { separateElements() }
            element(list.bytes.extracting(value.place))
            count += 1
        }
        if count > 0 {
            endList()
        } else if isKnown {
            emptyList(name)
        } else {
            unset(name)
        }
    }
}

extension TransactionDetails {
    /// The details at the end of a transaction's body.
    @_lifetime(copy body)
    init(of record: TransactionRecord, in body: Span<UInt8>) {
        let length = min(Int(record.detailLength), body.count)
        self.init(body.extracting(body.count - length..<body.count).rawBytes)
    }
}
