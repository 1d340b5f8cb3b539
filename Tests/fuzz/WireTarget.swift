// SPDX-License-Identifier: Apache-2.0
// libFuzzer: messages of application protocols that strangers wrote. The first byte says which parsers read the rest, so
// that one target serves them all.

import BeltwayWire

/// Reads every byte of a stretch: an address that is none shows.
private func touch(_ bytes: RawSpan) {
    var sum: UInt8 = 0
    for index in 0..<bytes.byteCount { sum &+= bytes.byte(at: index) }
    if sum == 1, bytes.byteCount == 1 << 40 { print(sum) }
}

private func smb2(_ bytes: RawSpan) {
    if let header = try? SMB2Header(bytes) { _ = (header.status, header.treeID, header.sessionID) }
    if let view = SMB2NegotiateRequest(bytes) {
        for index in 0..<max(0, view.dialectCount) { _ = view.dialect(index) }
    }
    for isAnswer in [false, true] {
        if let view = SMB2SessionSetup(bytes, isAnswer: isAnswer) { touch(view.token) }
        if let view = SMB2Control(bytes, isAnswer: isAnswer) { touch(view.data) }
    }
    if let view = SMB2TreeConnectRequest(bytes) { touch(view.path) }
    if let view = SMB2CreateRequest(bytes) {
        var name: [UInt8] = []
        name.append(utf16: view.name)
    }
    if let view = SMB2Transfer(bytes) { touch(view.data) }
    if let view = SMB2SetInfoRequest(bytes) { touch(view.newName) }
    if let view = SMB2CreateAnswer(bytes) { _ = (SMBFileTimes.unix(view.times.created), view.file) }
    if let view = SMB2ReadAnswer(bytes) { touch(view.data) }
    _ = SMBStream.resynchronise(bytes)
}

private func smb1(_ bytes: RawSpan) {
    guard let header = try? SMB1Header(bytes) else { return }
    var offset = SMB1Header.length
    for _ in 0..<16 {
        guard let block = SMB1Block(bytes, at: offset, isUnicode: header.isUnicode) else { return }
        var position = Int(block.u16(14))
        var text: [UInt8] = []
        for _ in 0..<4 { block.appendString(at: &position, to: &text) }
        touch(block.stretch(Int(block.u16(24)), Int(block.u16(22))))
        guard let next = block.next else { return }
        offset = next.offset
    }
}

private func pipes(_ bytes: RawSpan) {
    if let logon = NTLMSSPAuthenticate(in: bytes) {
        touch(logon.domain)
        touch(logon.user)
        touch(logon.workstation)
        _ = logon.version
    }
    guard let call = DCERPCMessage(bytes) else { return }
    call.interfaces { _, _, _, _ in }
    for index in 0..<300 { _ = call.result(index) }
    _ = (call.argumentCount, call.operation?.number, call.callID)
}

private func http2(_ bytes: RawSpan) {
    var table = HPACKTable()
    _ = table.read(bytes) { _ in true }
    // What is remembered is read again.
    _ = table.read(bytes) { _ in false }
    guard let head = HTTP2FrameHead(bytes) else { return }
    let payload = bytes.extracting(droppingFirst: HTTP2FrameHead.length)
    if let range = head.block(in: payload) { touch(payload.field(range)) }
}

private func http1(_ bytes: RawSpan) {
    if case .complete(let length) = HTTP1.framing(of: bytes) {
        let head = bytes.extracting(0..<length)
        if let request = try? HTTPRequestHead(head) {
            touch(request.target)
            var headers = request.headers
            while let field = headers.next() { touch(headers.bytes.field(field.value)) }
        }
        if let answer = try? HTTPResponseHead(head) { touch(answer.statusText) }
    }
    var chunks = HTTPChunks()
    var position = 0
    while case .data(let range) = chunks.next(in: bytes, from: position) { position = range.upperBound }
}

private func tls(_ bytes: RawSpan) {
    if let record = try? TLSRecord(bytes) { _ = record.version }
    var joiner = TLSHandshakeJoiner()
    joiner.take(bytes) { _ in }
    if let hello = try? TLSClientHello(bytes) {
        var extensions = hello.extensions
        while let element = extensions.next() { touch(extensions.bytes.field(element.data)) }
    }
    var text: [UInt8] = []
    if let certificate = try? X509Certificate(bytes) {
        certificate.appendSerial(to: &text)
        certificate.appendSubject(to: &text)
        certificate.appendIssuer(to: &text)
    }
    if let record = try? DTLSRecord(bytes) { _ = record.version }
}

private func ssh(_ bytes: RawSpan) {
    if let banner = try? SSHBanner(bytes) { touch(banner.softwareVersion) }
    if let packet = try? SSHPacket(bytes), let lists = try? SSHKeyExchangeInit(packet.payload) {
        var text: [UInt8] = []
        lists.appendHASSH(from: .originator, to: &text)
    }
    if case .complete(let length) = TextLine.framing(of: bytes) {
        touch(TextCommand(bytes.extracting(0..<length)).argument)
        if let reply = try? ReplyLine(bytes.extracting(0..<length)) { _ = (reply.code, reply.isLast) }
    }
}

private func datagrams(_ bytes: RawSpan) {
    if let message = try? DHCPMessage(bytes) {
        _ = message.forEachOption { _, range in touch(bytes.field(range)) }
    }
    if let packet = try? NTPPacket(bytes) { _ = packet.version }
    if let message = try? DNSMessage(bytes) {
        var offset = 12
        while message.question(at: &offset) != nil {}
        while message.record(at: &offset) != nil {}
        _ = message.forEachLabel(at: 12) { label in
            touch(label)
            return true
        }
    }
    if let hello = GQUICHello(bytes) { hello.forEachTag { _, range in _ = range.count } }
}

/// One input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard count > 0 else { return 0 }
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let bytes = input.span.bytes.extracting(droppingFirst: 1)
    switch input[0] % 8 {
    case 0: smb2(bytes)
    case 1: smb1(bytes)
    case 2: pipes(bytes)
    case 3: http2(bytes)
    case 4: http1(bytes)
    case 5: tls(bytes)
    case 6: ssh(bytes)
    default: datagrams(bytes)
    }
    return 0
}
