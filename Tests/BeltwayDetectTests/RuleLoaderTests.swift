// SPDX-License-Identifier: Apache-2.0
import BeltwayDetect
import FoundationEssentials
import Testing

private let valid = """
    alert tcp [$HOME_NET,!10.1.0.0/16] 1024: -> $EXTERNAL_NET [80,8080:8090,!8085] (msg:"A \\"x\\"\\; y"; \
    flow:established,to_server; dsize:10<>900; content:"GET|20 2f|"; nocase; depth:20; fast_pattern:0,3; \
    content:!"zz"; distance:1; within:9; isdataat:!5,relative; pcre:"/a[^\\/]+b/Rim"; content:"end"; endswith; \
    classtype:trojan-activity; reference:url,example.org; metadata:a b, c d; sid:99; rev:2;)
    """

@Suite struct `Loading rules` {
    @Test func `keeps what is good and says what is not, with line and column`() {
        let report = RuleLoader.load(
            text: """
                # a comment
                # alert tcp any any -> any any (msg:"off"; sid:1;)
                #alert tcp any any -> any any (msg:"off"; sid:2;)
                # alert the staff when this fires
                alert tcp any any -> any any (msg:"on"; \\
                    content:"a"; \\
                    http.uri; flowbits:set,x; sid:3;)
                alert tcp any any -> any any (content:"b"; sid:4;)\r
                alert dns any any -> any any (content:"b"; sid:5;)

                """,
            name: "et.rules"
        )
        #expect(report.loaded == 1)
        #expect(report.disabled == 2)
        #expect(
            report.refused.map(\.description) == [
                "et.rules:7:5: unknown keyword 'http.uri'; rule 3 not loaded",
                "et.rules:9:7: protocol dns is not supported; rule 5 not loaded",
            ]
        )
        #expect(report.keywordRefusals == ["http.uri": 1, "flowbits": 1])
        #expect(report.protocolRefusals == ["dns": 1])
        #expect(report.ruleSet.signatures.map(\.id) == [4])
    }

    @Test func `takes the higher revision of a sid, the first of equal ones, and counts the rest`() {
        let rules = """
            alert tcp any any -> any any (msg:"old"; content:"a"; sid:1; rev:1;)
            alert tcp any any -> any any (msg:"new"; content:"a"; sid:1; rev:3;)
            alert tcp any any -> any any (msg:"older"; content:"a"; sid:1; rev:2;)
            alert tcp any any -> any any (msg:"same"; content:"a"; sid:1; rev:3;)
            alert tcp any any -> any any (msg:"other generator"; content:"a"; sid:1; gid:2; rev:1;)
            """
        let report = RuleLoader.load(text: rules)
        #expect(report.loaded == 2)
        #expect(report.duplicates == 3)
        #expect(report.ruleSet.signatures.map(\.message) == ["new", "other generator"])
        #expect(alerts(rules, .tcp("a")) == [1, 1])
    }

    @Test func `reads files, and folders in order of name`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "beltway-rules-\(UInt64.random(in: 0...UInt64.max))"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: folder.appending(path: name))
        }
        try write("b.rules", "alert tcp any any -> any any (msg:\"b\"; classtype:mine; sid:1;)")
        try write("a.rules", "alert tcp any any -> any any (msg:\"a\"; sid:1;)\nalert tcp (sid:2;)")
        try write("notes.txt", "alert tcp any any -> any any (sid:3;)")
        try write("classification.config", "config classification: mine,My Own,2\nnonsense\n")
        let report = RuleLoader.load(paths: [folder.path])
        #expect(report.files.map { $0.split(separator: "/").last } == ["a.rules", "b.rules"])
        #expect(report.ruleSet.signatures.map(\.message) == ["a"])
        #expect(report.refused.map(\.line) == [2])
        let one = RuleLoader.load(paths: [folder.path + "/b.rules", folder.path + "/none.rules"])
        #expect(one.ruleSet.signatures.map(\.category) == ["My Own"])
        #expect(one.ruleSet.signatures.map(\.severity) == [2])
        #expect(
            one.unreadable.map(\.description) == [
                "\(folder.path)/none.rules: no such rule file or folder, or it cannot be read"
            ]
        )
    }

    @Test func `makes an empty rule set of nothing, which matches nothing`() {
        let report = RuleLoader.load(text: "")
        #expect(report.loaded == 0)
        var detector = Detector(report.ruleSet)
        #expect(detector.sids(.tcp("anything at all")) == [])
    }
}

@Suite struct `Hostile rules` {
    @Test func `cut off anywhere are refused, and never trap`() {
        let bytes = Array(valid.utf8)
        #expect(RuleLoader.load(text: valid).loaded == 1)
        for length in 1..<bytes.count {
            let report = RuleLoader.load(text: String(decoding: bytes.prefix(length), as: UTF8.self))
            #expect(report.loaded == 0 && report.refused.count == 1, "the first \(length) bytes")
        }
    }

    @Test(arguments: [UInt64(21), 22, 23])
    func `with bytes changed load or are refused, and never trap on a packet`(seed: UInt64) {
        var numbers = SeededNumbers(state: seed)
        let original = Array(valid.utf8)
        let telling = Array("\"\\;:|()[]!,$/<>-0 9aRi\n#".utf8)
        for round in 0..<250 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &numbers) {
                let at = Int.random(in: bytes.indices, using: &numbers)
                switch Int.random(in: 0...2, using: &numbers) {
                case 0: bytes[at] = telling.randomElement(using: &numbers) ?? 0
                case 1: bytes[at] = UInt8.random(in: 0...255, using: &numbers)
                default: bytes.remove(at: at)
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let report = RuleLoader.load(text: text)
            #expect(report.loaded <= 2, "seed \(seed), round \(round): \(text)")
            var detector = Detector(report.ruleSet)
            _ = detector.sids(.tcp("GET / a..b end"))
        }
    }

    @Test func `of absurd length are refused`() {
        let text =
            "alert tcp any any -> any any (content:\"" + String(repeating: "a", count: 300_000)
            + "\"; sid:1;)"
        let report = RuleLoader.load(text: text + "\nalert tcp any any -> any any (content:\"a\"; sid:2;)")
        #expect(report.loaded == 1)
        #expect(report.refused.map(\.reason) == ["rule is longer than 262144 bytes"])
    }

    @Test func `of any bytes are refused`() {
        var numbers = SeededNumbers(state: 5)
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 1...80, using: &numbers)).map { _ in
                UInt8.random(in: 0...255, using: &numbers)
            }
            #expect(RuleLoader.load(text: String(decoding: bytes, as: UTF8.self)).loaded == 0)
        }
    }
}

@Suite struct `The classes of rules` {
    @Test func `are read line by line, bad lines told by number`() {
        let text =
            "# c\n\nconfig classification: a-b, Long Name ,2\nconfig classification: x,y\nconfig classification: x,y,0\n"
        let (classes, bad) = RuleClasses.parse(Array(text.utf8))
        #expect(classes == RuleClasses([("a-b", "Long Name", 2)]))
        #expect(bad == [4, 5])
    }
}
