// SPDX-License-Identifier: Apache-2.0
// `app_layer` of the `stats` event: flows, transactions and parser errors by protocol, in Suricata's names.
//
//     "app_layer":{"flow":{"dns_tcp":0,"dns_udp":3,"tls":2,..,"failed_tcp":1},"tx":{..},"error":{"tls":{"parser":0},..}}
import BeltwayFlow

extension TextBuffer {
    mutating func append(applications tally: ApplicationTally) {
        append(",\"app_layer\":{\"flow\":{")
        var isFirst = true
        for application in ApplicationProtocol.allCases where application != .unknown {
            if application.isCountedByTransport {
                let overTCP = tally.count(.flows, application, isDatagram: false)
                let overUDP = tally.count(.flows, application, isDatagram: true)
                append(counter: application.name, "_tcp", overTCP, &isFirst)
                append(counter: application.name, "_udp", overUDP, &isFirst)
            } else {
                append(counter: application.name, "", tally.sum(.flows, application), &isFirst)
            }
        }
        append("},\"tx\":{")
        isFirst = true
        for kind in TransactionKind.allCases where kind != .fileinfo && kind != .anomaly {
            let overTCP = tally.transactions(kind, isDatagram: false)
            let overUDP = tally.transactions(kind, isDatagram: true)
            if kind == .dns {
                append(counter: kind.name, "_tcp", overTCP, &isFirst)
                append(counter: kind.name, "_udp", overUDP, &isFirst)
            } else {
                append(counter: kind.name, "", overTCP &+ overUDP, &isFirst)
            }
        }
        append("},\"error\":{")
        isFirst = true
        for application in ApplicationProtocol.allCases
        where application != .unknown && application != .failed {
            if application.isCountedByTransport {
                let overTCP = tally.count(.malformed, application, isDatagram: false)
                let overUDP = tally.count(.malformed, application, isDatagram: true)
                append(error: application.name, "_tcp", overTCP, &isFirst)
                append(error: application.name, "_udp", overUDP, &isFirst)
            } else {
                append(error: application.name, "", tally.sum(.malformed, application), &isFirst)
            }
        }
        append("},\"flows_cut\":")
        append(decimal: tally.cut)
        append(0x7d)
    }

    private mutating func append(
        counter name: StaticString,
        _ suffix: StaticString,
        _ value: UInt64,
        _ isFirst: inout Bool
    ) {
        if !isFirst { append(0x2c) }
        isFirst = false
        append(0x22)
        append(name)
        append(suffix)
        append("\":")
        append(decimal: value)
    }

    private mutating func append(
        error name: StaticString,
        _ suffix: StaticString,
        _ value: UInt64,
        _ isFirst: inout Bool
    ) {
        if !isFirst { append(0x2c) }
        isFirst = false
        append(0x22)
        append(name)
        append(suffix)
        append("\":{\"parser\":")
        append(decimal: value)
        append(0x7d)
    }
}

extension ApplicationProtocol {
    /// Whether Suricata counts its flows over TCP and over datagrams apart.
    fileprivate var isCountedByTransport: Bool { self == .dns || self == .failed }
}

extension ApplicationTally {
    /// How many of a protocol, whatever carries it.
    fileprivate func sum(_ count: Count, _ application: ApplicationProtocol) -> UInt64 {
        self.count(count, application, isDatagram: false) &+ self.count(count, application, isDatagram: true)
    }
}
