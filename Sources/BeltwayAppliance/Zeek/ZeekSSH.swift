// SPDX-License-Identifier: Apache-2.0
// ssh.log: a line for each connection, from what was said before it was encrypted (base/protocols/ssh of Zeek 8).
//
// Whether and how often somebody tried to log in is inferred from lengths (`SSHLogin`), as Zeek does; an `auth_attempts`
// of 0 is also what Zeek writes where nothing is known.
internal import BeltwayFlow
internal import BeltwayWire

enum ZeekSSH {
    static let table = ZeekTable(
        "ssh",
        "version count,auth_success bool,auth_attempts count,direction enum,client string,server string,"
            + "cipher_alg string,mac_alg string,compression_alg string,kex_alg string,host_key_alg string,"
            + "host_key_fingerprint string"
    )

    /// Lists of KEXINIT by their order (RFC 4253, 7.1).
    private enum List: Int {
        case keyExchange, hostKey, toServerCipher, toClientCipher, toServerMAC, toClientMAC
        case toServerCompression, toClientCompression
    }

    static func append(
        _ record: TransactionRecord,
        _ details: TransactionDetails,
        to log: inout ZeekWriter
    ) {
        log.beginLine(record, start: details.number(.start))
        let client = details.value(.clientBanner)
        let server = details.value(.serverBanner)
        let version = version(client, server)
        if version > 0 { log.number("version", version) } else { log.unset("version") }
        if let isLoggedIn = details.number(.isLoggedIn) {
            log.flag("auth_success", isLoggedIn != 0)
        } else {
            log.unset("auth_success")
        }
        log.number("auth_attempts", details.number(.loginAttempts) ?? 0)
        let isFromHere = ZeekConnections.isLocal(originator(record), version: record.ipVersion)
        let isToHere = ZeekConnections.isLocal(responder(record), version: record.ipVersion)
        if isFromHere == isToHere {
            log.unset("direction")
        } else {
            log.text("direction", literal: isFromHere ? "OUTBOUND" : "INBOUND")
        }
        log.text("client", .clientBanner, of: details)
        log.text("server", .serverBanner, of: details)
        agreed("cipher_alg", [.toServerCipher, .toClientCipher], details, &log)
        agreed("mac_alg", [.toServerMAC, .toClientMAC], details, &log)
        agreed("compression_alg", [.toServerCompression, .toClientCompression], details, &log)
        agreed("kex_alg", [.keyExchange], details, &log)
        agreed("host_key_alg", [.hostKey], details, &log)
        log.text("host_key_fingerprint", .hostKey, of: details)
        log.endLine()
    }

    static func originator(_ record: TransactionRecord) -> IPAddress {
        record.isFromZeekOriginator ? record.source : record.destination
    }

    static func responder(_ record: TransactionRecord) -> IPAddress {
        record.isFromZeekOriginator ? record.destination : record.source
    }

    /// 2 if both sides can (1.99 is both, RFC 4253, 5.1), 1 if both can only that, else 0.
    private static func version(_ client: RawSpan, _ server: RawSpan) -> UInt64 {
        guard client.byteCount > 0, server.byteCount > 0 else { return 0 }
        let isSecond = [isVersion2(client), isVersion2(server)]
        if isSecond == [true, true] { return 2 }
        let isFirst = [isVersion1(client), isVersion1(server)]
        return isFirst == [true, true] ? 1 : 0
    }

    private static func isVersion2(_ banner: RawSpan) -> Bool {
        banner.starts(with: "SSH-2.") || banner.starts(with: "SSH-1.99")
    }

    private static func isVersion1(_ banner: RawSpan) -> Bool { banner.starts(with: "SSH-1.") }

    /// What both sides agree on: the first of the client's list that is in the server's, for each direction.
    private static func agreed(
        _ name: StaticString,
        _ lists: [List],
        _ details: TransactionDetails,
        _ log: inout ZeekWriter
    ) {
        let found = lists.map { agreed($0, details) }
        guard let first = found.first, let last = found.last, let first, let last else {
            return log.unset(name)
        }
        if first == last { return log.text(name, wire: first.rawBytes) }
        let both = Array("To server: ".utf8) + first + Array(", to client: ".utf8) + last
        log.text(name, wire: both.rawBytes)
    }

    private static func agreed(_ list: List, _ details: TransactionDetails) -> [UInt8]? {
        let client = self.list(.clientList, list.rawValue, details)
        let server = self.list(.serverList, list.rawValue, details)
        return SSHAlgorithms.agreed(client: client, server: server).map { place in
            place.map { client.byte(at: $0) }
        }
    }

    /// A list as its side sent it; empty if there is none.
    @_lifetime(copy details)
    private static func list(
        _ side: TransactionDetail,
        _ number: Int,
        _ details: TransactionDetails
    ) -> RawSpan {
        var rest = TransactionDetails(details.bytes)
        var index = 0
        while let value = rest.next() {
            guard value.detail == side else { continue }
            if index == number { return details.bytes.extracting(value.place) }
            index += 1
        }
        return details.bytes.extracting(first: 0)
    }
}
