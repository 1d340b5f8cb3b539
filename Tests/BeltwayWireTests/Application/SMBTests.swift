// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

private func little(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(value >> UInt64(8 * $0) & 0xff) }
}

/// A message of SMB 2 with a structure that says a size of itself and has counting bytes behind it.
private func message(size: UInt64, _ count: Int) -> [UInt8] {
    var bytes: [UInt8] = [0xfe, 0x53, 0x4d, 0x42] + little(64, 2) + [UInt8](repeating: 0, count: 58)
    bytes += little(size, 2) + (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
    return bytes
}

/// Reads all that the views of a message offer.
private func walk(_ bytes: RawSpan) -> Framing {
    if let header = try? SMB2Header(bytes) {
        _ = (header.status, header.command, header.treeID, header.sessionID, header.nextCommand)
    }
    if let view = SMB2NegotiateRequest(bytes) {
        for index in 0..<max(0, view.dialectCount) { _ = view.dialect(index) }
    }
    for isAnswer in [false, true] {
        if let view = SMB2SessionSetup(bytes, isAnswer: isAnswer) {
            if let logon = NTLMSSPAuthenticate(in: view.token) {
                _ = (array(logon.domain), array(logon.user), array(logon.workstation), logon.version != nil)
            }
        }
        if let view = SMB2Control(bytes, isAnswer: isAnswer) { _ = array(view.data) }
    }
    if let view = SMB2TreeConnectRequest(bytes) { _ = array(view.path) }
    if let view = SMB2CreateRequest(bytes) { _ = array(view.name) }
    if let view = SMB2Transfer(bytes) { _ = (array(view.data), view.file, view.fileOffset) }
    if let view = SMB2SetInfoRequest(bytes) { _ = array(view.newName) }
    if let view = SMB2CreateAnswer(bytes) { _ = (view.times, view.size, view.file) }
    if let view = SMB2ReadAnswer(bytes) { _ = array(view.data) }
    if let view = SMB2NegotiateAnswer(bytes) { _ = (view.server, view.maximumWrite) }
    for offset in [32, 40, 64] {
        for isUnicode in [false, true] {
            guard let block = SMB1Block(bytes, at: offset, isUnicode: isUnicode) else { continue }
            var position = 0
            var text: [UInt8] = []
            for _ in 0..<4 { block.appendString(at: &position, to: &text) }
            _ = (block.next?.offset, block.u64(3), array(block.stretch(Int(block.u16(1)), Int(block.u16(4)))))
        }
    }
    for start in [0, 64, 66] where start <= bytes.byteCount {
        guard let call = DCERPCMessage(bytes.extracting(droppingFirst: start)) else { continue }
        call.interfaces { _, _, _, _ in }
        for index in 0..<300 { _ = call.result(index) }
        _ = (call.argumentCount, call.operation?.number)
    }
    return .notThisProtocol
}

@Suite struct `SMB` {
    @Test(arguments: [(0, true), (0x81, true), (0x85, true), (0x80, false), (0x86, false), (1, false)])
    func `has a head of NetBIOS before each message`(type: UInt8, isKnown: Bool) {
        let bytes: [UInt8] = [type, 1, 2, 3]
        let head = NetBIOSSessionHead(bytes.span.bytes)
        #expect((head != nil) == isKnown)
        if let head { #expect(head.count == 0x01_0203) }
    }

    @Test(
        arguments: [
            ("00000040 fe534d42", true, Probe.yes), ("00000040 ff534d42", false, .yes),
            ("00000040 fe534d", false, .unknown), ("00000040 fe534d43", false, .no),
            ("00000004 fe534d42", false, .no),
            ("81000044 20", false, .yes), ("81000044", false, .unknown), ("81000045 20", false, .no),
            ("82000000", true, .yes), ("82000000", false, .no), ("16030100", false, .no),
        ]
    )
    func `is known by its first bytes`(hexadecimal: String, isOnPort: Bool, answer: Probe) {
        #expect(SMBStream.probe(bytes(hexadecimal).span.bytes, isOnPort: isOnPort) == answer)
    }

    @Test func `is found again behind bytes that are lost`() {
        let found = SMBStream.resynchronise(bytes("aabb00 00000080 fe534d42 40").span.bytes)
        #expect(found == (3, true))
        let none = SMBStream.resynchronise([UInt8](repeating: 0, count: 20).span.bytes)
        #expect(none == (13, false))
    }

    @Test func `has times since 1601`() {
        #expect(SMBFileTimes.unix(131_570_581_990_000_000) == 1_512_584_599)
        #expect(SMBFileTimes.unix(5) == 0)
        #expect(SMBFileTimes.unix(.max) == 1_833_029_933_770)
    }

    @Test(
        arguments: [
            ("4100 fc00 0000 ac20", "Aü€"), ("3dd8 00de", "😀"), ("3dd8 4100", "\u{fffd}A"),
            ("00de", "\u{fffd}"),
            ("4100 42", "A"),
        ]
    )
    func `has names in UTF-16`(hexadecimal: String, expected: String) {
        var name: [UInt8] = []
        name.append(utf16: bytes(hexadecimal).span.bytes)
        #expect(text(name) == expected)
    }

    @Test(arguments: [36, 25, 9, 57, 49, 24, 33, 89, 17, 65, 16])
    func `survives truncation and damage`(size: UInt64) {
        survives(message(size: size, 120), seed: size, rounds: 300, walk: walk)
    }

    @Test func `survives truncation and damage of what tokens and pipes carry`() {
        let token =
            Array("NTLMSSP\0".utf8) + little(3, 4) + [UInt8](repeating: 4, count: 60) + [UInt8](0..<60)
        var setup = message(size: 25, 22)
        setup.replaceSubrange(76..<80, with: little(88, 2) + little(UInt64(token.count), 2))
        survives(setup + token, seed: 7, rounds: 500, walk: walk)
        let bind: [UInt8] =
            [5, 0, 11, 3, 0x10, 0, 0, 0] + little(72, 2) + little(0, 6) + little(0, 8) + [2, 0, 0, 0]
            + [UInt8](0..<88)
        survives(bind, seed: 8, rounds: 500, walk: walk)
    }
}
