// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The corpus` {
    @Suite(
        .enabled(
            if: Program.installed("python3") != nil,
            "python3, which makes the capture, is not installed."
        )
    )
    struct `A large mixed capture` {
        @Test(.timeLimit(.minutes(6)))
        func `is counted to the last packet, and gives the flows that went into it`() throws {
            let mixed = try #require(MixedCapture.shared)
            let run = try withTemporaryFolder { Run.of(mixed.path, in: $0, Run.lean, within: 60) }
            #expect(run.ending.status == 0)
            let summary = try #require(run.summary)
            #expect(summary.capture.received == mixed.packets)
            #expect(summary.packets == mixed.packets)

            // `make-big` knows no tunnels: its truth has the outer ends of what Beltway counts by the inner ones. Both are
            // left out.
            var (tunnels, outside) = (TunnelledPackets(), Set<Tuple>())
            for packet in try CaptureFile(mixed.path).packets where tunnels.add([UInt8](packet.bytes)) {
                if let tuple = packet.tuple { outside.insert(tuple) }
            }
            func isPlain(_ tuple: Tuple) -> Bool {
                !outside.contains(tuple)
                    && !tunnels.inner.contains([tuple.lower.text, tuple.upper.text].sorted())
            }
            var ours = TrafficTable()
            let flows = try run.events("flow").filter { $0.tuple.map(isPlain) ?? true }
            ours.add(flows: flows)
            let truth = mixed.truth.rows.filter { isPlain($0.key) }
            #expect(truth.count * 100 > mixed.truth.rows.count * 98)
            let equal = truth.count { ours.rows[$0.key] == $0.value }
            let surplus = flows.count - truth.count
            // Every packet is on its tuple. Flows beyond the truth have two reasons: `make-big` knows no VLANs, and
            // some of its templates have them in one direction only; and it calls one flow what a second connection
            // between the same ports is, which Beltway tells apart by the new SYN.
            #expect(equal == truth.count)
            #expect(ours.rows.count == truth.count)
            #expect(surplus >= 0 && surplus * 100 <= truth.count)
            let byTags = Dictionary(grouping: flows) { [$0.tuple.map { "\($0)" } ?? "", "\($0.vlan ?? [])"] }
            let reused = byTags.values.reduce(0) { $0 + $1.count - 1 }
            let endings = byTags.values.filter { $0.count > 1 }.joined().count {
                $0.flow?.reason == "tcp_reuse"
            }
            #expect(endings == reused)
            print(
                "mixed: \(equal) of \(truth.count) tuples equal, \(tunnels.count) packets in tunnels left out; \(flows.count) flows, "
                    + "\(surplus - reused) by VLAN and \(reused) by reused ports more than the truth"
            )
        }

        @Test(.timeLimit(.minutes(6)))
        func `alerts on every flow whose marker lies in one packet, and never elsewhere`() throws {
            let mixed = try #require(MixedCapture.shared)
            var expected: Set<Tuple> = []
            let mark = Data("BELTWAY-MARKER-".utf8)
            for packet in try CaptureFile(mixed.path).packets where packet.bytes.range(of: mark) != nil {
                expected.insert(try #require(packet.tuple))
            }
            #expect(expected.count > 2)
            let run = try withTemporaryFolder { folder in
                let rules = folder + "/marker.rules"
                try #"alert tcp any any -> any any (msg:"marker"; content:"BELTWAY-MARKER-"; sid:1; rev:1;)"#
                    .write(toFile: rules, atomically: true, encoding: .utf8)
                return Run.of(mixed.path, in: folder, Run.lean + ["--rules", rules], within: 60)
            }
            #expect(run.ending.status == 0)
            let alerts = try run.events("alert")
            let alerted = Set(alerts.compactMap(\.tuple))
            #expect(alerted == expected)
            #expect(alerts.count == run.summary?.alerts)
            print("mixed: marker whole in \(expected.count) flows, \(alerts.count) alerts")
        }
    }
}
