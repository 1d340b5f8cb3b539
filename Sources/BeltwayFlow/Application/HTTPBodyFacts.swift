// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

/// What a head says about the body behind it: its name, its part of a larger one, how it is encoded.
struct HTTPBodyFacts {
    /// Of Content-Disposition (RFC 6266), as a JSON string; empty if there is none.
    var name: [UInt8] = []
    /// The boundary of a multipart body (RFC 2046, 5.1.1), empty if it is none.
    var boundary: [UInt8] = []
    /// Whether it is a mail (RFC 2046, 5.2.1).
    var isMessage = false
    /// Of Content-Range (RFC 9110, 14.4).
    var range: HTTPContentRange?
    /// What the server calls this version of the resource (ETag, RFC 9110, 8.8.3).
    var version: [UInt8] = []
    /// Host and target of the request, for an answer that is a range or has some.
    var resource: RangedResource?
    /// Whether its parts are ranges (RFC 9110, 14.6).
    var hasRanges = false
    /// Bytes of the body, if that was told and it is not in chunks.
    var length: UInt64?
    /// Of Content-Encoding (RFC 9110, 8.4).
    var encoding = HTTPContentEncoding.identity

    /// Whether it has the settings of a client that asks for HTTP/2 (RFC 7540, 3.2.1).
    var asksHTTP2 = false

    var heldBytes: Int { name.count + boundary.count + (range?.raw.count ?? 0) }

    /// Takes a field, if it is one of those.
    mutating func read(_ field: RawSpan, _ value: RawSpan) {
        switch field.byteCount {
        case 4 where version.isEmpty && field.equals(ignoringCase: "etag"):
            version.append(copyOf: value.field(0..<128))
        case 12 where boundary.isEmpty && field.equals(ignoringCase: "content-type"):
            isMessage = value.starts(ignoringCase: "message/rfc822")
            guard value.starts(ignoringCase: "multipart/") else { return }
            guard let place = MailReader.parameter("boundary", of: value), !place.isEmpty else { return }
            boundary.append(copyOf: value.field(place).field(0..<256))
        case 13 where range == nil && field.equals(ignoringCase: "content-range"):
            range = HTTPContentRange(value)
        case 14 where field.equals(ignoringCase: "http2-settings"): asksHTTP2 = true
        case 16 where field.equals(ignoringCase: "content-encoding"):
            encoding.add(value)
        case 19 where name.isEmpty && field.equals(ignoringCase: "content-disposition"):
            if let place = MailReader.parameter("filename", of: value) {
                name = FileEvents.name(value.field(place))
            }
        default: break
        }
    }

    /// Takes an answer's type, of which only ranges matter: other parts of an answer are no files.
    mutating func readAnswerType(_ value: RawSpan) {
        guard value.starts(ignoringCase: "multipart/byteranges"),
            let place = MailReader.parameter("boundary", of: value), !place.isEmpty
        else { return }
        hasRanges = true
        boundary = []
        boundary.append(copyOf: value.field(place).field(0..<256))
    }

    /// Whether it is said where bytes of the body belong in a larger file.
    var isRanged: Bool { hasRanges || range != nil }
}

/// What undoes the encoding of a body.
enum HTTPContentEncoding: Equatable {
    case identity
    case gzip
    /// The format of zlib, or raw as some send it.
    case deflate
    /// Known and not undone: the file is what was sent.
    case other
    /// No encoding that is registered, or several.
    case unknown

    /// Takes another field's value; of several encodings none is undone.
    mutating func add(_ value: RawSpan) {
        guard !value.equals(ignoringCase: "identity"), value.byteCount > 0 else { return }
        guard self == .identity else {
            self = .unknown
            return
        }
        if value.equals(ignoringCase: "gzip") || value.equals(ignoringCase: "x-gzip") {
            self = .gzip
        } else if value.equals(ignoringCase: "deflate") {
            self = .deflate
        } else if value.equals(ignoringCase: "br") || value.equals(ignoringCase: "zstd") {
            self = .other
        } else {
            self = .unknown
        }
    }
}

/// `bytes first-last/size` (RFC 9110, 14.4).
struct HTTPContentRange {
    var raw: [UInt8] = []
    var first: UInt64 = 0
    var last: UInt64 = 0
    /// Nil where the size is not known (`*`).
    var size: UInt64?

    init?(_ value: RawSpan) {
        guard value.starts(ignoringCase: "bytes"), let dash = value.firstIndex(of: 0x2d),
            let slash = value.firstIndex(of: 0x2f, from: dash), value.byteCount < 128
        else { return nil }
        guard let first = HTTPContentRange.number(value.field(5..<dash)),
            let last = HTTPContentRange.number(value.field(dash + 1..<slash)), first <= last
        else { return nil }
        (self.first, self.last) = (first, last)
        size = HTTPContentRange.number(value.field(slash + 1..<value.byteCount))
        raw.append(copyOf: value)
    }

    /// A number with blanks round it, below 10^18.
    private static func number(_ text: RawSpan) -> UInt64? {
        var value: UInt64?
        for index in 0..<text.byteCount {
            let byte = text.byte(at: index)
            if byte == 0x20, value == nil { continue }
            guard byte &- 0x30 < 10, value ?? 0 < 100_000_000_000_000_000 else { return nil }
            value = (value ?? 0) * 10 + UInt64(byte - 0x30)
        }
        return value
    }

    /// Writes Suricata's `content_range`.
    func write(_ writer: inout FragmentWriter) {
        writer.open("content_range")
        writer.member("raw", nil, raw.rawBytes)
        writer.member("start", nil, number: first)
        writer.member("end", nil, number: last)
        if let size { writer.member("size", nil, number: size) }
        writer.close()
    }
}
