// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `Text in bytes` {
    @Test(
        arguments: [
            ("Host", "host", true), ("HOST", "hOsT", true), ("Hos", "host", false), ("Hosts", "host", false),
            ("@[`{", "`{@[", false), ("", "", true),
        ]
    )
    func `is compared in either case only where it is a letter`(text: String, other: String, equal: Bool) {
        let bytes = Array(text.utf8)
        let found = bytes.span.bytes.equals(ignoringCase: other)
        #expect(found == equal)
    }

    @Test func `starts with no more than it holds`() {
        let bytes = Array("SSH-".utf8)
        let answers = [
            bytes.span.bytes.starts(with: "SSH-"), bytes.span.bytes.starts(with: "SSH-2"),
            bytes.span.bytes.starts(with: "ssh-"), bytes.span.bytes.starts(ignoringCase: "ssh-"),
        ]
        #expect(answers == [true, false, false, true])
    }

    @Test func `is searched from a start to an end and not beyond`() {
        let bytes = Array("a:b:c".utf8)
        let span = bytes.span.bytes
        let found = [
            span.firstIndex(of: 0x3a), span.firstIndex(of: 0x3a, from: 2),
            span.firstIndex(of: 0x3a, from: 2, before: 3), span.firstIndex(of: 0x63, before: 99),
            span.firstIndex(of: 0x61, from: -4), span.firstIndex(of: 0x61, from: 99),
        ]
        #expect(found == [1, 3, nil, 4, 0, nil])
    }

    @Test func `is cut where a field's range leaves it`() {
        let bytes = Array("abc".utf8)
        let lengths = [0..<3, 1..<99, 5..<7, -3 ..< -1, -1..<1].map { bytes.span.bytes.field($0).byteCount }
        #expect(lengths == [3, 2, 0, 0, 1])
    }
}
