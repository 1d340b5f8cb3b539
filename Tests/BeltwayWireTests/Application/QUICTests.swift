// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `QUIC` {
    /// RFC 9001, A.2: the head of the protected client Initial, the sample after it, then filling.
    static let initial =
        bytes("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9b")
        + [UInt8](repeating: 0xee, count: 1_200 - 38)

    @Test func `header shows what makes the keys`() throws {
        let header = try QUICLongHeader(Self.initial.span.bytes)
        #expect(header.kind == .initial)
        #expect(header.version == QUICVersion.one)
        let identifier = array(header.destinationID)
        #expect(identifier == bytes("8394c8f03e515708"))
        #expect(header.packetNumberOffset == 18)
        #expect(header.sampleOffset == 22)
        #expect(header.length == 1_200)
        let lengths = [header.sourceID.byteCount, header.token.byteCount]
        #expect(lengths == [0, 0])
    }

    @Test func `header protection comes off with the mask of RFC 9001`() throws {
        let header = try QUICLongHeader(Self.initial.span.bytes)
        let plain = header.unprotect(mask: 0x43_7b9a_ec36)
        #expect(plain?.firstByte == 0xc3)
        #expect(plain?.packetNumber == 2)
        #expect(plain?.packetNumberLength == 4)
    }

    // RFC 9001, A.1.
    @Test(
        arguments: [
            ("client in", 32, "00200f746c73313320636c69656e7420696e00"),
            ("quic key", 16, "00100e746c7331332071756963206b657900"),
            ("quic iv", 12, "000c0d746c733133207175696320697600"),
        ] as [(String, UInt16, String)]
    )
    func `labels are expanded as TLS does`(label: String, length: UInt16, info: String) {
        #expect(QUICVersion.info(label: label, length: length) == bytes(info))
    }

    @Test(arguments: [(UInt8(0xd0), QUICLongHeader.Kind.initial), (0xe0, .zeroRTT), (0xf0, .handshake)])
    func `version 2 numbers its packets otherwise`(first: UInt8, kind: QUICLongHeader.Kind) throws {
        let rest: [UInt8] = kind == .initial ? [0, 1, 0] : [1, 0]
        let packet = [first, 0x6b, 0x33, 0x43, 0xcf, 0, 0] + rest
        let header = try QUICLongHeader(packet.span.bytes)
        #expect(header.kind == kind)
        #expect(header.sampleOffset == nil)
        #expect(header.unprotect(mask: 0) == nil)
    }

    @Test func `is told from other datagrams`() {
        let short: [UInt8] = [0x40, 1, 2, 3, 4, 5, 6, 7, 8]
        let unknown = bytes("c0 51303436 00 00 00 01 00")
        let answers = [Self.initial, short, unknown, []].map {
            QUICLongHeader.probe($0.span.bytes)
        }
        #expect(answers == [.yes, .no, .no, .no])
    }

    @Test func `CRYPTO frames are found between padding and acknowledgements`() {
        let payload: [UInt8] = [
            0, 0, 1, 6, 5, 2, 0xaa, 0xbb, 2, 9, 0, 1, 0, 3, 3, 6, 0x40, 7, 1, 0xcc, 0, 0x1c, 6, 0, 0,
        ]
        var frames = QUICCryptoFrames(payload.span.bytes)
        var found: [UInt64: Range<Int>] = [:]
        while let frame = frames.next() { found[frame.offset] = frame.data }
        #expect(found == [5: 6..<8, 7: 19..<20])
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `handshake bytes come together in any order`(seed: UInt64) {
        let message = handshake(1, SampleHello.browser.clientBody)
        var pieces = stride(from: 0, to: message.count, by: 17).map { $0..<min($0 + 23, message.count) }
        var numbers = SeededNumbers(seed: seed)
        pieces.shuffle(using: &numbers)
        var joiner = QUICCryptoJoiner()
        for piece in pieces {
            let data = Array(message[piece])
            joiner.take(data.span.bytes, at: UInt64(piece.lowerBound))
        }
        let joined = array(joiner.contiguous)
        #expect(joined == message)
        #expect(!joiner.isBroken)
    }

    @Test func `handshake bytes are bounded in length and in stretches`() {
        let byte: [UInt8] = [1]
        for offsets in [[UInt64(1 << 14)], [.max], (0..<100).map { UInt64($0 * 3) }] {
            var joiner = QUICCryptoJoiner()
            for offset in offsets { joiner.take(byte.span.bytes, at: offset) }
            #expect(joiner.isBroken)
            let count = joiner.contiguous.byteCount
            #expect(count <= 1)
        }
    }

    @Test(arguments: [UInt64(1), 2])
    func `never reaches beyond its bytes`(seed: UInt64) {
        survives(Array(Self.initial[..<100]), seed: seed) { span in
            var frames = QUICCryptoFrames(span)
            var joiner = QUICCryptoJoiner()
            while let frame = frames.next() { joiner.take(frames.bytes.field(frame.data), at: frame.offset) }
            guard let header = try? QUICLongHeader(span) else { return .notThisProtocol }
            _ = header.unprotect(mask: 0xff_ffff_ffff)
            let inside = header.destinationID.byteCount + header.sourceID.byteCount + header.token.byteCount
            #expect(inside < span.byteCount)
            return .complete(length: header.length)
        }
        let short = bytes("c000000001000000 15 7b9aec34d1b1c98dd7689fb8ec11d242b123dc9baabb")
        survives(short, seed: seed) { span in
            guard let header = try? QUICLongHeader(span) else { return .notThisProtocol }
            _ = header.unprotect(mask: 1)
            return .complete(length: header.length)
        }
    }
}

@Suite struct `Google's QUIC` {
    /// A hello with a value for SNI and one for UAID, which is cut.
    static let message =
        Array("CHLO".utf8) + [2, 0, 0, 0] + Array("SNI".utf8) + [0, 2, 0, 0, 0] + Array("UAID".utf8)
        + [9, 0, 0, 0] + Array("abc".utf8)

    /// A datagram of version Q043 (connection id, version, number, hash), then of Q046.
    static let datagrams: [[UInt8]] = [
        [0x09, 1, 2, 3, 4, 5, 6, 7, 8] + Array("Q043".utf8) + [1] + hash + frame,
        [0xc3] + Array("Q046".utf8) + [0x50, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1] + hash + frame,
    ]
    private static let hash = [UInt8](repeating: 7, count: 12)
    private static let frame: [UInt8] = [7, 0xa4, 1, 0, 9, 0, UInt8(message.count)] + message + [0]

    /// The tags of a hello with their values.
    static func tags(_ datagram: RawSpan) -> [String]? {
        guard let hello = GQUICHello(datagram) else { return nil }
        var tags: [String] = []
        hello.forEachTag { tag, value in
            tags.append(String(tag, radix: 16) + "=" + text(hello.bytes.field(value)))
        }
        return tags
    }

    @Test(arguments: 0..<2) func `has the tags of the client's hello in the clear`(index: Int) {
        let datagram = Self.datagrams[index]
        #expect(GQUICHello.probe(datagram.span.bytes) == .yes)
        #expect(Self.tags(datagram.span.bytes) == ["534e4900=ab", "55414944=c"])
    }

    @Test func `is told from other datagrams by its version`() {
        for index in [1, 10] {
            var other = Self.datagrams[index == 1 ? 1 : 0]
            other[index] = 0x58
            #expect(GQUICHello.probe(other.span.bytes) == .no)
        }
        #expect(GQUICHello.number(ofVersion: 0x5130_3436) == 46)
        #expect(GQUICHello.number(ofVersion: 0x5130_343a) == nil)
    }

    @Test(arguments: 0..<2) func `never reaches beyond its bytes`(index: Int) {
        survives(Self.datagrams[index], seed: UInt64(index)) { span in
            _ = GQUICHello.probe(span)
            guard let hello = GQUICHello(span) else { return .notThisProtocol }
            hello.forEachTag { _, value in #expect(value.upperBound <= hello.bytes.byteCount) }
            return .complete(length: span.byteCount)
        }
    }
}
