// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayAppliance

/// A flow of DNS with an answer, 1.5 s long.
private func answeredFlow() -> FlowRecord {
    var flow = FlowRecord()
    flow.flowID = 7
    flow.start = Timestamp(nanoseconds: 1_700_000_000_123_456_789)
    flow.end = Timestamp(nanoseconds: 1_700_000_001_623_456_789)
    flow.originator = IPAddress(v4: 0x0a00_0001)
    flow.responder = IPAddress(v4: 0x0808_0808)
    flow.originatorPort = 40_000
    flow.responderPort = 53
    flow.transportProtocol = 17
    flow.ipVersion = 4
    flow.application = .dns
    flow.packetsToResponder = 1
    flow.packetsToOriginator = 1
    flow.ipBytesToResponder = 60
    flow.ipBytesToOriginator = 76
    flow.payloadBytesToResponder = 32
    flow.payloadBytesToOriginator = 48
    flow.connectionState = .sf
    flow.history.append("D", byOriginator: true)
    flow.history.append("D", byOriginator: false)
    return flow
}

/// The line of a flow in conn.log.
private func line(_ flow: FlowRecord, _ format: ZeekFormat) -> String {
    var writer = ZeekWriter(format: format)
    ZeekConnections.append(flow, to: &writer)
    return String(decoding: writer.lines.copy(), as: UTF8.self)
}

/// A value as TSV has it.
private func escaped(_ bytes: [UInt8]) -> String {
    var writer = ZeekWriter(format: .tsv)
    writer.text("query", wire: bytes.rawBytes)
    return String(decoding: writer.lines.copy(), as: UTF8.self)
}

@Suite struct `Zeek's conn log` {
    @Test func `has a value for each field, in Zeek's order`() throws {
        let values = line(answeredFlow(), .tsv).dropLast().split(separator: "\t").map(String.init)
        try #require(values.count == ZeekConnections.table.fields.count)
        #expect(values[1].first == "C" && values[1].count == 18)
        #expect(values[0] == "1700000000.123456")
        #expect(
            Array(values.dropFirst(2)) == [
                "10.0.0.1", "40000", "8.8.8.8", "53", "udp", "dns", "1.500000", "32", "48", "SF", "T", "F",
                "0", "Dd",
                "1", "60", "1", "76", "-", "17",
            ]
        )
    }

    @Test func `is an object a line as JSON, without what is not known`() throws {
        let text = line(answeredFlow(), .json)
        #expect(text.hasSuffix("}\n"))
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        )
        #expect(object.count == ZeekConnections.table.fields.count - 1)
        #expect(object["id.orig_h"] as? String == "10.0.0.1")
        #expect(object["local_orig"] as? Bool == true)
        #expect(object["duration"] as? Double == 1.5)
        #expect(object["tunnel_parents"] == nil)
    }

    @Test func `shows neither duration nor bytes of one instant, and no service that is not known`() {
        var flow = answeredFlow()
        flow.end = flow.start
        flow.application = .failed
        flow.parentID = 9
        let values = line(flow, .tsv).dropLast().split(separator: "\t").map(String.init)
        #expect(values[7...10].allSatisfy { $0 == "-" })
        #expect(values[20].first == "C")
    }

    @Test(arguments: [
        (ApplicationProtocol.tls, ApplicationProtocol.unknown, UInt8(6), "ssl"), (.tls, .irc, 6, "irc,ssl"),
        (.tls, .postgreSQL, 6, "postgresql,ssl"), (.smtp, .http, 6, "http,smtp"), (.http, .http, 6, "http"),
        (.failed, .unknown, 6, "-"), (.kerberos, .unknown, 6, "krb_tcp"), (.kerberos, .unknown, 17, "krb"),
        (.modbus, .unknown, 6, "modbus"), (.tls, .ldap, 6, "ldap_tcp,ssl"), (.llmnr, .unknown, 17, "dns"),
    ])
    func `names what was spoken, and what before`(
        application: ApplicationProtocol,
        original: ApplicationProtocol,
        transport: UInt8,
        service: String
    ) {
        var flow = answeredFlow()
        (flow.application, flow.originalApplication, flow.transportProtocol) = (
            application, original, transport
        )
        #expect(line(flow, .tsv).split(separator: "\t")[7] == service)
    }

    @Test func `has types of ICMP in the place of ports`() {
        var flow = answeredFlow()
        flow.transportProtocol = 1
        flow.originatorPort = 8
        flow.responderPort = 0
        let values = line(flow, .tsv).split(separator: "\t").map(String.init)
        #expect(values[3] == "8" && values[5] == "0" && values[6] == "icmp")
    }

    @Test(
        arguments: [
            ("10.1.2.3", true), ("172.16.0.1", true), ("172.32.0.1", false), ("192.168.255.1", true),
            ("100.64.0.1", true), ("100.128.0.1", false), ("224.0.0.1", true), ("224.2.127.254", false),
            ("239.1.1.1", true), ("255.255.255.255", true),
        ]
    )
    func `tells addresses of a site from others`(text: String, isLocal: Bool) {
        let v4 = text.split(separator: ".").reduce(UInt32(0)) { $0 << 8 | (UInt32($1) ?? 0) }
        #expect(ZeekConnections.isLocal(IPAddress(v4: v4), version: 4) == isLocal)
    }

    @Test func `has identifiers that differ by flow and are the same in every run`() {
        let identifiers = (0..<1000 as Range<UInt64>).map { flow in
            var text = TextBuffer()
            text.append(zeekIdentifierOf: flow)
            return String(decoding: text.copy(), as: UTF8.self)
        }
        #expect(Set(identifiers).count == 1000)
        #expect(identifiers.allSatisfy { $0.utf8.count == 18 && $0.allSatisfy(\.isLetterOrDigit) })
    }
}

@Suite struct `Values of Zeek's logs` {
    @Test func `are escaped so that each line has its fields and each value reads as it was`() {
        #expect(escaped(Array("www.a.org".utf8)) == "www.a.org")
        #expect(escaped([0x61, 0x09, 0x0a, 0x5c, 0x7f, 0xff]) == #"a\x09\x0a\\\x7f\xff"#)
        #expect(escaped([]) == "(empty)")
        #expect(escaped([0x2d]) == #"\x2d"#)
        #expect(escaped(Array("(empty)".utf8)) == #"\x28empty)"#)
        #expect(escaped(Array("-a".utf8)) == "-a")
    }

    @Test func `that are none are a dash in TSV and left out of JSON`() {
        for (format, expected) in [(ZeekFormat.tsv, "-\tF\t7\n"), (.json, "{\"b\":false,\"c\":7}\n")] {
            var writer = ZeekWriter(format: format)
            writer.beginLine()
            writer.unset("a")
            writer.flag("b", false)
            writer.number("c", 7)
            writer.endLine()
            #expect(String(decoding: writer.lines.copy(), as: UTF8.self) == expected)
        }
    }
}

@Suite struct `A file of Zeek's log` {
    @Test func `begins with a header and ends with its time`() throws {
        let folder = TemporaryFolder()
        var log = try ZeekLog(ZeekConnections.table, format: .tsv, folder: folder.path)
        ZeekConnections.append(answeredFlow(), to: &log.writer)
        try log.close()
        let text = try String(contentsOfFile: folder / "conn.log", encoding: .utf8)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 10)
        #expect(
            lines.prefix(5).map { $0.prefix(8) } == [
                "#separat", "#set_sep", "#empty_f", "#unset_f", "#path\tco",
            ]
        )
        #expect(
            lines[6].hasPrefix("#fields\tts\tuid\tid.orig_h")
                && lines[7].hasPrefix("#types\ttime\tstring\taddr")
        )
        #expect(lines[8].hasPrefix("1700000000.123456\tC"))
        #expect(lines[9].hasPrefix("#close\t20") && lines[9].utf8.count == 26 && text.hasSuffix("\n"))
    }

    @Test func `has neither as JSON, and nothing where nothing was said`() throws {
        let folder = TemporaryFolder()
        var log = try ZeekLog(ZeekConnections.table, format: .json, folder: folder.path)
        try log.close()
        #expect(try String(contentsOfFile: folder / "conn.log", encoding: .utf8) == "")
        ZeekConnections.append(answeredFlow(), to: &log.writer)
        try log.close()
        let text = try String(contentsOfFile: folder / "conn.log", encoding: .utf8)
        #expect(text.split(separator: "\n").count == 1 && text.hasPrefix("{\"ts\":1700000000.123456,"))
    }
}

@Suite struct `A full disk` {
    @Test
    func `costs a log its lines but not its header, which is no loss and is written once there is room`()
        async
    {
        // RLIMIT_FSIZE makes write(2) short as a full disk does; in a process of its own, since it is for all files.
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            let folder = TemporaryFolder()
            var log = try ZeekLog(ZeekConnections.table, format: .tsv, folder: folder.path)
            var limit = rlimit(rlim_cur: 40, rlim_max: rlim_t.max)
            setrlimit(__rlimit_resource_t(1), &limit)
            for _ in 0..<2 {
                ZeekConnections.append(answeredFlow(), to: &log.writer)
                do {
                    try log.drain(all: true)
                    exit(3)
                } catch {}
            }
            let lost = log.linesLost
            limit.rlim_cur = rlim_t.max
            setrlimit(__rlimit_resource_t(1), &limit)
            ZeekConnections.append(answeredFlow(), to: &log.writer)
            try log.close()
            let text = try String(contentsOfFile: folder / "conn.log", encoding: .utf8)
            let lines = text.split(separator: "\n")
            let whole = lines.suffix(10)
            let isWhole = whole.first == "#separator \\x09" && whole.last?.hasPrefix("#close") == true
            exit(lost == 2 && log.linesLost == 2 && isWhole && whole.count == 10 ? 0 : 1)
        }
    }
}

extension Character {
    fileprivate var isLetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
