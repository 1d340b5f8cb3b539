// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

/// What a block of fields says, a line each; nil if it is damaged.
private func read(_ hexadecimal: String, _ table: inout HPACKTable) -> [String]? {
    var lines: [String] = []
    let isRead = table.read(bytes(hexadecimal).span.bytes) { item in
        switch item {
        case .field(let name, let value): lines.append("\(text(name)): \(text(value))")
        case .sizeUpdate(let size): lines.append("size \(size)")
        }
        return true
    }
    return isRead ? lines : nil
}

@Suite struct `HPACK` {
    @Test func `reads the requests of RFC 7541, C.4`() {
        var table = HPACKTable()
        let common = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]
        #expect(read("828684418cf1e3c2e5f23a6ba0ab90f4ff", &table) == common)
        #expect(read("828684be5886a8eb10649cbf", &table) == common + ["cache-control: no-cache"])
        let third = [
            ":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com",
            "custom-key: custom-value",
        ]
        #expect(read("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", &table) == third)
        #expect(table.size == 164)
    }

    @Test func `reads the answers of RFC 7541, C.6, and forgets what does not fit`() {
        var table = HPACKTable()
        #expect(read("3fe101", &table) == ["size 256"])
        let first =
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82"
            + "ae43d3"
        let common = [
            "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT",
            "location: https://www.example.com",
        ]
        #expect(read(first, &table) == [":status: 302"] + common)
        #expect(table.size == 222)
        #expect(read("4883640effc1c0bf", &table) == [":status: 307"] + common)
        #expect(table.size == 222)
    }

    @Test(
        arguments: [
            "80", "be", "ff80808001", "41", "4185", "41850000", "4181ff", "4184ffffffff", "4000",
            "3f80808001",
        ]
    )
    func `refuses what is damaged`(hexadecimal: String) {
        var table = HPACKTable()
        #expect(read(hexadecimal, &table) == nil)
    }

    @Test func `remembers no more than its bound`() {
        var table = HPACKTable()
        _ = read("3fe1ff03", &table)
        for _ in 0..<2000 { _ = read("40017804" + "61616161", &table) }
        #expect(table.size <= HPACKTable.mostBytes)
        #expect(table.size > 60_000)
    }

    @Test func `survives truncation and damage`() {
        survives(bytes("828684418cf1e3c2e5f23a6ba0ab90f4ff5886a8eb10649cbf"), seed: 3) { block in
            var table = HPACKTable()
            _ = table.read(block) { _ in true }
            return .notThisProtocol
        }
    }
}

@Suite struct `A frame of HTTP/2` {
    @Test(
        arguments: [
            ("505249202a20485454502f322e300d0a0d0a534d0d0a0d0a", Sender.originator, Probe.yes),
            ("505249202a20", .originator, .unknown), ("474554202f", .originator, .no),
            ("000012040000000000", .responder, .yes), ("000012040000", .responder, .unknown),
            ("000012040000000001", .responder, .no), ("000013040000000000", .responder, .no),
            ("485454502f", .responder, .no), ("0000120100", .responder, .no),
        ]
    )
    func `is known by the preface, or by SETTINGS`(hexadecimal: String, sender: Sender, answer: Probe) {
        #expect(HTTP2FrameHead.probe(bytes(hexadecimal).span.bytes, from: sender) == answer)
    }

    @Test func `has its block of fields between priority and padding`() {
        let head = HTTP2FrameHead(bytes("00000a 01 2c 00000001").span.bytes)
        #expect(head?.block(in: bytes("02 00000000 10 aabb 0000").span.bytes) == 6..<8)
        #expect(head?.block(in: bytes("09 00000000 10").span.bytes) == nil)
        #expect(head?.block(in: [UInt8]().span.bytes) == nil)
    }
}
