// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayStore
import BeltwayWire
import Foundation
import Testing

/// An expression and what it means, in Swift.
struct Meaning: Sendable, CustomStringConvertible {
    var text: String
    var holds: @Sendable (FlowRow) -> Bool

    init(_ text: String, _ holds: @escaping @Sendable (FlowRow) -> Bool) {
        self.text = text
        self.holds = holds
    }

    var description: String { text }

    private static let ten = IPAddress(v4: 0x0a00_0007)
    private static func isTen(_ row: FlowRow, _ address: IPAddress) -> Bool {
        row.record.ipVersion == 4 && address == ten
    }
    private static func inBlock(_ row: FlowRow, _ address: IPAddress) -> Bool {
        row.record.ipVersion == 4 && address.v4 >> 8 == 0x0a0001
    }

    static let all: [Meaning] = [
        Meaning("ip == 10.0.0.7") { isTen($0, $0.record.originator) || isTen($0, $0.record.responder) },
        Meaning("ip != 10.0.0.7") { !(isTen($0, $0.record.originator) || isTen($0, $0.record.responder)) },
        Meaning("src_ip == 10.0.0.7") { isTen($0, $0.record.originator) },
        Meaning("dest_ip = 10.0.1.99/24") { inBlock($0, $0.record.responder) },
        Meaning("ip in (10.0.0.7, 10.0.1.0/24)") { row in
            [row.record.originator, row.record.responder].contains { isTen(row, $0) || inBlock(row, $0) }
        },
        Meaning("ip == 2001:db8::/63 and not src_ip == 10.0.0.0/8") { $0.record.ipVersion == 6 },
        Meaning("src_ip == 2001:db8::3") { $0.record.ipVersion == 6 && $0.record.originator.low == 3 },
        Meaning("ip == 0.0.0.0/0") { $0.record.ipVersion == 4 },
        Meaning("ip == ::/0") { $0.record.ipVersion == 6 },
        Meaning("ip_v == 6") { $0.record.ipVersion == 6 },
        Meaning("port == 53") { $0.record.originatorPort == 53 || $0.record.responderPort == 53 },
        Meaning("src_port < 50 && dest_port >= 50") {
            $0.record.originatorPort < 50 && $0.record.responderPort >= 50
        },
        Meaning("port in (1, 2,3 ,4)") {
            (1...4).contains($0.record.originatorPort) || (1...4).contains($0.record.responderPort)
        },
        Meaning("proto == tcp") { $0.record.transportProtocol == 6 },
        Meaning("proto == \"UDP\" or proto == 47") { [17, 47].contains($0.record.transportProtocol) },
        Meaning("proto ~ \"*icmp*\"") { [1, 58].contains($0.record.transportProtocol) },
        Meaning("proto in (icmp, ipv6-icmp, sctp)") { [1, 58, 132].contains($0.record.transportProtocol) },
        Meaning("bytes > 1M") { $0.record.bytesToResponder + $0.record.bytesToOriginator > 1_000_000 },
        Meaning("packets <= 0.5k") { $0.record.packetsToResponder + $0.record.packetsToOriginator <= 500 },
        Meaning("bytes_toserver >= 500k") { $0.record.bytesToResponder >= 500_000 },
        Meaning("flow.bytes_toclient < 250000") { $0.record.bytesToOriginator < 250_000 },
        Meaning("pkts_toserver != 5") { $0.record.packetsToResponder != 5 },
        Meaning("flow.pkts_toclient > 990") { $0.record.packetsToOriginator > 990 },
        Meaning("duration > 30m") {
            $0.record.end.nanoseconds - $0.record.start.nanoseconds > 1_800_000_000_000
        },
        Meaning("duration <= 90.5") {
            $0.record.end.nanoseconds - $0.record.start.nanoseconds <= 90_500_000_000
        },
        Meaning("start >= 2026-11-22T15:00:00Z") { $0.record.start.seconds >= 1_795_359_600 },
        Meaning("end < 2026-11-22T16:00:00+01:00") { $0.record.end.seconds < 1_795_359_600 },
        Meaning("start > 6h") { $0.record.start.nanoseconds > now.nanoseconds - 6 * 3_600_000_000_000 },
        Meaning("start > \"6h ago\" and time >= 1") {
            $0.record.start.nanoseconds > now.nanoseconds - 6 * 3_600_000_000_000
        },
        Meaning("state == established") { $0.record.state == .established },
        Meaning("flow.state in (new, closed)") { $0.record.state != .established },
        Meaning("reason == tcp_reuse") { $0.record.endReason == .tcpReuse },
        Meaning("reason != timeout") { $0.record.endReason != .timeout },
        Meaning("tcp.state == syn_recv") { $0.record.tcpState == .synReceived },
        Meaning("tcp_state ~ fin_wait?") { [.finWait1, .finWait2].contains($0.record.tcpState) },
        Meaning("state ~ nothing*") { _ in false },
        Meaning("alerted") { $0.record.alerted },
        Meaning("!alerted") { !$0.record.alerted },
        Meaning("alerted == false or alerted != false") { _ in true },
        Meaning("in_iface == eth1.2") { $0.interface == "eth1.2" },
        Meaning("interface ~ ETH0.*") { $0.interface.hasPrefix("eth0.") },
        Meaning("community_id == \(CommunityID.of(flow: 5)) or community_id ~ 1:zz*") { row in
            let id = CommunityID.of(row.record)
            return id == CommunityID.of(flow: 5) || id.lowercased().hasPrefix("1:zz")
        },
        Meaning("vlan > 2000") { row in
            (row.record.vlanCount > 0 && row.record.vlan.outer > 2000)
                || (row.record.vlanCount > 1 && row.record.vlan.inner > 2000)
        },
        Meaning("not vlan >= 0") { $0.record.vlanCount == 0 },
        Meaning("conn_state == S0") { $0.record.connectionState == .s0 },
        Meaning("metered.conn_state ~ rst*") { $0.record.connectionState.name.hasPrefix("RST") },
        Meaning("history == Sh or history ~ SH") { $0.record.history.text.lowercased() == "sh" },
        Meaning("rtt > 100ms") { ($0.record.roundTrip ?? 0) > 100_000 },
        Meaning("rtt <= 0.25") { $0.record.roundTrip.map { $0 <= 250_000 } ?? false },
        Meaning("not rtt >= 0") { $0.record.roundTrip == nil },
        Meaning("data_rtt < 20ms") { row in
            [row.record.metered.originator, row.record.metered.responder].contains {
                $0.dataTime.map { $0 < 20_000 } ?? false
            }
        },
        Meaning("retransmits > 10") {
            $0.record.metered.originator.retransmissions + $0.record.metered.responder.retransmissions > 10
        },
        Meaning("retransmits_toserver == 0 or retransmits_toclient > 3") {
            $0.record.metered.originator.retransmissions == 0
                || $0.record.metered.responder.retransmissions > 3
        },
        Meaning("out_of_order > 20 and zero_windows > 0") {
            let (sent, answered) = $0.record.metered
            return sent.outOfOrder + answered.outOfOrder > 20 && sent.zeroWindows + answered.zeroWindows > 0
        },
        Meaning("missed_bytes > 4k") {
            $0.record.metered.originator.missedBytes + $0.record.metered.responder.missedBytes > 4000
        },
        Meaning("payload_bytes > 1M") {
            $0.record.payloadBytesToResponder + $0.record.payloadBytesToOriginator > 1_000_000
        },
        Meaning("ip_bytes <= 1M") {
            $0.record.ipBytesToResponder + $0.record.ipBytesToOriginator <= 1_000_000
        },
        Meaning("one_sided") { $0.record.packetsToOriginator == 0 || $0.record.packetsToResponder == 0 },
        Meaning("not one_sided") { $0.record.packetsToOriginator > 0 && $0.record.packetsToResponder > 0 },
        Meaning("tunnel in (vxlan, gre)") { [.vxlan, .gre].contains($0.record.tunnelKind) },
        Meaning("tunnel != none and vni >= 2G") {
            $0.record.tunnelKind != .none && $0.record.tunnelID >= 2_000_000_000
        },
        Meaning("parent_id != 0") { $0.record.parentID != 0 },
        Meaning("app_proto == tls") { $0.record.application == .tls },
        Meaning("app_proto in (ftp-data, KRB5)") { [.ftpData, .kerberos].contains($0.record.application) },
        Meaning("app_proto ~ http*") { [.http, .http2].contains($0.record.application) },
        Meaning("app_proto == bittorrent-dht or app_proto_orig == bittorrent-dht") {
            [$0.record.application, $0.record.originalApplication].contains(.bitTorrentDHT)
        },
        Meaning("app_proto != tls and app_proto_orig == pgsql") {
            $0.record.application != .tls && $0.record.originalApplication == .postgreSQL
        },
        Meaning("app_proto == unknown or app_proto_orig != unknown") {
            $0.record.application == .unknown || $0.record.originalApplication != .unknown
        },
        Meaning("port == 53 or port == 80 and alerted") { row in
            let ports = [row.record.originatorPort, row.record.responderPort]
            return ports.contains(53) || (ports.contains(80) && row.record.alerted)
        },
        Meaning("NOT (port == 53 Or port == 80) AND alerted") { row in
            let ports = [row.record.originatorPort, row.record.responderPort]
            return !(ports.contains(53) || ports.contains(80)) && row.record.alerted
        },
    ]

    static let now = Sample.noon.advanced(byNanoseconds: 12 * 3_600_000_000_000)
}

/// Flows that all meanings are tried on, stored once in two sealed partitions and an open one.
final class StoredSample: Sendable {
    let directory: String
    static let shared = Result { try StoredSample() }

    private init() throws {
        directory = FileManager.default.temporaryDirectory.path + "/beltway-store-\(getpid())-sample"
        try? FileManager.default.removeItem(atPath: directory)
        var configuration = FlowStore.Configuration()
        configuration.rowsPerPartition = 1024
        configuration.rowsPerTransaction = 1024
        let store = try FlowStore(directory: directory, configuration: configuration)
        for (buffer, interface) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] as [(UInt16, UInt16)] {
            store.setInterface(buffer: buffer, interface: interface, name: "eth\(buffer).\(interface)")
        }
        store.setSignatures(Sample.signatures)
        var generator = SeededGenerator(state: 3)
        for number in 0..<2000 {
            let flow = Sample.randomFlow(&generator)
            store.insert(flow)
            if number % 4 == 0 { store.insert(Sample.alert(on: flow, signature: UInt32(number / 4 % 2))) }
        }
        store.close()
        atexit {
            if case .success(let sample) = StoredSample.shared {
                try? FileManager.default.removeItem(atPath: sample.directory)
            }
        }
    }

    func flows(_ text: String? = nil) throws -> [FlowRow] {
        let expression = try text.map { try QueryExpression(parsing: $0, for: .flows, now: Meaning.now) }
        var rows: [FlowRow] = []
        let outcome = try FlowQuery(directory: directory).flows(matching: expression) {
            rows += $0; return true
        }
        #expect(outcome.problems.isEmpty)
        return rows
    }

    func alerts(_ text: String? = nil) throws -> [AlertRow] {
        let expression = try text.map { try QueryExpression(parsing: $0, for: .alerts, now: Meaning.now) }
        var rows: [AlertRow] = []
        let outcome = try FlowQuery(directory: directory).alerts(matching: expression) {
            rows += $0; return true
        }
        #expect(outcome.problems.isEmpty)
        return rows
    }
}

extension CommunityID {
    fileprivate static func of(_ record: FlowRecord) -> String {
        make(
            source: record.originator,
            destination: record.responder,
            sourcePort: record.originatorPort,
            destinationPort: record.responderPort,
            protocol: record.transportProtocol,
            ipVersion: record.ipVersion
        )
    }

    /// The id of the stored sample's flow of this number.
    fileprivate static func of(flow number: Int) -> String {
        var generator = SeededGenerator(state: 3)
        for _ in 0..<number { _ = Sample.randomFlow(&generator) }
        return of(Sample.randomFlow(&generator))
    }
}

@Suite struct `A query expression` {
    @Test(arguments: Meaning.all)
    func `selects the same flows in SQL, in memory and in Swift`(meaning: Meaning) throws {
        let sample = try StoredSample.shared.get()
        let all = try sample.flows()
        #expect(all.count == 2000)
        let expected = all.filter(meaning.holds).map(\.record.flowID)
        let expression = try QueryExpression(parsing: meaning.text, for: .flows, now: Meaning.now)
        let inMemory = all.filter { expression.matches($0.record, interface: $0.interface) }
        #expect(inMemory.map(\.record.flowID) == expected)
        #expect(try sample.flows(meaning.text).map(\.record.flowID) == expected)
    }

    @Test(arguments: [
        ("sid == 2000001", 250), ("alert.signature_id != 2000001", 250), ("gid == 3", 250), ("rev > 2", 250),
        ("signature ~ \"et scan*\"", 250), ("msg == \"ET SCAN Nmap\"", 250), ("msg == \"et scan nmap\"", 0),
        ("signature == \"quote ' and ; \\\" inside\"", 250), ("category ~ *leak", 250),
        ("severity <= 1", 250),
        ("severity in (1, 2)", 500), ("time >= 2026-11-22", 500), ("time < 2026-11-22", 0),
        ("sid == 99 and not ip_v == 4 and ip == 10.0.0.0/8", 0),
    ])
    func `selects alerts by what their signature says`(text: String, count: Int) throws {
        let sample = try StoredSample.shared.get()
        let rows = try sample.alerts(text)
        #expect(rows.count == count)
        let expression = try QueryExpression(parsing: text, for: .alerts, now: Meaning.now)
        let inMemory = try sample.alerts().filter {
            expression.matches($0.alert, signature: $0.signature, interface: $0.interface)
        }
        #expect(inMemory.map { description(of: $0.alert) } == rows.map { description(of: $0.alert) })
    }

    @Test(arguments: [
        ("", 1, "found nothing"), ("   ", 4, "found nothing"),
        ("src_prot == 80", 1, "expected a field of flows, found 'src_prot'; the nearest is 'src_port'"),
        ("sid == 1", 1, "expected a field of flows"),
        ("port", 5, "expected an operator after 'port' (== != < <= > >= in), found the end"),
        ("port == ", 9, "expected a number such as 443 or 1.5M for 'port', found the end"),
        ("port == http", 9, "found 'http'"), ("port == -1", 9, "found '-1'"),
        ("port ~ 4*", 6, "expected one of == != < <= > >= in after 'port', found '~'"),
        ("ip < 10.0.0.1", 4, "expected one of == != in after 'ip', found '<'"),
        ("ip == 10.0.0.256", 7, "expected an address or block"),
        ("ip == 10.0.0.0/33", 7, "found '10.0.0.0/33'"),
        ("proto == foo", 10, "expected a protocol"),
        ("state == closing", 10, "expected one of new, established, closed"),
        ("app_proto == gopher", 14, "expected one of unknown, failed, dns, mdns, llmnr, dhcp, ntp, tls"),
        ("app_proto_orig > tls", 16, "expected one of == != ~ in after 'app_proto_orig', found '>'"),
        ("app_prot == tls", 1, "the nearest is 'app_proto'"),
        ("start > yesterday", 9, "expected a time such as"), ("duration > 5x", 12, "expected a duration"),
        ("alerted == maybe", 12, "expected true or false"),
        ("port == 1 port == 2", 11, "expected 'and', 'or' or the end, found 'port'"),
        ("(port == 1", 11, "expected 'and', 'or' or ')', found the end"),
        ("port == 1)", 10, "found ')'"), ("port in 1", 9, "expected '(' after 'in'"),
        ("port in (1 2)", 12, "expected ',' or ')', found '2'"), ("port in ()", 10, "found ')'"),
        ("port == 1 & port == 2", 11, "found '&'"), ("in_iface == \"eth0", 13, "without its partner"),
        ("port == 1; drop table flows", 10, "found ';'"), ("and port == 1", 1, "found 'and'"),
        ("bytes > 99999999999999999999999", 9, "expected a number"), ("== 5", 1, "expected a field such as"),
    ])
    func `that is wrong is refused with the column, what was expected and what was found`(
        text: String,
        column: Int,
        message: String
    ) throws {
        let error = try #require(throws: ExpressionError.self) {
            try QueryExpression(parsing: text, for: .flows, now: Meaning.now)
        }
        #expect(error.column == column, "\(error)")
        #expect(error.message.contains(message), "\(error)")
        #expect(!error.description.contains("\n"))
    }

    @Test(arguments: [
        "'; DROP TABLE flows; --", "' OR 1=1 --", "\" OR \"\"=\"", "x') OR 1=1 OR name IN ('", "a\u{0}b",
        "?1", ":a", "%s",
    ])
    func `keeps hostile text a value`(hostile: String) throws {
        let sample = try StoredSample.shared.get()
        let escaped = hostile.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(
            of: "\"",
            with: "\\\""
        )
        #expect(try sample.flows("in_iface == \"\(escaped)\"").isEmpty)
        #expect(try sample.flows("in_iface != \"\(escaped)\"").count == 2000)
        #expect(try sample.flows("in_iface in (\"\(escaped)\", eth0.0) and in_iface != eth0.0").isEmpty)
        #expect(try sample.alerts("signature ~ \"\(escaped)\"").isEmpty)
        #expect(try sample.flows().count == 2000)
    }

    @Test func `is never a trap, whole, cut or mutated, and what parses also runs`() throws {
        let sample = try StoredSample.shared.get()
        var generator = SeededGenerator(state: 99)
        let bytes = Array("()!=<>~,\"'&|\\ \t\n;.:/*?-+%@#0159aeinorzTtZ".utf8) + [0, 0xff, 0xc3, 0xa9]
        var texts = Meaning.all.flatMap { meaning in meaning.text.indices.map { String(meaning.text[..<$0]) }
        }
        for meaning in Meaning.all {
            for _ in 0..<40 {
                var mutated = Array(meaning.text.utf8)
                for _ in 0...(generator.next() % 3) {
                    let place = Int(generator.next() % UInt64(mutated.count))
                    switch generator.next() % 3 {
                    case 0: mutated[place] = bytes[Int(generator.next() % UInt64(bytes.count))]
                    case 1: mutated.insert(bytes[Int(generator.next() % UInt64(bytes.count))], at: place)
                    default: if mutated.count > 1 { mutated.remove(at: place) }
                    }
                }
                texts.append(String(decoding: mutated, as: UTF8.self))
            }
        }
        var parsed = 0
        for (number, text) in texts.enumerated() {
            for subject in [QueryExpression.Subject.flows, .alerts] {
                guard let expression = try? QueryExpression(parsing: text, for: subject, now: Meaning.now)
                else { continue }
                parsed += 1
                guard number % 10 == 0 else { continue }
                var query = FlowQuery(directory: sample.directory)
                query.limit = 1
                let outcome =
                    subject == .flows
                    ? try query.flows(matching: expression) { _ in true }
                    : try query.alerts(matching: expression) { _ in true }
                #expect(outcome.problems.isEmpty, "seed 99, number \(number): \(text)")
            }
        }
        #expect(parsed > 100)
    }

    @Test func `may be as large as its bounds, and no larger`() throws {
        let sample = try StoredSample.shared.get()
        let deep = { (count: Int) in
            String(repeating: "not (alerted or ", count: count) + "port == 1"
                + String(repeating: ")", count: count)
        }
        _ = try sample.flows(deep(8))
        #expect(throws: ExpressionError.self) { try sample.flows(deep(9)) }
        let brackets = String(repeating: "(", count: 17) + "alerted" + String(repeating: ")", count: 17)
        #expect(throws: ExpressionError.self) { try sample.flows(brackets) }
        let many = { (count: Int, joiner: String) in
            Array(repeating: "port == 1", count: count).joined(separator: joiner)
        }
        #expect(try sample.flows(many(256, " and ")).count == sample.flows("port == 1").count)
        #expect(try sample.flows(many(256, " or ")).count == sample.flows("port == 1").count)
        #expect(throws: ExpressionError.self) { try sample.flows(many(257, " or ")) }
        let blocks = (0..<255).map { "10.0.0.\($0)/31" }.joined(separator: ", ")
        #expect(try sample.flows("ip in (\(blocks))").count == sample.flows("ip == 10.0.0.0/24").count)
        let ports = Array(repeating: "1", count: 8000).joined(separator: ",")
        #expect(try sample.flows("port in (\(ports))").count == sample.flows("port == 1").count)
        #expect(throws: ExpressionError.self) { try sample.flows("port in (\(ports),\(ports))") }
    }
}
