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
    private static let flowHead =
        "start,end,flow_id,community_id,in_iface,proto,src_ip,src_port,dest_ip,dest_port,vlan,state,tcp_state,"
        + "reason,pkts_toserver,pkts_toclient,bytes_toserver,bytes_toclient,alerted"
    private static let alertHead =
        "time,flow_id,in_iface,proto,src_ip,src_port,dest_ip,dest_port,gid,sid,"
        + "rev,severity,category,signature"
    /// Rows of a table that wait for their columns' widths, which are those of the widest cell of a batch.
    private var rows: [[String]] = []
    private var widths: [Int] = []
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
            writeHead(Self.flowHead)
            let vlans = [record.vlan.outer, record.vlan.inner].prefix(Int(record.vlanCount)).map {
                String($0 & 0xfff)
            }
            line(
                [
                    time(record.start), time(record.end), String(record.flowID), record.communityID(),
                    csv(row.interface), protocolName(record.transportProtocol),
                    address(record.originator, record.ipVersion), String(record.originatorPort),
                    address(record.responder, record.ipVersion), String(record.responderPort),
                    vlans.joined(separator: " "), "\(record.state)",
                    record.transportProtocol == 6 ? "\(record.tcpState)" : "", "\(record.endReason)",
                    String(record.packetsToResponder), String(record.packetsToOriginator),
                    String(record.bytesToResponder), String(record.bytesToOriginator),
                    record.alerted ? "true" : "false",
                ].joined(separator: ",")
            )
        case .table:
            if rows.isEmpty && !wroteHead {
                rows.append([
                    "START (UTC)", "SECONDS", "PROTO", "ORIGINATOR", "RESPONDER", "STATE", "PACKETS", "BYTES",
                    "FLOW_ID",
                ])
            }
            rows.append([
                shortTime(record.start), decimal(seconds(record)), protocolName(record.transportProtocol),
                endpoint(
                    record.originator,
                    record.originatorPort,
                    record.transportProtocol,
                    record.ipVersion
                ),
                endpoint(record.responder, record.responderPort, record.transportProtocol, record.ipVersion),
                "\(record.state)",
                String(record.packetsToResponder &+ record.packetsToOriginator),
                String(record.bytesToResponder &+ record.bytesToOriginator), String(record.flowID),
            ])
        }
    }

    mutating func append(_ row: AlertRow) {
        let alert = row.alert
        switch format {
        case .json:
            events.append(
                alert: alert,
                signature: EVESignature(row.signature),
                interface: JSONText(row.interface)
            )
        case .csv:
            writeHead(Self.alertHead)
            line(
                [
                    time(alert.time), String(alert.flowID), csv(row.interface),
                    protocolName(alert.transportProtocol),
                    address(alert.source, alert.ipVersion), String(alert.sourcePort),
                    address(alert.destination, alert.ipVersion), String(alert.destinationPort),
                    String(row.signature.generator), String(row.signature.id), String(row.signature.revision),
                    String(row.signature.severity), csv(row.signature.category), csv(row.signature.message),
                ].joined(separator: ",")
            )
        case .table:
            if rows.isEmpty && !wroteHead {
                rows.append([
                    "TIME (UTC)", "SEVERITY", "SID", "PROTO", "SOURCE", "DESTINATION", "FLOW_ID", "SIGNATURE",
                ])
            }
            rows.append([
                shortTime(alert.time), String(row.signature.severity), String(row.signature.id),
                protocolName(alert.transportProtocol),
                endpoint(alert.source, alert.sourcePort, alert.transportProtocol, alert.ipVersion),
                endpoint(alert.destination, alert.destinationPort, alert.transportProtocol, alert.ipVersion),
                String(alert.flowID),
                row.signature.message,
            ])
        }
    }

    /// Writes what has gathered.
    ///
    /// - Returns: False when nobody reads any more: the query may stop.
    mutating func flush() -> Bool {
        writeRows()
        if !isReaderGone { isReaderGone = !(Self.write(text.bytes) && Self.write(events.lines.bytes)) }
        text.removeAll()
        events.lines.removeAll()
        return !isReaderGone
    }

    mutating func finish(rows: Int) {
        if rows == 0, format == .table { line("no \(subject.rawValue)") }
        // The head tells a program that reads it which columns there would be, rows or not.
        if rows == 0, format == .csv { writeHead(head) }
        _ = flush()
    }

    private var head: String {
        switch subject {
        case .flows: Self.flowHead
        case .alerts: Self.alertHead
        case .transactions(let kind):
            "time,flow_id,in_iface,proto,src_ip,src_port,dest_ip,dest_port,tx_id,"
                + kind.columns.map(\.name).joined(separator: ",")
        }
    }

    mutating func append(_ row: TransactionRow) {
        let record = row.record
        switch format {
        case .json:
            // The body is kept as an object; a line takes its members.
            let members = [UInt8(ascii: ",")] + row.body.utf8.dropFirst().dropLast()
            events.append(transaction: record, body: members.span, interface: JSONText(row.interface))
        case .csv:
            writeHead(head)
            var cells = [
                time(record.time), String(record.flowID), csv(row.interface),
                protocolName(record.transportProtocol),
                address(record.source, record.ipVersion), String(record.sourcePort),
                address(record.destination, record.ipVersion), String(record.destinationPort),
                String(record.number),
            ]
            for value in Self.columns(of: row) { cells.append(csv(value)) }
            line(cells.joined(separator: ","))
        case .table:
            if rows.isEmpty && !wroteHead {
                rows.append(
                    ["TIME (UTC)", "SOURCE", "DESTINATION", "FLOW_ID"]
                        + record.kind.columns.map { $0.name.uppercased() }
                )
            }
            rows.append(
                [
                    shortTime(record.time),
                    endpoint(record.source, record.sourcePort, record.transportProtocol, record.ipVersion),
                    endpoint(
                        record.destination,
                        record.destinationPort,
                        record.transportProtocol,
                        record.ipVersion
                    ),
                    String(record.flowID),
                ] + Self.columns(of: row)
            )
        }
    }

    /// A kind's own columns; a number that is not known is empty.
    private static func columns(of row: TransactionRow) -> [String] {
        zip(row.record.kind.columns, row.columns).map { column, value in
            column.form == .number && value == "-1" ? "" : value
        }
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

    private mutating func writeRows() {
        guard let columns = rows.first?.count else { return }
        wroteHead = true
        if widths.isEmpty { widths = Array(repeating: 0, count: columns) }
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.utf8.count) }
        }
        for row in rows {
            let cells = row.dropLast().enumerated().map { column, cell in
                let gap = String(repeating: " ", count: widths[column] - cell.utf8.count)
                return (numberColumns.contains(column) ? gap + cell : cell + gap) + "  "
            }
            line(cells.joined() + (row.last ?? ""))
        }
        rows.removeAll(keepingCapacity: true)
    }

    /// Columns of a table whose cells end on the right.
    private var numberColumns: [Int] {
        switch subject {
        case .flows: [1, 6, 7]
        case .alerts: [1, 2]
        case .transactions: []
        }
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
    /// `2026-01-05 10:00:12.663734`: for a table, in which all times are UTC.
    private func shortTime(_ time: Timestamp) -> String {
        String(self.time(time).prefix { $0 != "+" }).replacing("T", with: " ")
    }
    private func address(_ address: IPAddress, _ version: UInt8) -> String {
        rendered { $0.append(address, version: version) }
    }
    /// Address and port; the address alone where there are no ports: what ICMP has there is type and code.
    private func endpoint(_ ip: IPAddress, _ port: UInt16, _ number: UInt8, _ version: UInt8) -> String {
        guard [6, 17, 132].contains(number) else { return address(ip, version) }
        return version == 6 ? "[\(address(ip, version))]:\(port)" : "\(address(ip, version)):\(port)"
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
