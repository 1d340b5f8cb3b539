// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import BeltwayStore
internal import BeltwayTrace
internal import BeltwayWire
internal import Glibc

/// Prints rows of an answer on standard output: columns for people, CSV, or the very objects of eve.json.
struct RowPrinter: ~Copyable {
    private let format: QueryRequest.Format
    private let subject: QueryExpression.Subject
    private var text = TextBuffer(capacity: 1 << 16)
    private var events = EVEWriter(capacity: 1 << 16)
    private var wroteHead = false
    private var isReaderGone = false

    init(_ format: QueryRequest.Format, _ subject: QueryExpression.Subject) {
        self.format = format
        self.subject = subject
    }

    mutating func append(_ row: FlowRow) {
        let record = row.record
        switch format {
        case .json: events.append(flow: record, interface: JSONText(row.interface))
        case .csv:
            writeHead(
                "start,end,flow_id,community_id,in_iface,proto,src_ip,src_port,dest_ip,dest_port,vlan,state,tcp_state,"
                    + "reason,pkts_toserver,pkts_toclient,bytes_toserver,bytes_toclient,alerted")
            let vlans = [record.vlan.outer, record.vlan.inner].prefix(Int(record.vlanCount)).map { String($0 & 0xfff) }
            line([
                time(record.start), time(record.end), String(record.flowID), record.communityID(),
                csv(row.interface), protocolName(record.transportProtocol),
                address(record.originator, record.ipVersion), String(record.originatorPort),
                address(record.responder, record.ipVersion), String(record.responderPort),
                vlans.joined(separator: " "), "\(record.state)",
                record.transportProtocol == 6 ? "\(record.tcpState)" : "", "\(record.endReason)",
                String(record.packetsToResponder), String(record.packetsToOriginator),
                String(record.bytesToResponder), String(record.bytesToOriginator), record.alerted ? "true" : "false",
            ].joined(separator: ","))
        case .table:
            writeHead(
                columns([
                    ("START", 26), ("DURATION", 10), ("PROTO", 9), ("ORIGINATOR", 25), ("RESPONDER", 25), ("STATE", 11),
                    ("PACKETS", 9), ("BYTES", 11), ("FLOW_ID", 0),
                ]))
            line(
                columns([
                    (time(record.start), 26), (decimal(seconds(record)) + " s", 10),
                    (protocolName(record.transportProtocol), 9),
                    (endpoint(record.originator, record.originatorPort, record), 25),
                    (endpoint(record.responder, record.responderPort, record), 25), ("\(record.state)", 11),
                    (String(record.packetsToResponder &+ record.packetsToOriginator), 9),
                    (String(record.bytesToResponder &+ record.bytesToOriginator), 11), (String(record.flowID), 0),
                ]))
        }
    }

    mutating func append(_ row: AlertRow) {
        let alert = row.alert
        switch format {
        case .json:
            events.append(alert: alert, signature: EVESignature(row.signature), interface: JSONText(row.interface))
        case .csv:
            writeHead("time,flow_id,in_iface,proto,src_ip,src_port,dest_ip,dest_port,gid,sid,rev,severity,category,signature")
            line([
                time(alert.time), String(alert.flowID), csv(row.interface), protocolName(alert.transportProtocol),
                address(alert.source, alert.ipVersion), String(alert.sourcePort),
                address(alert.destination, alert.ipVersion), String(alert.destinationPort),
                String(row.signature.generator), String(row.signature.id), String(row.signature.revision),
                String(row.signature.severity), csv(row.signature.category), csv(row.signature.message),
            ].joined(separator: ","))
        case .table:
            writeHead(
                columns([
                    ("TIME", 26), ("SEV", 4), ("SID", 9), ("PROTO", 9), ("SOURCE", 25), ("DESTINATION", 25),
                    ("FLOW_ID", 17), ("SIGNATURE", 0),
                ]))
            line(
                columns([
                    (time(alert.time), 26), (String(row.signature.severity), 4), (String(row.signature.id), 9),
                    (protocolName(alert.transportProtocol), 9),
                    ("\(bracketed(alert.source, alert.ipVersion)):\(alert.sourcePort)", 25),
                    ("\(bracketed(alert.destination, alert.ipVersion)):\(alert.destinationPort)", 25),
                    (String(alert.flowID), 17), (row.signature.message, 0),
                ]))
        }
    }

    /// Writes what has gathered.
    ///
    /// - Returns: False when nobody reads any more: the query may stop.
    mutating func flush() -> Bool {
        if !isReaderGone { isReaderGone = !(Self.write(text.bytes) && Self.write(events.lines.bytes)) }
        text.removeAll()
        events.lines.removeAll()
        return !isReaderGone
    }

    mutating func finish(rows: Int) {
        if rows == 0, format == .table { line("no \(subject.rawValue)") }
        _ = flush()
    }

    // MARK: Text

    private mutating func writeHead(_ head: String) {
        guard !wroteHead else { return }
        wroteHead = true
        line(head)
    }

    private mutating func line(_ content: String) {
        for byte in content.utf8 {
            // What came off a wire or out of a rule must not steer the terminal it is shown on.
            text.append(byte < 0x20 || byte == 0x7f ? 0x2e : byte)
        }
        text.append(0x0a)
    }

    private func columns(_ cells: [(text: String, width: Int)]) -> String {
        var result = ""
        for cell in cells {
            result += cell.text
            if cell.width > 0 {
                result += String(repeating: " ", count: max(1, cell.width - cell.text.count + 1))
            }
        }
        return result
    }

    private func csv(_ value: String) -> String {
        guard value.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return value }
        return "\"" + value.replacing("\"", with: "\"\"") + "\""
    }

    private func rendered(_ body: (inout TextBuffer) -> Void) -> String {
        var buffer = TextBuffer(capacity: 64)
        body(&buffer)
        var bytes: [UInt8] = []
        for index in 0..<buffer.bytes.count { bytes.append(buffer.bytes[index]) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func time(_ time: Timestamp) -> String { rendered { $0.append(time) } }
    private func address(_ address: IPAddress, _ version: UInt8) -> String {
        rendered { $0.append(address, version: version) }
    }
    private func bracketed(_ ip: IPAddress, _ version: UInt8) -> String {
        version == 6 ? "[\(address(ip, version))]" : address(ip, version)
    }
    private func endpoint(_ ip: IPAddress, _ port: UInt16, _ record: FlowRecord) -> String {
        "\(bracketed(ip, record.ipVersion)):\(port)"
    }
    private func seconds(_ record: FlowRecord) -> Double {
        Double(record.end.nanoseconds(since: record.start)) / 1e9
    }
    private func protocolName(_ number: UInt8) -> String { rendered { $0.appendName(ofProtocol: number) } }

    private static func write(_ bytes: Span<UInt8>) -> Bool {
        // Safe: the span is borrowed for the call, and no more than its count is read.
        unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return true }
            var done = 0
            while done < bytes.count {
                let written = unsafe Glibc.write(1, start + done, bytes.count - done)
                if written < 0 && errno == EINTR { continue }
                if written <= 0 { return false }
                done += written
            }
            return true
        }
    }
}
