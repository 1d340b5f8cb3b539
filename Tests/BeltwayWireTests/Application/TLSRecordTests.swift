// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `A TLS record` {
    @Test func `ends where its length says`() throws {
        let bytes = record(22, [1, 2, 3]) + [9]
        let framing = TLSRecord.framing(of: bytes.span.bytes)
        #expect(framing == .complete(length: 8))
        let view = try TLSRecord(bytes.span.bytes)
        #expect(view.content == .handshake)
        #expect(view.version == 0x0301)
        let length = view.fragment.byteCount
        #expect(length == 3)
    }

    @Test(arguments: [([], 5), ([22], 5), ([22, 3, 1, 0], 5), ([22, 3, 1, 0, 9], 14)] as [([UInt8], Int)])
    func `needs its head, then its fragment`(bytes: [UInt8], need: Int) {
        let framing = TLSRecord.framing(of: bytes.span.bytes)
        #expect(framing == .needMore(atLeast: need))
    }

    @Test(arguments: [[0x47], [22, 2], [22, 3, 1, 0xff, 0xff], [25, 3, 1, 0, 0]] as [[UInt8]])
    func `is told from other bytes`(bytes: [UInt8]) {
        let framing = TLSRecord.framing(of: bytes.span.bytes)
        #expect(framing == .notThisProtocol)
    }

    @Test(arguments: 0...9)
    func `is recognised by its hello and not before`(count: Int) {
        let hello = Array(record(22, handshake(1, [])).prefix(count))
        let answers = [Sender.originator, .responder].map { TLSRecord.probe(hello.span.bytes, from: $0) }
        #expect(answers == (count < 6 ? [.unknown, .unknown] : [.yes, .no]))
    }
}

@Suite struct `Handshake messages over records` {
    static let messages = [handshake(1, Array(0..<200)), handshake(11, [1, 2, 3]), handshake(14, [])]

    @Test(arguments: [1, 2, 3, 4, 5, 7, 50, 203, 204, 205, 208, 300])
    func `come out whole however the records cut them`(step: Int) {
        let bytes = Self.messages.flatMap { $0 }
        var joiner = TLSHandshakeJoiner()
        var found: [[UInt8]] = []
        for start in stride(from: 0, to: bytes.count, by: step) {
            let fragment = Array(bytes[start..<min(start + step, bytes.count)])
            joiner.take(fragment.span.bytes) { message in
                found.append(handshake(Int(message.type), array(message.body)))
            }
        }
        #expect(found == Self.messages)
        #expect(joiner.heldLength == 0)
    }

    @Test func `are not copied where they lie in one record`() {
        let bytes = Self.messages[0]
        var joiner = TLSHandshakeJoiner()
        var count = 0
        joiner.take(bytes.span.bytes) { _ in count += 1 }
        #expect(count == 1)
        #expect(joiner.heldLength == 0)
    }

    @Test func `stop at one that is longer than the limit`() {
        let bytes: [UInt8] = [11, 0xff, 0xff, 0xff, 0]
        var joiner = TLSHandshakeJoiner()
        joiner.take(bytes.span.bytes) { _ in Issue.record("no message is whole") }
        let next = Self.messages[0]
        joiner.take(next.span.bytes) { _ in Issue.record("nothing is read any more") }
        #expect(joiner.isBroken)
        #expect(joiner.heldLength == 0)
    }
}

@Suite struct `DTLS` {
    @Test(arguments: [1, 7, 60, 500])
    func `handshake fragments in order make the message`(step: Int) throws {
        let body = SampleHello.browser.clientBody
        var joiner = DTLSHandshakeJoiner()
        var found: [Int] = []
        for offset in stride(from: 0, to: body.count, by: step) {
            let part = Array(body[offset..<min(offset + step, body.count)])
            let bytes = datagramRecord(1, sequence: 3, of: body.count, at: offset, part)
            #expect(DTLSRecord.framing(of: bytes.span.bytes) == .complete(length: bytes.count))
            let record = try DTLSRecord(bytes.span.bytes)
            let message = try DTLSHandshake(record.fragment)
            joiner.take(message) { kind, whole in
                if kind == .clientHello { found.append(whole.byteCount) }
            }
            // A repeated fragment adds nothing.
            if step > 1 { joiner.take(message) { _, _ in } }
        }
        #expect(found.first == body.count)
    }

    @Test func `is recognised by its hello`() {
        let hello = datagramRecord(1, sequence: 0, of: 1, at: 0, [1])
        #expect(DTLSRecord.probe(hello.span.bytes, from: .originator) == .yes)
        let text = Array("GET / HTTP/1.1".utf8)
        #expect(DTLSRecord.probe(text.span.bytes, from: .originator) == .no)
    }
}

@Suite struct `Hostile TLS` {
    /// Reads all there is to read.
    static func walk(_ bytes: RawSpan) -> Framing {
        let framing = TLSRecord.framing(of: bytes)
        _ = TLSRecord.probe(bytes, from: .originator)
        _ = TLSRecord.isSSL2Hello(bytes)
        var joiner = TLSHandshakeJoiner()
        var sum = 0
        if let record = try? TLSRecord(bytes) {
            joiner.take(record.fragment) { message in sum += read(message.body) }
        }
        // Damage in the heads must not hide the bodies.
        sum += read(bytes.field(9..<max(9, bytes.byteCount)))
        #expect(sum >= 0)
        return framing
    }

    static func read(_ body: RawSpan) -> Int {
        var text: [UInt8] = []
        for isDatagram in [false, true] {
            guard let hello = try? TLSClientHello(body, isDatagram: isDatagram) else { continue }
            hello.appendJA3(to: &text)
            var ja4 = JA4Text()
            ja4.set(hello, carrier: .tcp)
            text += ja4.prefix + ja4.ciphers + ja4.extensions
            if let name = hello.serverName { text.append(UInt8(truncatingIfNeeded: name.byteCount)) }
            if hello.random.byteCount != 32 { Issue.record("a random of another length") }
        }
        if let hello = try? TLSServerHello(body) {
            hello.appendJA3S(to: &text)
            _ = hello.isRetryRequest
            text.append(UInt8(truncatingIfNeeded: hello.version))
        }
        for isVersion13 in [false, true] {
            guard var chain = try? TLSCertificateChain(body, isVersion13: isVersion13) else { continue }
            while let range = chain.next() {
                guard let certificate = try? X509Certificate(chain.bytes.field(range)) else { continue }
                certificate.appendSubject(to: &text)
                certificate.appendIssuer(to: &text)
                certificate.appendSerial(to: &text)
                var names = certificate.alternativeNames
                while let name = names.next() {
                    if case .dns(let range) = name { text.append(UInt8(range.count & 255)) }
                }
            }
        }
        return text.count
    }

    @Test(arguments: [UInt64(1), 2])
    func `hellos and certificates never reach beyond their bytes`(seed: UInt64) {
        var server = SampleHello(ciphers: [0x1301])
        server.extensions = [(43, [3, 4]), SampleHello.protocols(["h2"])]
        let chain = vector(vector(sampleCertificate, 3) + vector(sampleCertificate, 3), 3)
        for message in [
            handshake(1, SampleHello.browser.clientBody), handshake(2, server.serverBody),
            handshake(11, chain),
        ] { survives(record(22, message), seed: seed, walk: Self.walk) }
    }

    @Test func `datagrams never reach beyond their bytes`() {
        let body = SampleHello.browser.clientBody
        let bytes = datagramRecord(1, sequence: 0, of: body.count, at: 0, body)
        survives(bytes, seed: 3) { span in
            _ = DTLSRecord.probe(span, from: .responder)
            if let record = try? DTLSRecord(span), let message = try? DTLSHandshake(record.fragment) {
                var joiner = DTLSHandshakeJoiner()
                joiner.take(message) { _, body in _ = Self.read(body) }
            }
            return DTLSRecord.framing(of: span)
        }
    }
}
