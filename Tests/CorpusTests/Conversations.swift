// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Glibc

/// A pair of ends in a fixed order, with its protocol: what flows of the same tuple have in common.
struct Tuple: Hashable, Sendable {
    /// An address in network order, 4 or 16 bytes, with its port.
    struct End: Hashable, Comparable, Sendable {
        var address: [UInt8]
        var port: Int

        static func < (a: End, b: End) -> Bool {
            if a.address.count != b.address.count { return a.address.count < b.address.count }
            if a.address != b.address { return a.address.lexicographicallyPrecedes(b.address) }
            return a.port < b.port
        }

        init(address: [UInt8], port: Int) {
            self.address = address
            self.port = port
        }

        init?(_ text: String, _ port: Int) {
            var bytes = [UInt8](repeating: 0, count: 16)
            if inet_pton(AF_INET, text, &bytes) == 1 {
                address = Array(bytes[..<4])
            } else if inet_pton(AF_INET6, text, &bytes) == 1 {
                address = bytes
            } else {
                return nil
            }
            self.port = port
        }

        var text: String {
            var text = [CChar](repeating: 0, count: 64)
            inet_ntop(address.count == 4 ? AF_INET : AF_INET6, address, &text, 64)
            return
                "\(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)):\(port)"
        }
    }

    /// `TCP` or `UDP`.
    var proto: String
    var lower: End
    var upper: End
}

/// Packets and bytes of a tuple, from the lower end to the upper and back.
struct Traffic: Equatable, Sendable {
    var packetsUp = 0
    var bytesUp = 0
    var packetsDown = 0
    var bytesDown = 0
}

/// Sums over tuples.
struct TrafficTable: Sendable {
    var rows: [Tuple: Traffic] = [:]

    mutating func add(
        _ proto: String,
        from: Tuple.End,
        to: Tuple.End,
        packets: Int,
        bytes: Int,
        packetsBack: Int,
        bytesBack: Int
    ) {
        let isUp = from <= to
        let tuple = Tuple(proto: proto, lower: isUp ? from : to, upper: isUp ? to : from)
        var traffic = rows[tuple] ?? Traffic()
        traffic.packetsUp += isUp ? packets : packetsBack
        traffic.bytesUp += isUp ? bytes : bytesBack
        traffic.packetsDown += isUp ? packetsBack : packets
        traffic.bytesDown += isUp ? bytesBack : bytes
        rows[tuple] = traffic
    }

    /// Adds the TCP and UDP flows among our events.
    mutating func add(flows: [Event]) {
        for event in flows {
            guard let flow = event.flow, let proto = event.proto, proto == "TCP" || proto == "UDP",
                let from = Tuple.End(event.src_ip ?? "", event.src_port ?? 0),
                let to = Tuple.End(event.dest_ip ?? "", event.dest_port ?? 0)
            else { continue }
            add(
                proto,
                from: from,
                to: to,
                packets: flow.pkts_toserver,
                bytes: flow.bytes_toserver,
                packetsBack: flow.pkts_toclient,
                bytesBack: flow.bytes_toclient
            )
        }
    }
}

/// The lines of a tab-separated file without its first, cut into fields.
func tableRows(_ path: String) -> [[String]] {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").dropFirst().map {
        $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
}
