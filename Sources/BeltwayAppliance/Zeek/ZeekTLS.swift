// SPDX-License-Identifier: Apache-2.0
// ssl.log: a line for each handshake, when both sides encrypt or the flow ends (base/protocols/ssl of Zeek 8). Of one in
// QUIC no more than the hellos can be read: the client's waits for the server's (ZeekQUIC).
internal import BeltwayFlow
internal import BeltwayWire

enum ZeekTLS {
    static let table = ZeekTable(
        "ssl",
        "version string,cipher string,curve string,server_name string,resumed bool,last_alert string,"
            + "next_protocol string,established bool,ssl_history string,cert_chain_fps vector[string],"
            + "client_cert_chain_fps vector[string],sni_matches_cert bool"
    )

    static func append(
        _ record: TransactionRecord,
        _ details: TransactionDetails,
        to log: inout ZeekWriter
    ) {
        append(record, details, details, to: &log)
    }

    /// Writes a line of what the client said and what the handshake came to.
    static func append(
        _ record: TransactionRecord,
        _ client: TransactionDetails,
        _ details: TransactionDetails,
        to log: inout ZeekWriter
    ) {
        log.beginLine(record, start: client.number(.start))
        if let version = details.number(.version) {
            log.text("version", plain: versionName(version))
        } else {
            log.unset("version")
        }
        if let cipher = details.number(.cipher) {
            let name = TLSNames.cipherSuite(UInt16(truncatingIfNeeded: cipher))
            log.text("cipher", plain: name ?? "unknown-\(cipher)")
        } else {
            log.unset("cipher")
        }
        if let group = details.number(.group) {
            log.text("curve", plain: TLSNames.group(UInt16(truncatingIfNeeded: group)) ?? "unknown-\(group)")
        } else {
            log.unset("curve")
        }
        log.text("server_name", .serverName, of: client)
        log.flag("resumed", details.number(.isResumed) == 1)
        if let alert = details.number(.alert) {
            log.text("last_alert", plain: alertName(alert))
        } else {
            log.unset("last_alert")
        }
        log.text("next_protocol", .nextProtocol, of: details)
        log.flag("established", details.number(.isEstablished) == 1)
        log.text("ssl_history", .history, of: details)
        let hasCertificates = details.number(.hasCertificates) == 1
        log.texts("cert_chain_fps", .certificate, of: details, isKnown: hasCertificates)
        log.texts("client_cert_chain_fps", .clientCertificate, of: details, isKnown: hasCertificates)
        if let matches = details.number(.namesMatch) {
            log.flag("sni_matches_cert", matches == 1)
        } else {
            log.unset("sni_matches_cert")
        }
        log.endLine()
    }

    private static func versionName(_ version: UInt64) -> String {
        switch version {
        case 0x0002: "SSLv2"
        case 0x0300: "SSLv3"
        case 0x0301: "TLSv10"
        case 0x0302: "TLSv11"
        case 0x0303: "TLSv12"
        case 0x0304: "TLSv13"
        case 0xfeff: "DTLSv10"
        case 0xfefd: "DTLSv12"
        case 0xfefc: "DTLSv13"
        case 0x7f01...0x7fff: "TLSv13-draft\(version & 0xff)"
        default: "unknown-\(version)"
        }
    }

    /// Zeek's names of alerts (RFC 8446, 6, with words joined by underscores).
    private static func alertName(_ alert: UInt64) -> String {
        switch alert {
        case 0: "close_notify"
        case 10: "unexpected_message"
        case 20: "bad_record_mac"
        case 21: "decryption_failed"
        case 22: "record_overflow"
        case 30: "decompression_failure"
        case 40: "handshake_failure"
        case 41: "no_certificate"
        case 42: "bad_certificate"
        case 43: "unsupported_certificate"
        case 44: "certificate_revoked"
        case 45: "certificate_expired"
        case 46: "certificate_unknown"
        case 47: "illegal_parameter"
        case 48: "unknown_ca"
        case 49: "access_denied"
        case 50: "decode_error"
        case 51: "decrypt_error"
        case 60: "export_restriction"
        case 70: "protocol_version"
        case 71: "insufficient_security"
        case 80: "internal_error"
        case 86: "inappropriate_fallback"
        case 90: "user_canceled"
        case 100: "no_renegotiation"
        case 110: "unsupported_extension"
        case 111: "certificate_unobtainable"
        case 112: "unrecognized_name"
        case 113: "bad_certificate_status_response"
        case 114: "bad_certificate_hash_value"
        case 115: "unknown_psk_identity"
        case 120: "no_application_protocol"
        default: "unknown-\(alert)"
        }
    }
}
