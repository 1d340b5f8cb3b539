// SPDX-License-Identifier: Apache-2.0
// A request in HTTP/1 that asks for HTTP/2 (RFC 7540, 3.2): if it is answered with 101, it is the request of stream 1.
//
//     client   GET / HTTP/1.1, Upgrade: h2c, HTTP2-Settings: AAMAAABk..  |            preface SETTINGS
//     server                                101 Switching Protocols     | SETTINGS, HEADERS 1, DATA 1 ..
//
// Its fields are told as HTTP/2 would have sent them: method, path and host as pseudo-fields first; those that belong to the
// connection in HTTP/1 are left out (RFC 9113, 8.2.2). The settings are the first that the client sends (3.2.1).
internal import BeltwayWire

/// What such a request says.
struct HTTP2Upgrade {
    /// Stream 1, with its request.
    var stream = HTTP2Stream(id: 1)
    /// The payload of a SETTINGS frame.
    var settings: [UInt8] = []

    var heldBytes: Int { stream.heldBytes + settings.count }

    /// Reads a head; nil if it does not ask for HTTP/2.
    init?(_ head: borrowing HTTPRequestHead) {
        let bytes = head.headers.bytes
        guard let protocols = head.headers.value(of: "upgrade"), bytes.field(protocols).hasElement("h2c"),
            let text = head.headers.value(of: "http2-settings")
        else { return nil }
        settings = HTTP2Stream.decoded(bytes.field(text).field(0..<min(text.count, 1024)))
        note(Array(":method".utf8), head.method)
        note(Array(":path".utf8), head.target)
        if let host = head.headers.value(of: "host") { note(Array(":authority".utf8), bytes.field(host)) }
        var headers = head.headers
        while let field = headers.next() {
            let name = headers.bytes.field(field.name)
            if !name.isOfConnection { note(name, headers.bytes.field(field.value)) }
        }
        stream.request.isEnded = true
    }

    private mutating func note(_ name: RawSpan, _ value: RawSpan) {
        var bytes: [UInt8] = []
        for index in 0..<min(name.byteCount, 256) {
            let byte = name.byte(at: index)
            bytes.append(0x41...0x5a ~= byte ? byte | 0x20 : byte)
        }
        note(bytes, value)
    }

    private mutating func note(_ name: [UInt8], _ value: RawSpan) {
        guard stream.request.fields.count < HTTP2Session.mostFields else { return }
        var bytes: [UInt8] = []
        bytes.append(copyOf: value.field(0..<min(value.byteCount, 4096)))
        stream.note(.field(name: name, value: bytes), from: .originator)
    }
}

extension HTTP2Session {
    /// Takes the request of stream 1, and what the client wishes to be kept to.
    mutating func begin(
        _ upgrade: HTTP2Upgrade,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        streams.append(upgrade.stream)
        heldByStreams += upgrade.stream.heldBytes
        if upgrade.settings.count % 6 == 0, !upgrade.settings.isEmpty {
            writeSettings(upgrade.settings.rawBytes, from: .originator, &flow, &output)
        }
    }
}

extension RawSpan {
    /// Whether a list with commas has an element, in any case.
    fileprivate func hasElement(_ element: String) -> Bool {
        var start = 0
        while start <= byteCount {
            let end = firstIndex(of: 0x2c, from: start) ?? byteCount
            var last = end
            while start < last, byte(at: start) <= 0x20 { start += 1 }
            while start < last, byte(at: last - 1) <= 0x20 { last -= 1 }
            if field(start..<last).equals(ignoringCase: element) { return true }
            start = end + 1
        }
        return false
    }

    /// Whether a field is about the connection in HTTP/1, or told as a pseudo-field.
    fileprivate var isOfConnection: Bool {
        for name in [
            "host", "connection", "upgrade", "http2-settings", "keep-alive", "proxy-connection",
            "transfer-encoding",
        ] where equals(ignoringCase: name) { return true }
        return false
    }
}
