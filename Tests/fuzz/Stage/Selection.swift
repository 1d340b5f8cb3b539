// SPDX-License-Identifier: Apache-2.0
// One protocol at a time: its port, what else is not looked for, and a beginning that only it can be.
//
//     Tests/fuzz/run 600 Stage:http      BELTWAY_FUZZ_PROTOCOL=http .build-fuzz/Stage FILE

import BeltwayFlow
import BeltwayWire
import Foundation

/// What is said before an input's own bytes, and by whom.
struct Said {
    let isForward: Bool
    let bytes: [UInt8]

    static func client(_ text: String) -> Said { Said(isForward: true, bytes: Array(text.utf8)) }
    static func server(_ text: String) -> Said { Said(isForward: false, bytes: Array(text.utf8)) }
}

/// The protocol that a run of the target is about.
struct Selection {
    /// Whether its datagrams, its streams or both are read.
    enum Transport { case datagrams, streams, both }

    let port: UInt16
    let transport: Transport
    /// Protocols of streams that are looked for; all if there are none.
    let protocols: Set<ApplicationProtocol>
    /// What an input may ask to be said first.
    var opening: [Said] = []

    /// The selection that the environment names; nil for everything at once.
    static let current: Selection? = {
        guard let name = ProcessInfo.processInfo.environment["BELTWAY_FUZZ_PROTOCOL"] else { return nil }
        guard let selection = Selection.named(name) else { fatalError("no protocol \(name)") }
        return selection
    }()

    /// Events for flows of the protocol alone.
    var events: EventSettings {
        var events = EventSettings()
        events.anomalies = [.applayer, .decode, .stream]
        guard !protocols.isEmpty else { return events }
        events.withoutOverTCP = Set(ApplicationProtocol.allCases).subtracting(protocols)
        return events
    }

    private static func named(_ name: String) -> Selection? {
        switch name {
        case "dns": Selection(port: 53, transport: .both, protocols: [.dns])
        case "mdns": Selection(port: 5353, transport: .datagrams, protocols: [])
        case "llmnr": Selection(port: 5355, transport: .both, protocols: [.llmnr, .dns])
        case "dhcp": Selection(port: 67, transport: .datagrams, protocols: [])
        case "ntp": Selection(port: 123, transport: .datagrams, protocols: [])
        case "quic": Selection(port: 443, transport: .datagrams, protocols: [])
        case "dtls": Selection(port: 4433, transport: .datagrams, protocols: [])
        case "tls": Selection(port: 443, transport: .streams, protocols: [.tls])
        case "http":
            Selection(
                port: 80,
                transport: .streams,
                protocols: [.http],
                opening: [.client("GET /a HTTP/1.1\r\nHost: a\r\n"), .server("HTTP/1.1 200 OK\r\n")]
            )
        case "multipart":
            Selection(
                port: 80,
                transport: .streams,
                protocols: [.http],
                opening: [
                    .client(
                        "POST /a HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999\r\n\r\n--b\r\n"
                    )
                ]
            )
        case "gzip", "deflate":
            Selection(
                port: 80,
                transport: .streams,
                protocols: [.http],
                opening: [
                    .client("GET /a HTTP/1.1\r\n\r\n"),
                    .server("HTTP/1.1 200 OK\r\nContent-Encoding: \(name)\r\n\r\n"),
                ]
            )
        case "http2":
            Selection(
                port: 80,
                transport: .streams,
                protocols: [.http2, .http],
                opening: [
                    .client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0"),
                    .server("\0\0\0\u{4}\0\0\0\0\0"),
                ]
            )
        case "ssh":
            Selection(
                port: 22,
                transport: .streams,
                protocols: [.ssh],
                opening: [.client("SSH-2.0-a\r\n"), .server("SSH-2.0-b\r\n")]
            )
        case "smtp":
            Selection(
                port: 25,
                transport: .streams,
                protocols: [.smtp, .tls],
                opening: [.server("220 a ESMTP\r\n"), .client("EHLO a\r\n")]
            )
        case "mail":
            Selection(
                port: 25,
                transport: .streams,
                protocols: [.smtp],
                opening: [
                    .server("220 a ESMTP\r\n"),
                    .client("EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n"),
                    .server("250 a\r\n250 a\r\n250 a\r\n354 a\r\n"),
                ]
            )
        case "ftp":
            Selection(
                port: 21,
                transport: .streams,
                protocols: [.ftp, .tls],
                opening: [.server("220 ftp\r\n"), .client("USER a\r\n")]
            )
        case "ftp-data":
            Selection(
                port: 21,
                transport: .streams,
                protocols: [.ftp],
                opening: [
                    .server("220 ftp\r\n"), .client("USER a\r\nPASV\r\nRETR a.txt\r\n"),
                    .server("331 a\r\n227 Entering Passive Mode (0,0,0,2,0,21)\r\n150 a\r\n"),
                ]
            )
        case "smb": Selection(port: 445, transport: .streams, protocols: [.smb])
        case "handover": Selection(port: 1080, transport: .streams, protocols: [])
        default: nil
        }
    }
}
