// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@testable import BeltwayAppliance

/// Details as parsers write them.
private struct Details {
    var bytes: [UInt8] = []

    mutating func text(_ detail: TransactionDetail, _ value: String) {
        let value = Array(value.utf8)
        bytes += [detail.rawValue, UInt8(value.count & 0xff), UInt8(value.count >> 8)] + value
    }

    mutating func number(_ detail: TransactionDetail, _ value: UInt64) {
        bytes += [detail.rawValue, 8, 0] + (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
    }
}

/// A message of flow 7 from 10.0.0.1 to 8.8.8.8, or back.
private func message(isAnswer: Bool, at milliseconds: UInt64) -> TransactionRecord {
    var record = TransactionRecord()
    record.kind = .dns
    record.flowID = 7
    record.time = Timestamp(nanoseconds: 1_700_000_000_000_000_000 + milliseconds * 1_000_000)
    record.source = IPAddress(v4: isAnswer ? 0x0808_0808 : 0x0a00_0001)
    record.destination = IPAddress(v4: isAnswer ? 0x0a00_0001 : 0x0808_0808)
    record.sourcePort = isAnswer ? 53 : 40_000
    record.destinationPort = isAnswer ? 40_000 : 53
    record.transportProtocol = 17
    record.ipVersion = 4
    record.toResponder = !isAnswer
    return record
}

private func question(_ identifier: UInt64) -> Details {
    var details = Details()
    details.number(.identifier, identifier)
    details.number(.flags, 0x0100)
    details.number(.questions, 1)
    details.number(.records, 0)
    details.text(.query, "a.example")
    details.number(.queryType, 1)
    details.number(.queryClass, 1)
    return details
}

private func answer(_ identifier: UInt64) -> Details {
    var details = question(identifier)
    details.bytes = []
    details.number(.identifier, identifier)
    details.number(.flags, 0x8580)
    details.number(.questions, 1)
    details.number(.records, 2)
    details.text(.query, "a.example")
    details.text(.answer, "b,c")
    details.number(.timeToLive, 60)
    details.text(.answer, "10.0.0.9")
    details.number(.timeToLive, 5)
    return details
}

/// The lines that messages give, and those of their flow's end.
private func lines(
    _ messages: [(TransactionRecord, Details)],
    _ format: ZeekFormat = .tsv
) -> (now: [[String]], atEnd: [[String]]) {
    var dns = ZeekDNS()
    var log = ZeekWriter(format: format)
    for (record, details) in messages {
        dns.append(record, TransactionDetails(details.bytes.rawBytes), to: &log)
    }
    let first = String(decoding: log.lines.copy(), as: UTF8.self)
    log.lines.removeAll()
    dns.ended(7, to: &log)
    let last = String(decoding: log.lines.copy(), as: UTF8.self)
    let parts = [first, last].map { text in
        text.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    }
    return (parts[0], parts[1])
}

@Suite struct `Zeek's dns log` {
    @Test func `joins a question and its answer, with the time between them`() throws {
        let lines = lines([
            (message(isAnswer: false, at: 0), question(9)), (message(isAnswer: true, at: 25), answer(9)),
        ])
        #expect(lines.atEnd.isEmpty)
        let line = try #require(lines.now.first)
        #expect(line.count == ZeekDNS.table.fields.count)
        #expect(line[0] == "1700000000.000000")
        #expect(
            Array(line.dropFirst(2)) == [
                "10.0.0.1", "40000", "8.8.8.8", "53", "udp", "9", "0.025000", "a.example", "1", "C_INTERNET",
                "1", "A", "0", "NOERROR", "T", "F", "T", "T", "0", #"b\x2cc,10.0.0.9"#, "60.000000,5.000000",
                "F", "0", "query",
            ]
        )
    }

    @Test func `has a question without an answer when its flow ends, and not before`() throws {
        let lines = lines([
            (message(isAnswer: false, at: 0), question(9)), (message(isAnswer: true, at: 1), answer(8)),
        ])
        let (stray, unanswered) = (try #require(lines.now.first), try #require(lines.atEnd.first))
        #expect(stray[2] == "10.0.0.1" && stray[7] == "8" && stray[8] == "-" && stray[12] == "-")
        #expect(unanswered[7] == "9" && unanswered[14] == "-" && unanswered[23] == "F")
        #expect(lines.now.count == 1 && lines.atEnd.count == 1)
    }

    @Test func `has who answers for the responder of a flow that begins with an answer, on any port`() throws
    {
        var (first, second) = (message(isAnswer: true, at: 0), message(isAnswer: false, at: 5))
        (first.sourcePort, second.destinationPort) = (1053, 1053)
        (first.toResponder, second.toResponder) = (true, false)
        var dns = ZeekDNS()
        var log = ZeekWriter(format: .tsv)
        dns.append(first, TransactionDetails(answer(9).bytes.rawBytes), to: &log)
        dns.append(second, TransactionDetails(question(8).bytes.rawBytes), to: &log)
        var flow = FlowRecord()
        flow.flowID = 7
        let isExchanged = dns.exchanges(flow)
        dns.ended(7, to: &log)
        let isForgotten = !dns.exchanges(flow)
        #expect(isExchanged && isForgotten)
        let lines = String(decoding: log.lines.copy(), as: UTF8.self).split(separator: "\n")
        #expect(
            lines.map { $0.split(separator: "\t")[2...5].joined(separator: " ") } == [
                "10.0.0.1 40000 8.8.8.8 1053", "10.0.0.1 40000 8.8.8.8 1053",
            ]
        )
    }

    @Test func `has who answers for the responder also where the other's port is that of DNS`() throws {
        var first = message(isAnswer: false, at: 0)
        first.toResponder = true
        let line = try #require(lines([(first, answer(9))]).now.first)
        #expect(line[2...5].joined(separator: " ") == "8.8.8.8 53 10.0.0.1 40000")
    }

    @Test func `is valid JSON with lists as lists`() throws {
        var dns = ZeekDNS()
        var log = ZeekWriter(format: .json)
        dns.append(message(isAnswer: true, at: 0), TransactionDetails(answer(9).bytes.rawBytes), to: &log)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(log.lines.copy())) as? [String: Any]
        )
        #expect(object["answers"] as? [String] == ["b,c", "10.0.0.9"])
        #expect(object["TTLs"] as? [Double] == [60, 5])
        #expect(object["rtt"] == nil && object["qtype"] == nil)
    }

    @Test func `forgets nothing and grows no further when nobody answers`() {
        var dns = ZeekDNS(mostWaiting: 100)
        var log = ZeekWriter(format: .tsv)
        let details = question(9).bytes
        for flow in 0..<101 as Range<UInt64> {
            var record = message(isAnswer: false, at: 0)
            record.flowID = flow
            dns.append(record, TransactionDetails(details.rawBytes), to: &log)
        }
        #expect(log.count == 100)
        dns.flushAll(to: &log)
        #expect(log.count == 101)
    }
}

/// The fields of a line, by name.
private func fields(_ table: ZeekTable, _ log: consuming ZeekWriter) -> [String: String] {
    let text = String(decoding: log.lines.copy(), as: UTF8.self)
    let values = text.dropLast().split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    #expect(values.count == table.fields.count)
    return Dictionary(zip(table.fields.map(\.name), values), uniquingKeysWith: { first, _ in first })
}

@Suite struct `Zeek's ssl and ssh logs` {
    @Test func `name versions, ciphers and groups, and have lists of certificates`() {
        var details = Details()
        details.number(.start, 1_600_000_000_000_000_000)
        details.number(.version, 0x0303)
        details.number(.cipher, 0xc030)
        details.number(.group, 0x1d)
        details.text(.serverName, "a.example")
        details.number(.alert, 40)
        details.text(.history, "CsxknGIi")
        details.text(.certificate, "aa")
        details.text(.certificate, "bb")
        details.number(.hasCertificates, 1)
        details.number(.isEstablished, 1)
        var log = ZeekWriter(format: .tsv)
        ZeekTLS.append(message(isAnswer: false, at: 0), TransactionDetails(details.bytes.rawBytes), to: &log)
        let line = fields(ZeekTLS.table, log)
        #expect(line["ts"] == "1600000000.000000" && line["version"] == "TLSv12" && line["curve"] == "x25519")
        #expect(line["cipher"] == "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")
        #expect(line["cert_chain_fps"] == "aa,bb" && line["client_cert_chain_fps"] == "(empty)")
        #expect(line["established"] == "T" && line["resumed"] == "F" && line["sni_matches_cert"] == "-")
        #expect(line["last_alert"] == "handshake_failure" && line["next_protocol"] == "-")
    }

    @Test func `have the two hellos of QUIC in one line, and a hello alone when its flow ends`() {
        var client = Details()
        client.number(.start, 1_600_000_000_000_000_000)
        client.text(.serverName, "a.example")
        var server = Details()
        server.number(.version, 0x0304)
        server.number(.cipher, 0x1301)
        var quic = ZeekQUIC()
        var log = ZeekWriter(format: .tsv)
        quic.append(message(isAnswer: false, at: 0), TransactionDetails(client.bytes.rawBytes), to: &log)
        #expect(log.count == 0)
        quic.append(message(isAnswer: true, at: 5), TransactionDetails(server.bytes.rawBytes), to: &log)
        quic.ended(7, to: &log)
        #expect(log.count == 1)
        let line = fields(ZeekTLS.table, log)
        #expect(line["server_name"] == "a.example" && line["ssl_history"] == "Cs")
        #expect(line["cipher"] == "TLS_AES_128_GCM_SHA256" && line["id.orig_h"] == "10.0.0.1")
        log = ZeekWriter(format: .tsv)
        quic.append(message(isAnswer: false, at: 0), TransactionDetails(client.bytes.rawBytes), to: &log)
        quic.ended(7, to: &log)
        #expect(fields(ZeekTLS.table, log)["ssl_history"] == "C")
    }

    @Test func `choose the first of the client's algorithms that the server has, for each direction`() {
        var details = Details()
        details.text(.clientBanner, "SSH-2.0-a")
        details.text(.serverBanner, "SSH-1.99-b")
        for list in ["k1,k2", "h1", "c1,c2", "c1", "m1", "m1", "none", "none"] {
            details.text(.clientList, list)
        }
        for list in ["k2", "h2", "c2", "c1", "m1", "m1", "none", "none"] { details.text(.serverList, list) }
        var log = ZeekWriter(format: .tsv)
        ZeekSSH.append(message(isAnswer: false, at: 0), TransactionDetails(details.bytes.rawBytes), to: &log)
        let line = fields(ZeekSSH.table, log)
        #expect(line["version"] == "2" && line["kex_alg"] == "k2" && line["host_key_alg"] == "-")
        #expect(line["cipher_alg"] == "To server: c2, to client: c1" && line["mac_alg"] == "m1")
        #expect(line["direction"] == "OUTBOUND")
        #expect(line["auth_attempts"] == "0" && line["auth_success"] == "-")
    }

    @Test(arguments: [(UInt64(1), "T"), (0, "F")])
    func `tell of logins what was inferred`(isLoggedIn: UInt64, shown: String) {
        var details = Details()
        details.text(.clientBanner, "SSH-2.0-a")
        details.number(.loginAttempts, 3)
        details.number(.isLoggedIn, isLoggedIn)
        var log = ZeekWriter(format: .tsv)
        ZeekSSH.append(message(isAnswer: false, at: 0), TransactionDetails(details.bytes.rawBytes), to: &log)
        let line = fields(ZeekSSH.table, log)
        #expect(line["auth_attempts"] == "3" && line["auth_success"] == shown)
    }
}

@Suite struct `Details of a transaction` {
    @Test func `end where one claims more than there is, wherever they are cut`() {
        let bytes = answer(9).bytes
        for length in bytes.indices {
            let cut = Array(bytes.prefix(length))
            var list = TransactionDetails(cut.rawBytes)
            var count = 0
            while let value = list.next() {
                #expect(value.place.upperBound <= length)
                count += 1
            }
            #expect(count <= 9)
        }
    }

    @Test func `may be any bytes`() {
        var random = SeededNumbers(seed: 5)
        for _ in 0..<500 {
            let bytes = (0..<64).map { _ in UInt8.random(in: 0...255, using: &random) }
            var log = ZeekWriter(format: .tsv)
            var dns = ZeekDNS()
            dns.append(message(isAnswer: true, at: 0), TransactionDetails(bytes.rawBytes), to: &log)
            ZeekSSH.append(message(isAnswer: false, at: 0), TransactionDetails(bytes.rawBytes), to: &log)
            ZeekTLS.append(message(isAnswer: false, at: 0), TransactionDetails(bytes.rawBytes), to: &log)
            #expect(log.count >= 2)
        }
    }
}
