// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Testing

@testable import BeltwayDetect

/// The first problem of a rule file, as `line:column: reason`.
func problem(_ text: String, variables: [String: String] = [:]) -> String? {
    RuleLoader.load(text: text, name: "t", variables: variables).refused.first
        .map { "\($0.line):\($0.column): \($0.reason)" }
}

/// The problem with a rule of the given options; the options begin at column 32.
private func optionProblem(_ options: String) -> String? {
    problem("alert tcp any any -> any any (\(options); sid:1;)")
}

@Suite struct `A rule's header` {
    @Test(
        arguments: [
            ("", nil),
            ("# a comment", nil),
            (
                "alarm tcp any any -> any any (sid:1;)",
                "1:1: expected an action (alert, pass, drop, reject), found 'alarm'"
            ),
            ("alert", "1:6: expected a protocol, found the end of the rule"),
            ("alert tcp any any -> any any", "1:29: expected '(', found the end of the rule"),
            ("alert tcp any any -> any (sid:1;)", "1:26: expected a destination port, found '('"),
            ("alert http any any -> any any (sid:1;)", "1:7: protocol http is not supported"),
            ("alert tcp any any <- any any (sid:1;)", "1:19: expected '->' or '<>', found '<-'"),
            ("alert tcp any any => any any (sid:1;)", "1:19: expected '->' or '<>', found '=>'"),
            (
                "alert tcp 1.2.3 any -> any any (sid:1;)",
                "1:11: expected an address, a network or a range, found '1.2.3'"
            ),
            (
                "alert tcp [1.2.3.4,1.2.3.400] any -> any any (sid:1;)",
                "1:20: expected an address, a network or a range, found '1.2.3.400'"
            ),
            (
                "alert tcp 10.0.0.0/33 any -> any any (sid:1;)",
                "1:11: expected an address, a network or a range, found '10.0.0.0/33'"
            ),
            ("alert tcp [1.2.3.4 any -> any any (sid:1;)", "1:11: '[' is not closed by ']'"),
            ("alert tcp !any any -> any any (sid:1;)", "1:11: no address matches this"),
            ("alert tcp $NOWHERE any -> any any (sid:1;)", "1:11: variable '$NOWHERE': it is not defined"),
            (
                "alert tcp any 70000 -> any any (sid:1;)",
                "1:15: expected a port or a range of ports, found '70000'"
            ),
            (
                "alert tcp any 9:1 -> any any (sid:1;)",
                "1:15: expected a port or a range of ports, found '9:1'"
            ),
            (
                "alert tcp any [] -> any any (sid:1;)",
                "1:16: expected an address, port, variable or list, found ']'"
            ),
        ] as [(String, String?)]
    )
    func `is refused where it goes wrong`(text: String, expected: String?) {
        #expect(problem(text) == expected)
    }

    @Test func `reports variables that go round in circles or hold nonsense`() {
        func reason(_ variables: [String: String]) -> String? {
            problem("alert tcp $A any -> any any (sid:1;)", variables: variables)
        }
        #expect(reason(["A": "$B", "B": "!$A"]) == "1:11: variable '$A': it refers to itself")
        #expect(
            reason(["A": "[1.2.3.4"]) == "1:11: variable '$A': expected ',' or ']', found the end of the list"
        )
        #expect(
            reason(["A": "x"]) == "1:11: variable '$A': expected an address, a network or a range, found 'x'"
        )
    }

    @Test func `nests no deeper than 32 levels`() {
        let deep = String(repeating: "[", count: 40) + "1.2.3.4" + String(repeating: "]", count: 40)
        #expect(
            problem("alert tcp \(deep) any -> any any (sid:1;)")?.hasSuffix("nest deeper than 32 levels")
                == true
        )
    }

    @Test(arguments: ["alert", "drop", "reject", "rejectsrc", "rejectdst", "rejectboth"])
    func `alerts for every action but pass`(action: String) {
        #expect(alerts("\(action) tcp any any -> any any (content:\"a\"; sid:7;)", .tcp("a")) == [7])
    }
}

@Suite struct `A rule's options` {
    @Test(arguments: [
        ("http.uri", "1:31: unknown keyword 'http.uri'"),
        ("content:\"a\"; threshold:type limit", "1:44: unknown keyword 'threshold'"),
        ("content", "1:31: 'content' needs a value in quotes"),
        ("content:a", "1:39: 'content' needs a value in quotes"),
        ("content:\"\"", "1:40: content is empty"),
        ("content:\"a|0|\"", "1:43: expected two hex digits for each byte, found one"),
        ("content:\"a|0g|\"", "1:43: expected a hex digit, found 'g'"),
        ("content:\"a|00\"", "1:41: hex bytes are not closed by '|'"),
        ("content:\"a\\n\"", "1:42: expected '\\', '\"', ';' or ':' after a backslash, found 'n'"),
        ("content:\"a", "1:39: the quote is not closed before a ';'"),
        ("nocase", "1:31: 'nocase' needs a content before it"),
        ("content:\"a\"; nocase:1", "1:51: 'nocase' takes no value"),
        ("content:\"ab\"; depth:1", "1:31: depth 1 is smaller than the content's 2 bytes"),
        ("content:\"ab\"; within:1", "1:31: within 1 is smaller than the content's 2 bytes"),
        ("content:\"ab\"; depth:x", "1:51: 'depth' needs a number from 1 to 65535, found 'x'"),
        ("content:\"ab\"; offset:65536", "1:52: 'offset' needs a number from 0 to 65535, found '65536'"),
        (
            "content:\"ab\"; distance:99999999999999",
            "1:54: 'distance' needs a number from -1048576 to 1048576, found '99999999999999'"
        ),
        (
            "content:\"a\"; depth:3; within:3",
            "1:31: distance and within do not go with depth and offset on one content"
        ),
        (
            "content:\"a\"; startswith; depth:3",
            "1:31: startswith does not go with depth, offset, distance or within"
        ),
        ("content:\"a\"; endswith; offset:3", "1:31: endswith does not go with offset"),
        ("content:\"a\"; fast_pattern; fast_pattern", "1:58: a rule has one fast_pattern only"),
        ("content:\"a\"; fast_pattern:0,2", "1:57: fast_pattern 0,2 reaches past the content's 1 bytes"),
        ("content:\"a\"; fast_pattern:often", "1:57: expected 'only' or 'offset,length' after fast_pattern"),
        (
            "content:!\"a\"; fast_pattern:only",
            "1:58: 'fast_pattern:only' is for contents that may stand anywhere"
        ),
        ("pcre:\"a/\"", "1:37: expected '/' before the regular expression"),
        ("pcre:\"/a\"", "1:39: expected '/' after the regular expression"),
        ("pcre:\"/a/U\"", "1:40: pcre flag 'U' (a buffer of HTTP) is not supported"),
        ("pcre:\"/a/q\"", "1:40: unknown pcre flag 'q'"),
        ("pcre:\"/a(b/\"", "1:41: pcre: missing closing parenthesis"),
        ("isdataat:x", "1:40: 'isdataat' needs a number from 0 to 65535, found 'x'"),
        ("isdataat:1,absolute", "1:42: expected 'relative' or 'rawbytes', found 'absolute'"),
        ("flow:sideways", "1:36: unknown flow condition 'sideways'"),
        ("flow:to_server,to_client", "1:64: flow says both to_server and to_client"),
        ("dsize:0<>1", "1:37: no length satisfies this dsize"),
        ("dsize:<0", "1:37: no length satisfies this dsize"),
        ("dsize:", "1:37: 'dsize' needs a number from 0 to 65535, found ''"),
        ("priority:0", "1:40: 'priority' needs a number from 1 to 255, found '0'"),
        ("reference:url", "1:41: expected 'type,id', found 'url'"),
        ("target:me", "1:38: expected 'src_ip' or 'dest_ip', found 'me'"),
        ("msg", "1:31: 'msg' needs a value"),
    ])
    func `are refused where they go wrong`(options: String, expected: String) {
        #expect(optionProblem(options) == expected)
    }

    @Test func `need a sid, a closing parenthesis and nothing after it`() {
        #expect(problem("alert tcp any any -> any any (msg:\"a\";)") == "1:40: the rule has no sid")
        #expect(
            problem("alert tcp any any -> any any (sid:1;") == "1:37: expected ')', found the end of the rule"
        )
        #expect(
            problem("alert tcp any any -> any any (sid:1;) x")
                == "1:39: expected the end of the rule after ')'"
        )
        #expect(
            problem("alert tcp any any -> any any (sid:1)") == "1:37: expected ';', found the end of the rule"
        )
        #expect(problem("alert tcp any any -> any any (sid:0;)")?.contains("'sid' needs a number") == true)
    }

    @Test func `are not more than a rule can hold`() {
        let many = String(repeating: "content:\"a\";", count: 129)
        #expect(
            optionProblem(many + "nocase")?.hasSuffix("more than 128 payload keywords in one rule") == true
        )
    }

    @Test func `describe the rule`() {
        let report = RuleLoader.load(
            text: """
                alert tcp any any -> any any (msg:"A \\"b\\"\\; c"; classtype:trojan-activity; sid:5; rev:3; gid:2; \
                reference:url,example.org/a; reference:cve,2021-44228; reference:bugtraq,12; \
                metadata:k a, l b c, k d; target:src_ip;)
                alert tcp any any -> any any (msg:plain; classtype:unheard-of; sid:6;)
                alert tcp any any -> any any (classtype:trojan-activity; priority:4; sid:7;)
                """
        )
        #expect(report.refused.isEmpty)
        let byID = Dictionary(uniqueKeysWithValues: report.ruleSet.signatures.map { ($0.id, $0) })
        #expect(byID[5]?.message == "A \"b\"; c")
        #expect(byID[5]?.category == "A Network Trojan was detected")
        #expect(byID[5]?.severity == 1)
        #expect(byID[5]?.revision == 3)
        #expect(byID[5]?.generator == 2)
        #expect(
            byID[5]?.references == [
                "https://example.org/a", "https://www.cve.org/CVERecord?id=CVE-2021-44228", "bugtraq,12",
            ]
        )
        #expect(byID[5]?.metadata.map(\.key) == ["k", "l"])
        #expect(byID[5]?.metadata.map(\.values) == [["a", "d"], ["b c"]])
        #expect(byID[6]?.message == "plain")
        #expect(byID[6]?.category == "")
        #expect(byID[6]?.severity == 3)
        #expect(byID[7]?.severity == 4)
    }
}

@Suite struct `Addresses and ports` {
    @Test(
        arguments: [
            ("1.2.3.4", 0xffff_0102_0304, 0xffff_0102_0304),
            ("10.0.0.0/8", 0xffff_0a00_0000, 0xffff_0aff_ffff),
            ("10.1.2.3/8", 0xffff_0a00_0000, 0xffff_0aff_ffff),
            ("1.2.3.4/32", 0xffff_0102_0304, 0xffff_0102_0304),
            ("0.0.0.0/0", 0xffff_0000_0000, 0xffff_ffff_ffff),
            ("10.0.0.0/255.0.0.0", 0xffff_0a00_0000, 0xffff_0aff_ffff),
            ("1.2.3.4-1.2.3.6", 0xffff_0102_0304, 0xffff_0102_0306), ("::1", 1, 1), ("::/0", 0, UInt128.max),
            ("2001:db8::/32", UInt128(0x2001_0db8) << 96, (UInt128(0x2001_0db9) << 96) - 1),
            (
                "1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004_0005_0006_0007_0008,
                0x0001_0002_0003_0004_0005_0006_0007_0008
            ),
            ("::ffff:1.2.3.4", 0xffff_0102_0304, 0xffff_0102_0304),
        ] as [(String, UInt128, UInt128)]
    )
    func `are read in every form`(text: String, low: UInt128, high: UInt128) {
        #expect(addressRange(text) == low...high)
    }

    @Test(arguments: [
        "", "1", "1.2.3.4.5", "1.2.3.-4", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.9-1.2.3.1", "1.2.3.4-::1", ":",
        ":::", "1::2::3",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::12345", "::g", "10.0.0.0/255.0.255.0", "1.2.3.4:::",
    ])
    func `are refused in any other`(text: String) {
        #expect(addressRange(text) == nil)
    }

    @Test(
        arguments: [
            ("80", [80], [79, 81]), ("80:82", [80, 82], [79, 83]), (":1023", [0, 1023], [1024]),
            ("1024:", [1024, 65535], [1023]),
            ("!80", [79, 81], [80]), ("[80,90:92]", [80, 91], [85]), ("[80:90,!85]", [84, 86], [85]),
            ("![80,81]", [82], [80, 81]),
            ("[1:100,![50:60,!55]]", [1, 49, 55], [50, 54, 56]), ("$HTTP_PORTS", [80], [81]),
            ("[$HTTP_PORTS, 8080]", [80, 8080], [81]),
            ("[5060, 5061]", [5060, 5061], [5062]), ("any", [0, 65535], []),
        ] as [(String, [UInt16], [UInt16])]
    )
    func `admit what lists say`(list: String, inside: [UInt16], outside: [UInt16]) {
        let rule = "alert tcp any any -> any \(list) (content:\"a\"; sid:1;)"
        for port in inside { #expect(alerts(rule, .tcp("a", to: port)) == [1], "port \(port)") }
        for port in outside { #expect(alerts(rule, .tcp("a", to: port)) == [], "port \(port)") }
    }

    @Test func `know home and abroad`() {
        func rule(_ source: String, _ destination: String) -> String {
            "alert tcp \(source) any -> \(destination) any (content:\"a\"; sid:1;)"
        }
        #expect(alerts(rule("$EXTERNAL_NET", "$HOME_NET"), .tcp("a")) == [1])
        #expect(alerts(rule("$HOME_NET", "$EXTERNAL_NET"), .tcp("a")) == [])
        #expect(alerts(rule("8.8.8.8", "192.168.1.0/24"), .tcp("a")) == [1])
        #expect(alerts(rule("!8.8.8.8", "any"), .tcp("a")) == [])
        #expect(alerts(rule("[8.8.0.0/16,!8.8.8.0/24]", "any"), .tcp("a")) == [])
        #expect(alerts(rule("$EXTERNAL_NET", "any"), .tcp("a"), variables: ["HOME_NET": "8.8.8.8"]) == [])
    }

    @Test func `match IPv6 packets too`() {
        var packet = TestPacket.tcp("a")
        packet.headers.ipVersion = 6
        packet.headers.source = IPAddress(high: 0x2001_0db8_0000_0000, low: 1)
        packet.headers.destination = IPAddress(high: 0xfe80_0000_0000_0000, low: 2)
        #expect(alerts("alert tcp 2001:db8::/32 any -> fe80::2 any (content:\"a\"; sid:1;)", packet) == [1])
        #expect(alerts("alert tcp 2001:db9::/32 any -> any any (content:\"a\"; sid:1;)", packet) == [])
        #expect(alerts("alert tcp 0.0.0.0/0 any -> any any (content:\"a\"; sid:1;)", packet) == [])
        #expect(alerts("alert ip6 any any -> any any (content:\"a\"; sid:1;)", packet) == [1])
        #expect(alerts("alert ip4 any any -> any any (content:\"a\"; sid:1;)", packet) == [])
    }
}
