// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    @Test func `a filter takes live and offline what tcpdump takes`() throws {
        let filters = [
            "tcp port 443", "udp and not ip6", "vlan 42 and tcp", "greater 700", "net 10.1.3.0/24",
            "ether src 02:00:00:00:00:02",
        ]
        let folder = TemporaryFolder()
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 2, to: folder)
        func options(_ filter: String) -> [String] {
            [
                "--filter", filter, "--no-packets", "--no-eve", "--no-flows", "--summary", "json", "--ring",
                "8MiB",
            ]
        }
        let programs = try filters.map { try LiveProgram.start(options($0), in: network) }
        let sent = try LiveProgram.replay(capture, in: network, perSecond: 5_000)
        #expect(sent == 8_000)
        for (filter, program) in zip(filters, programs) {
            let expected = try LiveProgram.count(capture, filter: filter)
            let live = LiveProgram.stop(program)
            #expect(live.status == 0, "\(filter): \(live.errors)")
            #expect(live.json["packets"] as? Int == expected, "live, \(filter)")
            let offline = try BeltwayProgram.run(["run", "-r", capture] + options(filter))
            #expect(offline.status == 0, "\(filter): \(offline.errors)")
            #expect(offline.json["packets"] as? Int == expected, "offline, \(filter)")
            #expect((expected ?? 0) > 0 && (expected ?? 0) < sent, "\(filter) is a fair question")
        }
    }
}
