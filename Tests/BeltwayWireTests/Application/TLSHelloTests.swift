// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `A ClientHello` {
    @Test func `shows what the client offers`() throws {
        let body = SampleHello.browser.clientBody
        let hello = try TLSClientHello(body.span.bytes)
        #expect(hello.legacyVersion == 0x0303)
        #expect(hello.highestVersion == 0x0304)
        let name = optionalText(hello.serverName)
        #expect(name == "www.example.org")
        var protocols = hello.applicationProtocols
        var names: [String] = []
        while let name = protocols.next() { names.append(text(protocols.bytes.field(name))) }
        #expect(names == ["h2", "http/1.1"])
        let counts = [
            hello.cipherSuites.count, hello.supportedVersions.count, hello.signatureAlgorithms.count,
            hello.supportedGroups.count, hello.pointFormats.byteCount, hello.sessionID.byteCount,
        ]
        #expect(counts == [16, 3, 8, 4, 1, 3])
        let second = hello.cipherSuites[1]
        #expect(second == 0x1301)
    }

    @Test func `may end before its extensions`() throws {
        let body = SampleHello().clientBody
        let hello = try TLSClientHello(body.span.bytes)
        let name = optionalText(hello.serverName)
        #expect(name == nil)
        #expect(hello.hasExtensions == false)
        #expect(hello.highestVersion == 0x0303)
    }

    @Test func `has no name where the extension contradicts itself, and still its other extensions`() throws {
        var sample = SampleHello()
        sample.extensions = [(0, [0, 9, 0, 0, 200, 0x61]), SampleHello.versions([0x0304])]
        let body = sample.clientBody
        let hello = try TLSClientHello(body.span.bytes)
        let name = optionalText(hello.serverName)
        #expect(name == nil)
        #expect(hello.highestVersion == 0x0304)
    }

    @Test func `has a cookie in a datagram`() throws {
        var sample = SampleHello.browser
        sample.version = 0xfefd
        sample.cookie = [7, 7, 7]
        let body = sample.clientBody
        let hello = try TLSClientHello(body.span.bytes, isDatagram: true)
        let count = hello.cipherSuites.count
        #expect(count == 16)
    }

    @Test(arguments: 0..<46)
    func `that ends before its compression methods do is refused`(count: Int) {
        // 34 + 4 of session + 6 of ciphers + 2 of compression
        let body = Array(SampleHello().clientBody[..<count])
        #expect(throws: WireError.self) { _ = try TLSClientHello(body.span.bytes) }
    }
}

@Suite struct `Fingerprints of TLS` {
    // ada70206e40642a3e4461f35503241d5 and de350869b8c85de67a350c8d186f11e6 in salesforce/ja3's README.
    @Test func `JA3 is written in decimal in the client's order`() throws {
        var sample = SampleHello(version: 769)
        sample.ciphers = [47, 53, 5, 10, 49_161, 49_162, 49_171, 49_172, 50, 56, 19, 4]
        sample.extensions = [
            SampleHello.serverName("a"), SampleHello.numbers(10, [23, 24, 25]), (11, [1, 0]),
        ]
        let body = sample.clientBody
        var ja3: [UInt8] = []
        try TLSClientHello(body.span.bytes).appendJA3(to: &ja3)
        #expect(text(ja3) == "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0")
    }

    @Test func `JA3 keeps its empty fields`() throws {
        let body = SampleHello(version: 769, ciphers: [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99]).clientBody
        var ja3: [UInt8] = []
        try TLSClientHello(body.span.bytes).appendJA3(to: &ja3)
        #expect(text(ja3) == "769,4-5-10-9-100-98-3-6-19-18-99,,,")
    }

    @Test func `JA3S has the chosen cipher and the server's extensions`() throws {
        var sample = SampleHello(ciphers: [0xc02f])
        sample.extensions = [(0xff01, [0]), (11, [1, 0]), (0x1a1a, []), (16, [])]
        let body = sample.serverBody
        var ja3s: [UInt8] = []
        try TLSServerHello(body.span.bytes).appendJA3S(to: &ja3s)
        #expect(text(ja3s) == "771,49199,65281-11-16")
    }

    // t13d1516h2_8daaf6152771_e5627efa2ab1 in FoxIO-LLC/ja4; SHA-256 of the two texts begins like that.
    @Test func `JA4 leaves GREASE out, sorts, and keeps the algorithms' order`() throws {
        let body = SampleHello.browser.clientBody
        var ja4 = JA4Text()
        for _ in 0..<2 { ja4.set(try TLSClientHello(body.span.bytes), carrier: .tcp) }
        #expect(text(ja4.prefix) == "t13d1516h2")
        #expect(
            text(ja4.ciphers)
                == "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9"
        )
        #expect(
            text(ja4.extensions)
                == "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01"
                + "_0403,0804,0401,0503,0805,0501,0806,0601"
        )
    }

    @Test(arguments: [
        ("h", "hh"), ("", "00"), ("h2", "h2"), ("http/1.1", "h1"), ("\u{0}z", "0a"), ("a-", "6d"),
    ])
    func `JA4 shows the ends of the first protocol`(name: String, ends: String) throws {
        var sample = SampleHello()
        sample.extensions = [SampleHello.protocols([name])]
        let body = sample.clientBody
        var ja4 = JA4Text()
        ja4.set(try TLSClientHello(body.span.bytes), carrier: .quic)
        #expect(text(ja4.prefix) == "q12i0201" + ends)
        #expect(text(ja4.extensions) == "")
    }
}

@Suite struct `A ServerHello` {
    @Test func `shows what the server chose`() throws {
        var sample = SampleHello(ciphers: [0x1302])
        sample.extensions = [(43, [3, 4]), SampleHello.protocols(["h2"])]
        let body = sample.serverBody
        let hello = try TLSServerHello(body.span.bytes)
        #expect(hello.version == 0x0304)
        #expect(hello.cipherSuite == 0x1302)
        #expect(hello.isRetryRequest == false)
        var protocols = hello.applicationProtocols
        let first = protocols.next().map { text(protocols.bytes.field($0)) }
        #expect(first == "h2")
    }

    @Test(arguments: 0..<41)
    func `that ends before its compression method is refused`(count: Int) {
        let body = Array(SampleHello().serverBody[..<count])
        #expect(throws: WireError.self) { _ = try TLSServerHello(body.span.bytes) }
    }
}
