// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@testable import BeltwayFlow

@Suite struct `Policies of hosts` {
    private static func policy(_ segments: OverlapPolicy) -> HostPolicies.Policy {
        HostPolicies.Policy(segments: segments, fragments: FragmentPolicy(ofSystem: segments))
    }

    private static let hosts: HostPolicies = {
        var hosts = HostPolicies()
        hosts.add(PacketBuilder.address("0.0.0.0"), length: 0, version: 4, policy(.bsd))
        hosts.add(PacketBuilder.address("10.9.9.9"), length: 8, version: 4, policy(.linux))
        hosts.add(PacketBuilder.address("10.1.0.0"), length: 16, version: 4, policy(.windows))
        hosts.add(PacketBuilder.address("10.1.2.3"), length: 32, version: 4, policy(.solaris))
        hosts.add(PacketBuilder.address("2001:db8::"), length: 32, version: 6, policy(.irix))
        hosts.add(PacketBuilder.address("2001:db8:0:1::"), length: 65, version: 6, policy(.vista))
        hosts.add(PacketBuilder.address("2001:db8::1"), length: 128, version: 6, policy(.macos))
        return hosts
    }()

    @Test(arguments: [
        ("192.0.2.1", OverlapPolicy.bsd), ("10.0.0.1", .linux), ("10.255.255.255", .linux),
        ("10.1.255.1", .windows),
        ("10.1.2.3", .solaris), ("10.1.2.4", .windows), ("11.0.0.0", .bsd), ("2001:db8::2", .irix),
        ("2001:db8::1", .macos), ("2001:db8:0:1:7fff::1", .vista), ("2001:db8:0:1:8000::1", .irix),
    ])
    func `are those of the longest prefix`(address: String, policy: OverlapPolicy) {
        let version: UInt8 = address.contains(":") ? 6 : 4
        let found = Self.hosts.policy(of: PacketBuilder.address(address), version: version)
        #expect(found == Self.policy(policy))
    }

    @Test func `of one version say nothing of the other`() {
        var hosts = HostPolicies()
        #expect(hosts.isEmpty)
        hosts.add(.zero, length: 0, version: 6, Self.policy(.linux))
        #expect(hosts.policy(of: PacketBuilder.address("10.0.0.1"), version: 4) == nil)
        #expect(hosts.policy(of: PacketBuilder.address("::1"), version: 6) == Self.policy(.linux))
        #expect(Self.hosts.policy(of: PacketBuilder.address("2001:db9::"), version: 6) == nil)
    }

    /// Segments that wait behind a hole, towards the responder and back: what comes second is longer on both sides.
    private func outcome(_ hosts: HostPolicies, _ policy: OverlapPolicy = .first) -> (
        there: String, back: String
    ) {
        var configuration = StreamConfiguration()
        configuration.overlap = policy
        let bench = StreamBench(configuration, hosts: hosts)
        bench.shakeHands()
        for (start, isBack) in [(UInt32(1001), false), (5001, true)] {
            bench.send("oooo", at: start &+ 3, back: isBack)
            bench.send("nnnnnnnn", at: start &+ 1, back: isBack)
            bench.send(".", at: start, back: isBack)
        }
        bench.finish()
        #expect(bench.faults == [])
        return (bench.there.text, bench.back.text)
    }

    @Test func `hold for the direction in which they get the data`() {
        let (originator, responder) = (IPAddress(v4: 1), IPAddress(v4: 2))
        let (old, new) = (".nnoooonn", ".nnnnnnnn")
        #expect(outcome(HostPolicies()) == (old, old))
        var hosts = HostPolicies()
        hosts.add(responder, length: 32, version: 4, Self.policy(.linux))
        #expect(outcome(hosts) == (new, old))
        #expect(outcome(hosts, .last) == (new, new))
        hosts.add(originator, length: 32, version: 4, Self.policy(.first))
        #expect(outcome(hosts, .last) == (new, old))
        hosts.add(responder, length: 32, version: 4, Self.policy(.first))
        hosts.add(originator, length: 32, version: 4, Self.policy(.bsd))
        #expect(outcome(hosts) == (old, new))
    }

    @Test func `that wait for acknowledgements hold back their own direction alone`() {
        var hosts = HostPolicies()
        hosts.add(IPAddress(v4: 2), length: 32, version: 4, Self.policy(.last))
        let bench = StreamBench(hosts: hosts)
        bench.shakeHands()
        bench.send("abc", at: 1001)
        bench.send("xyz", at: 5001, back: true)
        #expect(bench.there.text == "" && bench.back.text == "xyz")
        bench.send("ABC", at: 1001)
        bench.send(at: 5004, acknowledging: 1004, back: true)
        #expect(bench.there.text == "ABC")
    }
}
