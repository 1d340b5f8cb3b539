// SPDX-License-Identifier: Apache-2.0
import BeltwayAppliance
import BeltwayFlow
import BeltwayTestSupport
import Testing

@Suite struct `A configuration file` {
    private func read(_ text: String) throws -> RunConfiguration {
        let folder = TemporaryFolder()
        return try ConfigurationFile.read(try folder.write(text, to: "c.yaml"))
    }

    /// The error's one line, without the path.
    private func refusal(_ text: String) throws -> String {
        let folder = TemporaryFolder()
        let path = try folder.write(text, to: "c.yaml")
        do {
            _ = try ConfigurationFile.read(path)
            return "accepted"
        } catch {
            guard case .usage(let line) = error else { return "not a usage error: \(error)" }
            #expect(!line.contains("\n"))
            #expect(line.hasPrefix(path))
            return String(line.dropFirst(path.count))
        }
    }

    @Test func `gives networks overlap policies of their own`() throws {
        let hosts = try read(
            """
            reassembly:
              overlap: bsd
              policies:
                - {net: 10.0.0.0/8, policy: linux}
                - {net: [10.1.0.0/16, "2001:db8::/32"], policy: windows2k3}
                - {net: 10.1.2.3, policy: last, fragments: bsd-right}
            """
        ).hosts
        func policy(_ text: String) -> HostPolicies.Policy? {
            hosts.policy(of: PacketBuilder.address(text), version: text.contains(":") ? 6 : 4)
        }
        #expect(policy("10.2.0.1") == HostPolicies.Policy(segments: .linux, fragments: .linux))
        #expect(policy("10.1.0.1") == HostPolicies.Policy(segments: .windows2003, fragments: .windows))
        #expect(policy("2001:db8::9") == HostPolicies.Policy(segments: .windows2003, fragments: .windows))
        #expect(policy("10.1.2.3") == HostPolicies.Policy(segments: .last, fragments: .bsdRight))
        #expect(policy("11.0.0.1") == nil)
        for (wrong, line) in [
            (
                "[{net: 10.0.0.0/33, policy: linux}]",
                "expected a network such as 10.0.0.0/8, found `10.0.0.0/33`"
            ),
            ("[{net: 10.0.0.0/8}]", "a policy has a `net` and a `policy`"),
            ("[{net: 10.0.0.0/8, policy: amiga}]", "expected bsd or drop or first"),
            ("[{nets: 1}]", "unknown key `nets` in policies; did you mean `net`?"),
            ("[linux]", "expected `net` and `policy`"),
        ] {
            #expect(try refusal("reassembly: {policies: \(wrong)}").contains(line), "\(wrong)")
        }
    }

    @Test func `sets whatever the options set`() throws {
        let set = try read(
            """
            interfaces: [eth0, eth1]
            captures: a.pcap
            rules: [one.rules, /etc/rules]
            data: /srv/beltway
            filter: tcp port 80
            queues: 4
            ring: 32MiB
            workers: 3
            api: off
            summary: json
            trace: port == 80
            explain: yes
            store-packets: no
            store-flows: no
            write-events: no
            """
        )
        #expect(set.interfaces == ["eth0", "eth1"])
        #expect(set.captures == ["a.pcap"])
        #expect(set.rules == ["one.rules", "/etc/rules"])
        #expect(set.data == "/srv/beltway")
        #expect(set.filter == "tcp port 80")
        #expect(set.queues == 4)
        #expect(set.ring == 32 << 20)
        #expect(set.workers == 3)
        #expect(set.summaryAsJSON)
        #expect(set.trace == "port == 80")
        #expect(set.explanation == .all)
        #expect(!set.storesPackets && !set.storesFlows && !set.writesEvents)
    }

    @Test func `says what events say, and which protocols are looked for`() throws {
        let events = try read(
            """
            events:
              community-id-seed: 7
              ipv6-compress: yes
              dns: {version: 2, requests: no}
              http: {dump-all-headers: request}
              smtp: {md5: [body, subject], url-schemes: [https, mailto], log-url-scheme: yes}
              smb: {types: [create, file]}
            protocols-off: [http2, dns-udp]
            """
        ).events
        #expect(events.communityIDSeed == 7 && events.compressesIPv6)
        #expect(events.dnsVersion == 2 && events.dns == .responses)
        #expect(events.httpFields == .requests)
        #expect(events.mailDigests == [.body, .subject])
        #expect(events.mailSchemes == [.https, .mailto] && events.showsMailSchemes)
        #expect(events.smbKinds == ["create", "file"])
        #expect(events.withoutOverTCP == [.http2] && events.withoutOverUDP == [.http2, .dns])
        #expect(
            try refusal("events: {dns: {version: 4}}") == ":1:25: expected a number from 2 to 3, found `4`"
        )
        #expect(
            try refusal("events: {dsn: {}}")
                == ":1:10: unknown key `dsn` in `events`; did you mean `dns`?"
        )
        let refused = try refusal("protocols-off: gopher")
        #expect(refused.hasPrefix(":1:16: expected bittorrent-dht or dhcp or"))
        #expect(refused.contains(" or dns or dns-tcp or dns-udp or ") && refused.hasSuffix("found `gopher`"))
    }

    @Test func `sets what has no option`() throws {
        let set = try read(
            """
            share: flow
            vlans-separate-flows: no
            promiscuous: no
            capture-by: libpcap
            pin: [0, 1]
            pipeline: {worker: signalled, statistics: called}
            packets: {quota: 10GiB, free-floor: 1GiB, segment: 64MiB}
            flow:
              capacity: 4096
              midstream: no
              tcp: {new: 5, established: 50, closed: 1, active: 7}
            reassembly: {overlap: windows2003, depth: 1MiB, copies: 2MiB, fragments: bsd-right, fragment-timeout: 9, fragment-memory: 3MiB}
            variables: {HOME_NET: 10.0.0.0/8, $DNS: 10.0.0.53}
            """
        )
        #expect(!set.vlansSeparateFlows && !set.promiscuous && set.usesLibpcap)
        #expect(set.pinned == [0, 1])
        #expect(set.workerWish == .signalled && set.statisticsWish == .called)
        #expect(set.packetQuota == 10 << 30 && set.freeFloor == 1 << 30 && set.segmentLength == 64 << 20)
        #expect(set.flow.capacity == 4096 && !set.flow.midstream)
        #expect(set.flow.tcp.new == 5 && set.flow.tcp.established == 50 && set.flow.tcp.closed == 1)
        #expect(set.flow.tcp.active == 7 && set.flow.udp.active == 0)
        #expect(set.streams.overlap == .windows2003 && set.flow.fragments.policy == .bsdRight)
        #expect(set.streams.depth == 1 << 20 && set.streams.copiedBytes == 2 << 20)
        #expect(set.flow.fragments.timeout == 9 && set.flow.fragments.budget == 3 << 20)
        #expect(set.variables == ["HOME_NET": "10.0.0.0/8", "DNS": "10.0.0.53"])
    }

    @Test(arguments: [
        ("", 0), ("flow: {capacity: 4096, tcp: {new: 5}}", 0), ("flow: {tcp-attempt: 0}", 0),
        ("flow: {tcp-attempt: 1}", 1), ("flow: {tcp-attempt: 5}", 5),
        ("flow: {tcp-attempt: 604800}", 604_800),
    ])
    func `ends attempts that nobody answers only if it says when`(text: String, seconds: Int) throws {
        let flow = try read(text).flow
        #expect(Int(flow.attempt) == seconds)
        #expect(flow.tcp.established == FlowConfiguration().tcp.established)
    }

    @Test(arguments: ["", "# nothing\n", "---\n", "{}\n"])
    func `may say nothing`(text: String) throws {
        #expect(try read(text).workers == nil)
    }

    @Test(arguments: [("yes", Explanation.all), ("no", nil), ("text", .text), ("dot", .dot)])
    func `says in which form the pipeline is printed`(text: String, form: Explanation?) throws {
        #expect(try read("explain: \(text)").explanation == form)
    }

    @Test func `takes auto for the queues`() throws {
        #expect(try read("queues: auto").queues == nil)
    }

    @Test(arguments: [
        ("ruls: x", ":1:1: unknown key `ruls` in the file; did you mean `rules`?"),
        ("workers: 2\n\nringg: 8M", ":3:1: unknown key `ringg` in the file; did you mean `ring`?"),
        ("packets:\n  qota: 1G", ":2:3: unknown key `qota` in `packets`; did you mean `quota`?"),
        ("flow: {tcp: {close: 1}}", ":1:14: unknown key `close` in time-outs; did you mean `closed`?"),
        ("flow: {tcp-attempt: often}", ":1:21: expected a number from 0 to 604800, found `often`"),
        ("flow: {tcp-attempt: -1}", ":1:21: expected a number from 0 to 604800, found `-1`"),
        ("flow: {tcp-attempt: 2.5}", ":1:21: expected a number from 0 to 604800, found `2.5`"),
        ("flow: {tcp-attempt: 604801}", ":1:21: expected a number from 0 to 604800, found `604801`"),
        (
            "flow: {tcp-attempt: {new: 5}}",
            ":1:21: expected a number from 0 to 604800, found `a list or mapping`"
        ),
        ("flow: {tcp-attemt: 5}", ":1:8: unknown key `tcp-attemt` in `flow`; did you mean `tcp-attempt`?"),
        ("workers: lots", ":1:10: expected a number from 1 to 60, found `lots`"),
        ("workers: 0", ":1:10: expected a number from 1 to 60, found `0`"),
        ("workers: [1]", ":1:10: expected a number from 1 to 60, found `a list or mapping`"),
        ("ring: 5 apples", ":1:7: expected a size such as 64MiB, found `5 apples`"),
        ("store-flows: perhaps", ":1:14: expected yes or no, found `perhaps`"),
        (
            "pipeline: {worker: inlined}",
            ":1:20: expected auto or called or signalled, found `inlined`"
        ),
        ("pipeline: {woker: auto}", ":1:12: unknown key `woker` in `pipeline`; did you mean `worker`?"),
        ("explain: loudly", ":1:10: expected yes, no, all, text or dot, found `loudly`"),
        ("summary: xml", ":1:10: expected json or text, found `xml`"),
        ("data: {a: b}", ":1:7: expected a text"),
        ("interfaces: {a: b}", ":1:13: expected a value or a list of values"),
        ("flow: 3", ":1:7: expected `key: value` pairs in `flow`"),
        ("- a\n- b", ":1:1: expected `key: value` pairs in the file"),
        ("sharing: maybe", ":1:10: expected on, off, or `mode`, `user`, `group`, found `maybe`"),
        ("sharing: {mode: 999}", ":1:17: expected a mode in octal such as 0440, found `999`"),
        ("sharing: {group: no-such-group}", ":1:18: there is no group `no-such-group`"),
        ("sharing: {grup: adm}", ":1:11: unknown key `grup` in `sharing`; did you mean `group`?"),
        ("api: 127.0.0.1:80", ":1:6: the API is not built into this version; use `off`"),
        ("? [a, b]\n: c", ":1:3: a key must be a word"),
    ])
    func `is refused with line and column`(text: String, line: String) throws {
        #expect(try refusal(text) == line)
    }

    @Test(arguments: [
        "workers: [1", "a: b: c", "\"", "\t- x", "&a *b", "workers: 1\nworkers: 2", "%YAML 9\n---\n{",
    ])
    func `that is no YAML is refused in one line`(text: String) throws {
        let line = try refusal(text)
        #expect(line.contains(#/^:\d+:\d+: /#), "\(line)")
    }

    @Test func `that refers to itself again and again is refused before it grows`() throws {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<12 {
            text +=
                "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ","))]\n"
        }
        #expect(try refusal(text) != "accepted")
    }

    @Test func `that is huge, no text, a folder or not there is refused`() throws {
        #expect(
            try refusal(String(repeating: "# \n", count: 400_000))
                == ": a configuration file has at most 1 MiB"
        )
        let folder = TemporaryFolder()
        let binary = try folder.write([0xff, 0xfe, 0, 1], to: "c.yaml")
        #expect(throws: ApplianceError.self) { try ConfigurationFile.read(binary) }
        for (path, reason) in [
            (folder.path, "Is a directory"), (folder / "none", "No such file or directory"),
        ] {
            do {
                _ = try ConfigurationFile.read(path)
                Issue.record("accepted")
            } catch { #expect(error.description == "\(path): cannot read the configuration file: \(reason)") }
        }
    }
}
