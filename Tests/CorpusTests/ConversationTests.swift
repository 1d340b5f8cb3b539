// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The corpus` {
    @Suite struct `Flows against tshark's conversations` {
        /// Link types whose packets are decoded, as the index names them.
        static let decoded: Set = [
            "ether", "null", "linux-sll", "linux-sll2", "rawip", "rawip4", "rawip6", "ppp", "per-packet",
        ]
        /// Layers that carry other packets and are not decoded, as tshark names them.
        static let tunnels: Set = [
            "gre", "vxlan", "geneve", "gtp", "gtpv2", "teredo", "mpls", "pppoes", "erspan", "macsec", "lisp",
            "l2tp",
            "capwap", "ayiya",
        ]

        /// Files with tuples that tshark and we sum differently, how many, and why neither is to be changed.
        static let explained: [(file: String, tuples: Int, why: String)] = [
            (
                "evasion/suricata-verify/detect-ipopts/input.pcap", 3,
                "source-routed packets: tshark takes the last hop of the option for the destination, we the header's"
            ),
            (
                "protocols/pcapplusplus/ip-frag.pcap", 1,
                "of a fragmented datagram tshark counts the fragment that completes it, we every one of them"
            ),
            (
                "sessions/arkime/arkime_synthetic.pcap", 1,
                "a datagram whose UDP length is 0 belongs to no stream for tshark, and to its flow for us"
            ),
        ]

        @Test func `are the same packets and bytes, file by file and tuple by tuple`() throws {
            let runs = Dictionary(Sweep.runs.map { ($0.capture.name, $0) }, uniquingKeysWith: { a, _ in a })
            var protocols: [String: Set<String>] = [:]
            for row in tableRows((Corpus.root ?? "") + "/INDEX.tsv") where row.count > 11 {
                protocols[row[0]] = Set(row[11].split(separator: ",").map(String.init))
            }
            var theirs: [String: TrafficTable] = [:]
            var (inTunnels, leftOutTunnels) = (Set<String>(), 0)
            for row in tableRows((Corpus.root ?? "") + "/oracle/conversations.tsv") where row.count > 12 {
                if row.count > 13 {
                    // tshark shows the outer addresses beside the inner ports.
                    inTunnels.insert(row[0])
                    leftOutTunnels += 1
                    continue
                }
                let a = try #require(Tuple.End(row[3], Int(row[4]) ?? -1))
                let b = try #require(Tuple.End(row[5], Int(row[6]) ?? -1))
                let n = row[7...10].map { Int($0) ?? -1 }
                theirs[row[0], default: TrafficTable()].add(
                    row[1].uppercased(),
                    from: a,
                    to: b,
                    packets: n[0],
                    bytes: n[1],
                    packetsBack: n[2],
                    bytesBack: n[3]
                )
            }
            #expect(theirs.count > 150)

            var (equal, compared, leftOutLinks) = (0, 0, 0)
            var differing: [String: [String]] = [:]
            for (name, table) in theirs {
                guard let run = runs[name], let layers = protocols[name] else {
                    Issue.record("\(name) is not in the index")
                    continue
                }
                if !Self.decoded.contains(run.capture.linkType) {
                    leftOutLinks += table.rows.count
                    continue
                }
                // In a file with marked rows the others are plain; elsewhere nothing tells which ones are.
                let carried = run.capture.linkType == "ppp" ? Self.tunnels : Self.tunnels.union(["ppp"])
                if !inTunnels.contains(name) && !layers.isDisjoint(with: carried) {
                    leftOutTunnels += table.rows.count
                    continue
                }
                var ours = TrafficTable()
                ours.add(flows: try run.run.events("flow"))
                for (tuple, traffic) in table.rows {
                    compared += 1
                    if ours.rows[tuple] == traffic {
                        equal += 1
                    } else {
                        differing[name, default: []].append(
                            "\(tuple.proto) \(tuple.lower.text) \(tuple.upper.text): "
                                + "\(traffic) by tshark, \(ours.rows[tuple].map { "\($0)" } ?? "none") by us"
                        )
                    }
                }
            }
            print(
                "conversations: \(equal) of \(compared) tuples equal; left out \(leftOutTunnels) rows in tunnels, "
                    + "\(leftOutLinks) in files of undecoded link types"
            )
            #expect(compared > 1500)
            #expect(equal * 1000 >= compared * 995)
            let known = Dictionary(uniqueKeysWithValues: Self.explained.map { ($0.file, $0.tuples) })
            for (name, tuples) in differing where known[name] != tuples.count {
                Issue.record("\(name): \(tuples.count) tuples differ: \(tuples.sorted().prefix(3))")
            }
        }
    }
}
