// SPDX-License-Identifier: Apache-2.0
// What Suricata's `quic` shows of a hello, in its order: version, sni, ua, cyu, ja3 or ja3s, ja4, extensions.
internal import BeltwayWire

extension QUICParser {
    static func writeClient(
        _ hello: borrowing TLSClientHello,
        version: UInt32,
        number: UInt32,
        _ output: inout TransactionStage
    ) {
        output.begin(.quic, number: number, object: "quic", showsNumber: false)
        writeVersion(version, &output)
        if let name = hello.serverName { writeText("sni", name, Column.name, &output) }
        var text: [UInt8] = []
        hello.appendJA3(to: &text)
        writeDigest("ja3", text, Column.ja3, &output)
        var fingerprint = JA4Text()
        fingerprint.set(hello, carrier: .quic)
        output.text.member("ja4")
        output.beginValue()
        output.text.append(fingerprint)
        output.mark(Column.ja4)
        writeExtensions(hello.extensions, &output)
        if output.wantsDetails {
            output.details.append(.start, number: output.packet.time.nanoseconds)
            if let name = hello.serverName { output.details.append(.serverName, name, most: 1024) }
        }
        output.end()
    }

    static func writeServer(
        _ hello: borrowing TLSServerHello,
        version: UInt32,
        number: UInt32,
        _ output: inout TransactionStage
    ) {
        output.begin(.quic, number: number, object: "quic", showsNumber: false, turned: true)
        writeVersion(version, &output)
        var text: [UInt8] = []
        hello.appendJA3S(to: &text)
        writeDigest("ja3s", text, Column.ja3s, &output)
        writeExtensions(hello.extensions, &output)
        if output.wantsDetails {
            output.details.append(.version, number: UInt64(hello.version))
            output.details.append(.cipher, number: UInt64(hello.cipherSuite))
            if let group = hello.selectedGroup { output.details.append(.group, number: UInt64(group)) }
            output.details.append(.isResumed, number: hello.hasPreSharedKey ? 1 : 0)
        }
        output.end()
    }

    /// Writes a hello of Google's, with CYU: the version's number and the names of the tags, and the MD5 of that.
    static func writeGoogle(
        _ hello: borrowing GQUICHello,
        number: UInt32,
        turned: Bool,
        _ output: inout TransactionStage
    ) {
        output.begin(.quic, number: number, object: "quic", showsNumber: false, turned: turned)
        writeVersion(hello.version, &output)
        var text: [UInt8] = []
        var name = 0..<0
        var agent = 0..<0
        for digit in [hello.version >> 8, hello.version] { text.append(UInt8(truncatingIfNeeded: digit)) }
        var separator = UInt8(ascii: ",")
        hello.forEachTag { tag, value in
            if tag == 0x534e_4900 { name = value }
            if tag == 0x5541_4944 { agent = value }
            text.append(separator)
            separator = UInt8(ascii: "-")
            for shift in [24, 16, 8, 0] as [UInt32] {
                let letter = UInt8(truncatingIfNeeded: tag >> shift)
                if letter != 0 { text.append(letter) }
            }
        }
        if !name.isEmpty { writeText("sni", hello.bytes.field(name), Column.name, &output) }
        if !agent.isEmpty { writeText("ua", hello.bytes.field(agent), Column.agent, &output) }
        output.text.openArray("cyu")
        output.text.openObject()
        writeHashAndString(text, Column.cyu, &output)
        output.text.closeObject()
        output.text.closeArray()
        output.end()
    }

    /// As Suricata has it: Google's as their letters, the others as a hexadecimal number.
    private static func writeVersion(_ version: UInt32, _ output: inout TransactionStage) {
        output.text.member("version")
        output.beginValue()
        output.text.append(0x22)
        if GQUICHello.number(ofVersion: version) != nil {
            for shift in [24, 16, 8, 0] as [UInt32] {
                output.text.append(UInt8(truncatingIfNeeded: version >> shift))
            }
        } else {
            output.text.append(hexadecimal: UInt64(version))
        }
        output.text.append(0x22)
        output.mark(Column.version)
    }

    private static func writeText(
        _ name: StaticString,
        _ value: RawSpan,
        _ column: Int,
        _ output: inout TransactionStage
    ) {
        output.text.member(name)
        output.beginValue()
        output.text.append(wireString: value)
        output.mark(column)
    }

    private static func writeDigest(
        _ name: StaticString,
        _ text: [UInt8],
        _ column: Int,
        _ output: inout TransactionStage
    ) {
        output.text.openObject(name)
        writeHashAndString(text, column, &output)
        output.text.closeObject()
    }

    private static func writeHashAndString(
        _ text: [UInt8],
        _ column: Int,
        _ output: inout TransactionStage
    ) {
        output.text.member("hash")
        output.beginValue()
        output.text.append(0x22)
        output.text.append(md5Of: text.rawBytes)
        output.text.append(0x22)
        output.mark(column)
        output.text.member("string", string: text.rawBytes)
    }

    private static func writeExtensions(
        _ extensions: consuming TLSExtensions,
        _ output: inout TransactionStage
    ) {
        var list = extensions
        output.text.openArray("extensions")
        while let element = list.next() {
            guard output.hasRoom() else { break }
            output.text.openObject()
            if let name = TLSExtensionNames.name(ofType: element.type) {
                output.text.member("name", literal: name)
            }
            output.text.member("type", UInt64(element.type))
            let data = list.bytes.field(element.data)
            if element.type == TLSExtensions.Kind.serverName { writeNames(data, heads: 1, &output) }
            if element.type == TLSExtensions.Kind.applicationProtocols { writeNames(data, heads: 0, &output) }
            output.text.closeObject()
        }
        output.text.closeArray()
    }

    /// Writes `values`: the names of a list of 16-bit length.
    ///
    /// - Parameters:
    ///   - data: The extension's data.
    ///   - heads: 1 for names of server_name, with a kind and a length of two bytes each; 0 for those of ALPN, with a
    ///     length of one byte.
    ///   - output: Takes them.
    private static func writeNames(_ data: RawSpan, heads: Int, _ output: inout TransactionStage) {
        var offset = 2
        var isOpen = false
        while offset < data.byteCount {
            var start = offset + 1
            var count = Int(data.byte(at: offset))
            if heads == 1 {
                guard offset + 3 <= data.byteCount else { break }
                count = Int(data.bigEndian16(at: offset + 1))
                start = offset + 3
            }
            guard start + count <= data.byteCount, output.hasRoom() else { break }
            if !isOpen {
                isOpen = true
                output.text.openArray("values")
            }
            output.text.separate()
            output.text.append(wireString: data.extracting(start..<start + count))
            offset = start + count
        }
        if isOpen { output.text.closeArray() }
    }
}

extension TextBuffer {
    /// Appends a JA4 with its quotation marks.
    mutating func append(_ fingerprint: borrowing JA4Text) {
        append(0x22)
        append(fingerprint.prefix.span)
        for part in [fingerprint.ciphers, fingerprint.extensions] {
            append(0x5f)
            if part.isEmpty { append("000000000000") } else { append(sha256Of: part.rawBytes, first: 6) }
        }
        append(0x22)
    }
}
