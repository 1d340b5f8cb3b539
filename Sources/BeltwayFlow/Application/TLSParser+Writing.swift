// SPDX-License-Identifier: Apache-2.0
// What Suricata's `tls` shows, in its order; and what it takes from a certificate.
internal import BeltwayWire

extension TLSParser {
    static func readCertificate(
        _ bytes: RawSpan,
        _ facts: inout TLSCertificateFacts
    ) {
        var digest = TextBuffer(capacity: 64)
        digest.append(colonSHA1Of: bytes)
        facts.fingerprint = digest.copy()
        guard let certificate = try? X509Certificate(bytes) else { return }
        certificate.appendSubject(to: &facts.subject)
        certificate.appendIssuer(to: &facts.issuer)
        certificate.appendSerial(to: &facts.serial)
        facts.notBefore = certificate.notBefore
        facts.notAfter = certificate.notAfter
        var text = TextBuffer(capacity: 256)
        var names = certificate.alternativeNames
        while let name = names.next(), text.count < 16_384 {
            guard case .dns(let place) = name else { continue }
            if !text.isEmpty { text.append(0x2c) }
            text.append(wireString: names.bytes.extracting(place), most: 255)
        }
        facts.names = text.copy()
    }

    static func write(_ session: TLSSession, _ flow: ApplicationFlow, _ output: inout TransactionStage) {
        output.begin(.tls, number: flow.transactions, object: "tls", showsNumber: false)
        let facts = session.certificate
        output.member("subject", facts.subject.rawBytes, column: Column.subject, most: 2048)
        output.member("issuerdn", facts.issuer.rawBytes, column: Column.issuer, most: 2048)
        output.member("serial", facts.serial.rawBytes)
        output.member("fingerprint", facts.fingerprint.rawBytes, column: Column.fingerprint)
        if flow.original != .unknown, flow.original != .socks {
            output.text.member("from_proto", literal: flow.original.name)
        }
        let isResumed = session.hasServerHello && !session.hasCertificate && session.version < 0x0304
        if isResumed { output.text.member("session_resumed", true) }
        output.member("sni", session.serverName.rawBytes, column: Column.name, most: 1024)
        output.text.member("version")
        output.beginValue()
        writeVersion(session.version, &output)
        output.mark(Column.version)
        if !facts.subject.isEmpty || !facts.issuer.isEmpty {
            writeTime("notbefore", facts.notBefore, &output)
            writeTime("notafter", facts.notAfter, &output)
        }
        writeFingerprint("ja3", session.ja3, Column.ja3, &output)
        writeFingerprint("ja3s", session.ja3s, Column.ja3s, &output)
        output.member("ja4", session.ja4.rawBytes, column: Column.ja4)
        output.member("client_alpns", elements: session.clientProtocols)
        output.member("server_alpns", elements: session.serverProtocols)
        output.member("subjectaltname", elements: facts.names)
        output.end()
    }

    /// `{"hash":..,"string":..}` of a text and its MD5.
    static func writeFingerprint(
        _ name: StaticString,
        _ text: [UInt8],
        _ column: Int,
        _ output: inout TransactionStage
    ) {
        guard !text.isEmpty else { return }
        output.text.openObject(name)
        output.text.member("hash")
        output.beginValue()
        output.text.append(0x22)
        output.text.append(md5Of: text.rawBytes)
        output.text.append(0x22)
        output.mark(column)
        output.member("string", text.rawBytes, most: 16_384)
        output.text.closeObject()
    }

    private static func writeVersion(_ version: UInt16, _ output: inout TransactionStage) {
        output.text.append(0x22)
        switch version {
        case 0x0002: output.text.append("SSLv2")
        case 0x0300: output.text.append("SSLv3")
        case 0x0301: output.text.append("TLSv1")
        case 0x0302: output.text.append("TLS 1.1")
        case 0x0303: output.text.append("TLS 1.2")
        case 0x0304: output.text.append("TLS 1.3")
        case 0xfeff: output.text.append("DTLS 1.0")
        case 0xfefd: output.text.append("DTLS 1.2")
        case 0xfefc: output.text.append("DTLS 1.3")
        case 0x7f00...0x7fff:
            output.text.append("TLS 1.3 draft-")
            output.text.append(decimal: UInt64(version & 0xff))
        default:
            output.text.append("0x")
            output.text.append(hexadecimal: UInt8(version >> 8))
            output.text.append(hexadecimal: UInt8(version & 0xff))
        }
        output.text.append(0x22)
    }

    /// A time in seconds as `2014-01-01T00:00:00`; outside the years 0 to 9999 nothing.
    private static func writeTime(_ name: StaticString, _ seconds: Int64, _ output: inout TransactionStage) {
        guard -62_000_000_000..<253_402_300_800 ~= seconds else { return }
        output.text.member(name)
        output.text.append(0x22)
        output.text.append(secondsSince1970: seconds)
        output.text.append(0x22)
    }
}
