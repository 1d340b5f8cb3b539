// SPDX-License-Identifier: Apache-2.0
// files.log: a line for each file, and what http.log says of the files of its requests and answers (base/frameworks/files
// of Zeek 8).
//
//     fileinfo of transaction 3 --> files.log    F and 17 digits, made of the flow and the file's number in it
//                              `--> waits for transaction 3 --> http.log: resp_fuids, resp_mime_types ..
//
// Invariant. At most `mostFlows` flows are remembered, and `mostWaiting` files of each; beyond that http.log names none.
internal import BeltwayFlow
internal import BeltwayWire

struct ZeekFiles {
    static let table = ZeekTable(
        "files",
        "source string,depth count,analyzers set[string],mime_type string,filename string,"
            + "duration interval,local_orig bool,is_orig bool,seen_bytes count,total_bytes count,"
            + "missing_bytes count,overflow_bytes count,timedout bool,parent_fuid string,md5 string,"
            + "sha1 string,sha256 string,extracted string,extracted_cutoff bool,extracted_size count",
        isOfFiles: true
    )

    /// What http.log says of a file.
    struct File {
        var identifier: UInt64
        var number: UInt32
        var isFromOriginator: Bool
        /// Empty if it was given none, or its type is not known.
        var name: [UInt8]
        var type: [UInt8]
    }

    private struct Flow {
        var count: UInt64 = 0
        var waiting: [File] = []
    }

    private static var mostFlows: Int { 16_384 }
    private static var mostWaiting: Int { 128 }

    private var flows: [UInt64: Flow] = [:]

    /// Forgets a flow that ended.
    mutating func ended(_ flowID: UInt64) { flows[flowID] = nil }

    /// The files of a transaction, which are then forgotten.
    mutating func take(of record: TransactionRecord) -> [File] {
        guard let waiting = flows[record.flowID]?.waiting, !waiting.isEmpty else { return [] }
        flows[record.flowID]?.waiting = waiting.filter { $0.number > record.number }
        return waiting.filter { $0.number == record.number }
    }

    mutating func append(
        _ record: TransactionRecord,
        _ details: TransactionDetails,
        body: Span<UInt8>,
        to log: inout ZeekWriter
    ) {
        if flows.count >= ZeekFiles.mostFlows, flows[record.flowID] == nil { flows = [:] }
        var flow = flows.removeValue(forKey: record.flowID) ?? Flow()
        flow.count += 1
        let name = ZeekFiles.text(details.value(.givenName))
        let type = ZeekFileTypes.type(of: value("magic", record, body))
        let file = File(
            // Odd multiples of a word without pattern: no two files of a flow, and hardly two of two flows, are equal.
            identifier: record.flowID ^ flow.count &* 0xd1b5_4a32_d192_ed03,
            number: record.number,
            isFromOriginator: record.isFromZeekOriginator,
            name: name,
            type: type
        )
        if value("app_proto", record, body) == "http", flow.waiting.count < ZeekFiles.mostWaiting {
            flow.waiting.append(file)
        }
        flows[record.flowID] = flow
        write(file, record, details, body, &log)
    }

    private func write(
        _ file: File,
        _ record: TransactionRecord,
        _ details: TransactionDetails,
        _ body: Span<UInt8>,
        _ log: inout ZeekWriter
    ) {
        let start = details.number(.start) ?? record.time.nanoseconds
        log.beginLine(record, start: start, file: file.identifier)
        log.text("source", plain: ZeekFiles.source(value("app_proto", record, body)))
        // Of a mail the number of the part; of HTTP Zeek's is 0 always.
        let isOfMail = value("app_proto", record, body) == "smtp"
        log.number("depth", isOfMail ? details.number(.partNumber) ?? 0 : 0)
        let digests = ["md5", "sha1", "sha256"].map { value($0, record, body) }
        let isStored = value("stored", record, body) == "true"
        analyzers(digests, isStored: isStored, &log)
        text("mime_type", file.type, &log)
        text("filename", file.name, &log)
        let end = max(record.time.nanoseconds, start)
        log.interval("duration", nanoseconds: end - start)
        log.flag("local_orig", ZeekConnections.isLocal(record.source, version: record.ipVersion))
        log.flag("is_orig", file.isFromOriginator)
        let missing = details.number(.missingBytes) ?? 0
        let size = UInt64(value("size", record, body)) ?? 0
        log.number("seen_bytes", size - min(missing, size))
        log.number("total_bytes", .totalBytes, of: details)
        log.number("missing_bytes", missing)
        log.number("overflow_bytes", 0)
        log.flag("timedout", false)
        log.unset("parent_fuid")
        text("md5", Array(digests[0].utf8), &log)
        text("sha1", Array(digests[1].utf8), &log)
        text("sha256", Array(digests[2].utf8), &log)
        if isStored, !digests[2].isEmpty {
            log.text("extracted", plain: "\(digests[2].prefix(2))/\(digests[2])")
            log.flag("extracted_cutoff", false)
        } else {
            log.unset("extracted")
            log.unset("extracted_cutoff")
        }
        log.unset("extracted_size")
        log.endLine()
    }

    private func analyzers(_ digests: [String], isStored: Bool, _ log: inout ZeekWriter) {
        var names = zip(["MD5", "SHA1", "SHA256"], digests).filter { !$1.isEmpty }.map(\.0)
        if isStored { names.append("EXTRACT") }
        if names.isEmpty { return log.emptyList("analyzers") }
        log.beginList("analyzers")
        for (index, name) in names.enumerated() {
            if index > 0 { log.separateElements() }
            let bytes = Array(name.utf8)
            log.element(bytes.rawBytes)
        }
        log.endList()
    }

    private func text(_ name: StaticString, _ value: [UInt8], _ log: inout ZeekWriter) {
        if value.isEmpty { log.unset(name) } else { log.text(name, wire: value.rawBytes) }
    }

    /// Zeek's name of what brought a file.
    private static func source(_ application: String) -> String {
        application == "ftp-data" ? "FTP_DATA" : application == "http2" ? "HTTP" : application.uppercased()
    }

    /// The value of a column, without quotation marks; empty if there is none.
    private func value(_ column: String, _ record: TransactionRecord, _ body: Span<UInt8>) -> String {
        guard let index = record.kind.columns.firstIndex(where: { $0.name == column }),
            let place = record.mark(index), place.upperBound <= body.count
        else { return "" }
        let text = String(decoding: place.map { body[$0] }, as: UTF8.self)
        return text.hasPrefix("\"") ? String(text.dropFirst().dropLast()) : text
    }

    /// A JSON string's text; of escapes only those that a name is likely to have are undone.
    private static func text(_ json: RawSpan) -> [UInt8] {
        guard json.byteCount > 2 else { return [] }
        var bytes: [UInt8] = []
        var index = 1
        while index < json.byteCount - 1 {
            let byte = json.byte(at: index)
            let next = json.byte(at: index + 1)
            if byte == 0x5c, next == 0x22 || next == 0x5c || next == 0x2f { index += 1 }
            bytes.append(json.byte(at: index))
            index += 1
        }
        return bytes
    }
}
