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

    @Test func `is searched by words as by bytes, whatever stands before and behind`() {
        // Bytes that differ from the one that is sought by one bit or by a carry.
        let others: [UInt8] = [0x00, 0x01, 0x39, 0x3b, 0x80, 0xba, 0xff]
        var text = (0..<40).map { others[$0 % others.count] }
        for place in 0..<text.count {
            let old = text[place]
            text[place] = 0x3a
            for start in 0..<text.count {
                let span = text.span.bytes
                let found = [
                    span.firstIndex(of: 0x3a, from: start),
                    span.firstIndex(of: 0x3a, from: start, before: 33),
                ]
                #expect(found == [start <= place ? place : nil, start <= place && place < 33 ? place : nil])
            }
            text[place] = old
        }
        let none = text.span.bytes.firstIndex(of: 0x3a)
        #expect(none == nil)
    }

    @Test(arguments: [[0x0a], [0x0d], [0x0d, 0x0a], [0x0a, 0x0d]] as [[UInt8]])
    func `ends a line of headers at CR or LF wherever it stands`(end: [UInt8]) {
        for length in 1..<40 {
            let head = Array("A:".utf8) + [UInt8](repeating: 0x8a, count: length) + end + Array("B: 2".utf8)
            var list = HTTPHeaders(head.span.bytes)
            let values = [list.next()?.value, list.next()?.value]
            let second = 2 + length + end.count + 3
            #expect(values == [2..<2 + length, second..<second + 1])
        }
    }

    @Test func `is cut where a field's range leaves it`() {
        let bytes = Array("abc".utf8)
        let lengths = [0..<3, 1..<99, 5..<7, -3 ..< -1, -1..<1].map { bytes.span.bytes.field($0).byteCount }
        #expect(lengths == [3, 2, 0, 0, 1])
    }
}
