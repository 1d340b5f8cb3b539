// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

/// The answer to a question for `www.a.org`: CNAME to `b.a.org` by a pointer, and its address.
let dnsAnswer: [UInt8] =
    [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0]
    + [3, 0x77, 0x77, 0x77, 1, 0x61, 3, 0x6f, 0x72, 0x67, 0, 0, 1, 0, 1]
    + [0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 0, 0, 4, 1, 0x62, 0xc0, 16]
    + [0xc0, 39, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]

/// The name at `offset`, or nil if it is malformed.
func dnsName(_ bytes: [UInt8], at offset: Int) -> String? {
    guard let message = try? DNSMessage(bytes.span.bytes) else { return nil }
    var labels: [String] = []
    let isWhole = message.forEachLabel(at: offset) { label in
        labels.append(String(decoding: (0..<label.byteCount).map { label.byte(at: $0) }, as: UTF8.self))
        return true
    }
    return isWhole ? labels.joined(separator: ".") : nil
}

@Suite struct `A DNS message` {
    @Test(arguments: 0..<12) func `shorter than its header is refused`(count: Int) {
        #expect(throws: WireError.truncated(need: 12, have: count)) {
            _ = try DNSMessage(dnsAnswer.span.bytes.extracting(first: count))
        }
    }

    @Test func `has the fields of RFC 1035`() throws {
        let message = try DNSMessage(dnsAnswer.span.bytes)
        let (id, isResponse, opcode) = (message.id, message.isResponse, message.opcode)
        #expect(id == 0x1234 && isResponse && opcode == 0)
        let (code, questions, answers) =
            (message.responseCode, message.questionCount, message.count(of: .answers))
        #expect(code == 0 && questions == 1 && answers == 2)
        var offset = DNSMessage.headerLength
        let question = message.question(at: &offset)
        #expect(question?.type == 1)
        #expect(question?.recordClass == 1)
        let first = message.record(at: &offset)
        #expect(first?.type == 5)
        #expect(first?.timeToLive == 256)
        let second = message.record(at: &offset)
        #expect(second?.data == dnsAnswer.count - 4..<dnsAnswer.count)
        #expect(offset == dnsAnswer.count)
        let third = message.record(at: &offset)
        #expect(third?.type == nil)
    }

    @Test func `follows pointers in names, backwards and forwards`() {
        #expect(dnsName(dnsAnswer, at: 12) == "www.a.org")
        #expect(dnsName(dnsAnswer, at: 39) == "b.a.org")
        var bytes = dnsAnswer
        bytes[12] = 0xc0
        bytes[13] = 39
        #expect(dnsName(bytes, at: 12) == "b.a.org")
    }

    @Test func `ends with pointers in a circle`() {
        var bytes = dnsAnswer
        bytes[12] = 0xc0
        bytes[13] = 12
        #expect(dnsName(bytes, at: 12) == nil)
        #expect(dnsName(bytes, at: 1000) == nil)
        #expect(dnsName(bytes, at: -1) == nil)
    }

    @Test func `has names that are cut, however many labels a chain of pointers brings`() {
        // 16,000 labels of one letter: a record of a few bytes each may point at them.
        let bytes = [UInt8](dnsAnswer[..<12]) + (0..<16_000).flatMap { _ in [1, 0x61] as [UInt8] } + [0]
        var labels = 0
        let isWhole = (try? DNSMessage(bytes.span.bytes))?.forEachLabel(at: 12) { _ in
            labels += 1
            return true
        }
        #expect(isWhole == true)
        #expect(labels == DNSMessage.mostNameBytes / 2)
    }

    @Test func `is told from other datagrams on any port`() {
        #expect(DNSMessage.probe(dnsAnswer.span.bytes) == .yes)
        let question = Array([0x12, 0x34, 1, 0, 0, 1] + [0, 0, 0, 0, 0, 0] + dnsAnswer[12..<27])
        #expect(DNSMessage.probe(question.span.bytes) == .yes)
        #expect(DNSMessage.probe((question + [0]).span.bytes) == .no)
        #expect(DNSMessage.probe([UInt8](repeating: 0, count: 64).span.bytes) == .no)
        let text = Array("GET /index.html HTTP/1.1\r\n\r\n".utf8)
        #expect(DNSMessage.probe(text.span.bytes) == .no)
    }

    /// Reads everything that a message offers.
    private func walk(_ bytes: RawSpan) {
        guard let message = try? DNSMessage(bytes) else { return }
        _ = DNSMessage.probe(bytes)
        var offset = DNSMessage.headerLength
        for _ in 0..<message.questionCount {
            guard let question = message.question(at: &offset) else { return }
            _ = message.forEachLabel(at: question.name) { _ in true }
        }
        for section in DNSSection.allCases {
            for _ in 0..<message.count(of: section) {
                guard let record = message.record(at: &offset) else { return }
                #expect(record.data.upperBound <= bytes.byteCount)
                _ = message.forEachLabel(at: record.name) { _ in true }
                _ = message.forEachLabel(at: record.data.lowerBound) { _ in true }
            }
        }
    }

    @Test func `never reaches beyond any prefix, whatever was changed`() {
        for count in 0...dnsAnswer.count { walk(dnsAnswer.span.bytes.extracting(first: count)) }
        var numbers = SeededNumbers(seed: 5)
        for _ in 0..<50_000 {
            var bytes = dnsAnswer
            for _ in 0...numbers.next() % 4 {
                bytes[Int(numbers.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: numbers.next())
            }
            walk(bytes.span.bytes.extracting(first: Int(numbers.next() % UInt64(bytes.count + 1))))
        }
    }
}
