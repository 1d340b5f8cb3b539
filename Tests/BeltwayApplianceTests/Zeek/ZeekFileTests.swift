// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayAppliance

/// A record of a file and its body, as parsers write them.
private func file(
    _ number: UInt32,
    fromOriginator: Bool = false,
    flow: UInt64 = 7,
    name: String = #""a \"b\".txt""#
) -> (TransactionRecord, [UInt8]) {
    var record = TransactionRecord()
    record.kind = .fileinfo
    record.flowID = flow
    record.number = number
    record.time = Timestamp(nanoseconds: 1_700_000_000_250_000_000)
    record.source = IPAddress(v4: fromOriginator ? 0x0a00_0001 : 0x0808_0808)
    record.destination = IPAddress(v4: fromOriginator ? 0x0808_0808 : 0x0a00_0001)
    record.sourcePort = fromOriginator ? 40_000 : 80
    record.destinationPort = fromOriginator ? 80 : 40_000
    record.transportProtocol = 6
    record.ipVersion = 4
    record.toResponder = fromOriginator
    var body: [UInt8] = []
    let columns = [
        "app_proto": #""http""#, "magic": #""PNG image data""#, "size": "1000", "stored": "true",
        "sha256": #""00ff""#,
    ]
    for (index, column) in record.kind.columns.enumerated() {
        guard let value = columns[column.name] else { continue }
        record.marks[index] = UInt32(body.count) | UInt32(value.utf8.count) << 16
        body += Array(value.utf8)
    }
    var details: [UInt8] = []
    func add(_ detail: TransactionDetail, _ value: UInt64) {
        details +=
            [detail.rawValue, 8, 0] + (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
    }
    add(.start, 1_700_000_000_000_000_000)
    add(.totalBytes, 1200)
    add(.missingBytes, 100)
    details += [TransactionDetail.givenName.rawValue, UInt8(name.utf8.count), 0] + Array(name.utf8)
    record.bodyLength = UInt32(body.count + details.count)
    record.detailLength = UInt16(details.count)
    return (record, body + details)
}

/// Lines of a writer as fields by name.
private func fields(_ log: borrowing ZeekWriter, _ table: ZeekTable) -> [[String: String]] {
    let text = String(decoding: log.lines.copy(), as: UTF8.self)
    return text.split(separator: "\n").map { line in
        let values = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        #expect(values.count == table.fields.count)
        return Dictionary(zip(table.fields.map(\.name), values)) { first, _ in first }
    }
}

@Suite struct `files.log` {
    @Test func `has a line for each file, with an identifier that is the same in every run`() {
        var identifiers: [String] = []
        for _ in 0..<2 {
            var files = ZeekFiles()
            var log = ZeekWriter(format: .tsv)
            for number in UInt32(0)..<2 {
                let (record, body) = file(number)
                files.append(record, TransactionDetails(of: record, in: body.span), body: body.span, to: &log)
            }
            let lines = fields(log, ZeekFiles.table)
            #expect(lines.count == 2)
            let line = lines[0]
            #expect(line["ts"] == "1700000000.000000")
            #expect(line["duration"] == "0.250000")
            #expect(line["id.orig_h"] == "10.0.0.1", "the originator first, whoever sent it")
            #expect(line["source"] == "HTTP")
            #expect(line["mime_type"] == "image/png")
            #expect(line["filename"] == #"a "b".txt"#)
            #expect(line["is_orig"] == "F")
            #expect(line["local_orig"] == "F")
            #expect(line["seen_bytes"] == "900")
            #expect(line["total_bytes"] == "1200")
            #expect(line["missing_bytes"] == "100")
            #expect(line["analyzers"] == "SHA256,EXTRACT")
            #expect(line["sha256"] == "00ff")
            #expect(line["md5"] == "-")
            #expect(line["fuid"]?.count == 18 && line["fuid"]?.first == "F")
            #expect(line["fuid"] != lines[1]["fuid"])
            identifiers.append(line["fuid"] ?? "")
        }
        #expect(Set(identifiers).count == 1)
    }

    @Test func `is what http.log names the files of its transactions by`() {
        var files = ZeekFiles()
        var log = ZeekWriter(format: .tsv)
        for (record, body) in [file(0, fromOriginator: true), file(0), file(1, name: ""), file(0, flow: 8)] {
            files.append(record, TransactionDetails(of: record, in: body.span), body: body.span, to: &log)
        }
        let identifiers = fields(log, ZeekFiles.table).map { $0["fuid"] ?? "" }
        var http = ZeekWriter(format: .tsv)
        var record = TransactionRecord()
        record.flowID = 7
        record.ipVersion = 4
        for number in UInt32(0)..<3 {
            record.number = number
            let none: [UInt8] = []
            ZeekHTTP.append(
                record,
                TransactionDetails(none.span.bytes),
                files.take(of: record),
                to: &http
            )
        }
        let lines = fields(http, ZeekHTTP.table)
        #expect(lines[0]["orig_fuids"] == identifiers[0])
        #expect(lines[0]["resp_fuids"] == identifiers[1])
        #expect(lines[0]["resp_filenames"] == #"a "b".txt"#)
        #expect(lines[0]["resp_mime_types"] == "image/png")
        #expect(lines[1]["resp_fuids"] == identifiers[2])
        #expect(lines[1]["resp_filenames"] == "-")
        #expect(lines[2]["resp_fuids"] == "-")
        files.ended(8)
        record.flowID = 8
        record.number = 0
        #expect(files.take(of: record).isEmpty, "a flow that ended is forgotten")
    }

    @Test func `stays within bounds whatever comes`() {
        var files = ZeekFiles()
        var log = ZeekWriter(format: .json)
        for number in UInt32(0)..<1000 {
            let (record, body) = file(number)
            files.append(record, TransactionDetails(of: record, in: body.span), body: body.span, to: &log)
        }
        var record = TransactionRecord()
        record.flowID = 7
        let told = (UInt32(0)..<1000).count { number in
            record.number = number
            return !files.take(of: record).isEmpty
        }
        #expect(told == 128)
    }
}
