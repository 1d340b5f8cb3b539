// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The corpus` {
    /// What conn_state, history, packets and bytes are is compared elsewhere; here it is what the log adds to them.
    @Test func `gives the conn log that Zeek gives, where Zeek's own is at hand`() throws {
        let fields = ["proto", "ip_proto", "local_orig", "local_resp", "duration", "service", "missed_bytes"]
        var seen: Set<String> = []
        var (rows, compared, equal) = (0, 0, 0)
        for baseline in ZeekBaseline.all("conn") where seen.insert(baseline.path).inserted {
            var ours = Dictionary(grouping: try baseline.ours(), by: Self.ends)
            for row in try baseline.theirs() {
                guard var same = ours[Self.ends(row)], !same.isEmpty else {
                    compared += fields.count
                    print("conn.log: \(baseline.capture): no row \(Self.ends(row))")
                    continue
                }
                let mine = same.removeFirst()
                ours[Self.ends(row)] = same
                rows += 1
                for field in fields {
                    guard let expected = row[field], let found = mine[field] else { continue }
                    compared += 1
                    if Self.agree(expected, found) {
                        equal += 1
                    } else {
                        print(
                            "conn.log: \(baseline.capture) \(Self.ends(row)): \(field) \(expected), ours \(found)"
                        )
                    }
                }
            }
        }
        print("conn.log: \(rows) rows, \(equal) of \(compared) values equal")
        #expect(rows > 120)
        #expect(equal * 100 >= compared * 95)
    }

    private static func ends(_ row: [String: String]) -> String {
        ["proto", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"].map { row[$0] ?? "" }
            .joined(separator: " ")
    }

    /// Durations may differ by a millisecond: Zeek leaves out what comes after a connection's end.
    private static func agree(_ a: String, _ b: String) -> Bool {
        if a == b { return true }
        guard a.contains("."), let first = Double(a), let second = Double(b) else { return false }
        return abs(first - second) <= 0.001
    }
}
