// SPDX-License-Identifier: Apache-2.0
// Heads of HTTP/1 messages (RFC 9112) in place, also those that are wrong on purpose:
//
//     GET /a b HTTP/1.1 CR LF        start line: three parts, of which the first and the last are sure
//     Host: example.org LF           LF alone ends a line as well
//       folded                       a line that begins with a blank continues the one before
//     no colon CR LF                 a line without a name
//     CR LF                          the first empty line ends the head, or one of a few blanks
//
// Whoever attacks chooses the form that two readers read differently; so nothing is refused here that servers
// are known to take, and what is odd can be asked for (`isFolded`, an empty name, `version` absent).

/// Where the head of an HTTP/1 message ends, and whether bytes begin one.
public enum HTTP1 {
    /// The longest head that is read, in bytes.
    @inlinable public static var maximumHeadLength: Int { 1 << 16 }

    /// Bytes that browsers pass over before an answer's first line.
    private static var mostBefore: Int { 4 }

    /// Where the head at the start of `bytes` ends, its empty line included; empty lines before it count too.
    ///
    /// - Parameters:
    ///   - bytes: What a side sent.
    ///   - sender: Which side; a few bytes of anything before an answer are passed over.
    /// - Returns: Where it ends, if it is here.
    public static func framing(of bytes: RawSpan, from sender: Sender = .originator) -> Framing {
        var position = startOfHead(bytes)
        if sender == .responder {
            position = startOfAnswer(bytes)
            let needed = mostBefore &+ 5
            let isBegun = bytes.field(position..<position &+ 5).equals(ignoringCase: "HTTP/")
            if !isBegun, bytes.byteCount < needed { return .needMore(atLeast: needed) }
        }
        let limit = min(bytes.byteCount, maximumHeadLength)
        var isFirst = true
        while let end = bytes.firstIndex(of: 0x0a, from: position, before: limit) {
            let isEmpty = bytes.isEmptyLine(position..<end)
            // HTTP/0.9 has one line, a method and a target, and no head to wait for. It knows GET alone (RFC 1945, 4.1),
            // but servers answer to others too.
            let isAlone = isFirst && isVersion09(bytes, position..<end) && !hasFields(bytes, from: end &+ 1)
            if isEmpty || isAlone { return .complete(length: end &+ 1) }
            isFirst = false
            position = end &+ 1
        }
        return bytes.byteCount >= maximumHeadLength
            ? .notThisProtocol : .needMore(atLeast: bytes.byteCount &+ 1)
    }

    /// Whether a line without anything ends at or after `start`; a little before it may belong to the line.
    public static func hasEmptyLine(_ bytes: RawSpan, from start: Int) -> Bool {
        var index = max(start &- RawSpan.mostBlanks &- 1, 0)
        while let end = bytes.firstIndex(of: 0x0a, from: index) {
            guard
                let next = bytes.firstIndex(of: 0x0a, from: end &+ 1, before: end &+ RawSpan.mostBlanks &+ 2)
            else {
                index = end &+ 1
                continue
            }
            if bytes.isEmptyLine(end &+ 1..<next) { return true }
            index = next
        }
        return false
    }

    /// Where an answer's first line begins.
    static func startOfAnswer(_ bytes: RawSpan) -> Int {
        for start in 0...mostBefore where bytes.field(start..<start &+ 5).equals(ignoringCase: "HTTP/") {
            return start
        }
        return startOfHead(bytes)
    }

    /// Empty lines that some clients send after a body (RFC 9112, 2.2).
    static func startOfHead(_ bytes: RawSpan) -> Int {
        var position = 0
        while position < min(bytes.byteCount, 8) {
            let byte = bytes.unchecked8(position)
            guard byte == 0x0a || byte == 0x0d else { break }
            position &+= 1
        }
        return position
    }

    /// Whether lines up to an empty one follow that are no other request: then the first one merely lacks its version.
    private static func hasFields(_ bytes: RawSpan, from start: Int) -> Bool {
        guard start < bytes.byteCount, bytes.unchecked8(start) != 0x0d, bytes.unchecked8(start) != 0x0a else {
            return false
        }
        let rest = bytes.extracting(droppingFirst: start)
        return probe(rest, from: .originator) == .no && hasEmptyLine(rest, from: 0)
    }

    private static func isVersion09(_ bytes: RawSpan, _ line: Range<Int>) -> Bool {
        let text = bytes.field(bytes.trimmedLine(line))
        guard let blank = text.firstIndex(of: 0x20), text.firstIndex(of: 0x20, from: blank &+ 1) == nil,
            text.firstIndex(of: 0x09) == nil
        else { return false }
        return probe(text, from: .originator) == .yes
    }

    /// Whether a side's first bytes are HTTP/1: a known method and a blank, or `HTTP/` and a digit.
    public static func probe(_ prefix: RawSpan, from sender: Sender) -> Probe {
        let rest = prefix.extracting(droppingFirst: startOfHead(prefix))
        guard sender == .originator else {
            guard rest.couldStart(with: "HTTP/") else { return .no }
            guard rest.byteCount > 5 else { return .unknown }
            return rest.unchecked8(5) &- 0x30 < 10 ? .yes : .no
        }
        var couldBe = false
        for index in 0..<methods.count {
            let method = methods[index]
            guard rest.couldStart(with: method) else { continue }
            let length = method.utf8.count
            if rest.byteCount <= length {
                couldBe = true
            } else if isBlank(rest.unchecked8(length)) {
                return .yes
            }
        }
        return couldBe ? .unknown : .no
    }

    /// What clients ask for: RFC 9110, WebDAV (RFC 4918, 3253, 5323), and RPC and SMS over HTTP.
    private static let methods = [
        "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PROPFIND",
        "PROPPATCH",
        "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT", "SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY",
        "CHECKOUT", "CHECKIN", "MERGE", "BPROPFIND", "BITS_POST", "CCM_POST", "RPC_IN_DATA", "RPC_OUT_DATA",
        "SMS_POST", "POLL", "DEBUG",
    ]
}

extension RawSpan {
    /// Blanks that an empty line may have.
    static var mostBlanks: Int { 32 }

    /// Whether a line, which ends before its LF, has nothing or a few blanks.
    func isEmptyLine(_ line: Range<Int>) -> Bool {
        guard line.count <= RawSpan.mostBlanks else { return false }
        for index in line where !isBlank(unchecked8(index)) && unchecked8(index) != 0x0d { return false }
        return true
    }

    /// Where the line at `start` ends, and where the next begins: behind CR LF, LF, or CR alone.
    func line(from start: Int) -> (end: Int, next: Int) {
        let end = lineEnd(from: start)
        if end &+ 1 < byteCount, unchecked8(end) == 0x0d, unchecked8(end &+ 1) == 0x0a {
            return (end, end &+ 2)
        }
        return (end, Swift.min(end &+ 1, byteCount))
    }

    /// A line without the CR before its LF.
    func trimmedLine(_ line: Range<Int>) -> Range<Int> {
        guard !line.isEmpty, unchecked8(line.upperBound &- 1) == 0x0d else { return line }
        return line.lowerBound..<line.upperBound &- 1
    }
}

/// The head of a request, viewed in place.
public struct HTTPRequestHead: ~Escapable {
    let bytes: RawSpan
    let methodRange: Range<Int>
    let targetRange: Range<Int>
    let versionRange: Range<Int>
    let headerRange: Range<Int>

    /// Views a head that ``HTTP1/framing(of:)`` called complete; throws if its first line is blank.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        let start = HTTP1.startOfHead(bytes)
        let lineEnd = bytes.firstIndex(of: 0x0a, from: start) ?? bytes.byteCount
        let line = bytes.trimmed(bytes.trimmedLine(start..<lineEnd))
        guard !line.isEmpty else { throw .invalid(field: .startLine, value: UInt64(start)) }
        var end = line.lowerBound
        while end < line.upperBound, !isBlank(bytes.unchecked8(end)) { end &+= 1 }
        methodRange = line.lowerBound..<end
        let rest = bytes.trimmed(end..<line.upperBound)
        var last = rest.upperBound
        while last > rest.lowerBound, !isBlank(bytes.unchecked8(last &- 1)) { last &-= 1 }
        // The version is the last word if it looks like one; blanks before it belong to the target.
        if last > rest.lowerBound, bytes.field(last..<rest.upperBound).starts(ignoringCase: "HTTP/") {
            versionRange = last..<rest.upperBound
            targetRange = bytes.trimmed(rest.lowerBound..<last)
        } else {
            versionRange = rest.upperBound..<rest.upperBound
            targetRange = rest
        }
        headerRange = min(lineEnd &+ 1, bytes.byteCount)..<bytes.byteCount
        self.bytes = bytes
    }

    /// The method as sent.
    public var method: RawSpan { @_lifetime(copy self) get { bytes.field(methodRange) } }
    /// The request target as sent, blanks inside included.
    public var target: RawSpan { @_lifetime(copy self) get { bytes.field(targetRange) } }
    /// The version as sent, such as `HTTP/1.1`; empty in HTTP/0.9.
    public var version: RawSpan { @_lifetime(copy self) get { bytes.field(versionRange) } }
    /// The header fields in order.
    public var headers: HTTPHeaders {
        @_lifetime(copy self) get { HTTPHeaders(bytes.field(headerRange)) }
    }

    /// How the body that follows is delimited (RFC 9112, 6.3): never by the end of the connection.
    public var body: HTTPBody {
        switch headers.body {
        case .untilClose: .none
        case let body: body
        }
    }
}

/// The head of a response, viewed in place.
public struct HTTPResponseHead: ~Escapable {
    let bytes: RawSpan
    let versionRange: Range<Int>
    let codeRange: Range<Int>
    let reasonRange: Range<Int>
    let headerRange: Range<Int>
    /// The status code as sent, 0 if it is no number of three digits.
    public let status: Int

    /// Views a head that ``HTTP1/framing(of:)`` called complete; throws if it does not begin with `HTTP/`.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        let start = HTTP1.startOfAnswer(bytes)
        let (lineEnd, next) = bytes.line(from: start)
        let line = start..<lineEnd
        guard bytes.field(line).starts(ignoringCase: "HTTP/") else {
            throw .invalid(field: .startLine, value: UInt64(start))
        }
        var end = line.lowerBound
        while end < line.upperBound, !isBlank(bytes.unchecked8(end)) { end &+= 1 }
        versionRange = line.lowerBound..<end
        let rest = bytes.trimmed(end..<line.upperBound)
        var codeEnd = rest.lowerBound
        while codeEnd < rest.upperBound, !isBlank(bytes.unchecked8(codeEnd)) { codeEnd &+= 1 }
        let code = rest.lowerBound..<codeEnd
        codeRange = code
        status = code.count == 3 ? bytes.decimal(code) ?? 0 : 0
        reasonRange = bytes.trimmed(codeEnd..<rest.upperBound)
        headerRange = next..<bytes.byteCount
        self.bytes = bytes
    }

    /// The version as sent, such as `HTTP/1.1`.
    public var version: RawSpan { @_lifetime(copy self) get { bytes.field(versionRange) } }
    /// The status as sent, for one that is no number.
    public var statusText: RawSpan { @_lifetime(copy self) get { bytes.field(codeRange) } }
    /// The reason as sent, often empty.
    public var reason: RawSpan { @_lifetime(copy self) get { bytes.field(reasonRange) } }
    /// The header fields in order.
    public var headers: HTTPHeaders {
        @_lifetime(copy self) get { HTTPHeaders(bytes.field(headerRange)) }
    }

    /// How the body that follows is delimited (RFC 9112, 6.3).
    ///
    /// - Parameters:
    ///   - isToHEAD: Whether the request was a HEAD.
    ///   - isToCONNECT: Whether it was a CONNECT, after whose success the stream is no HTTP any more.
    /// - Returns: `untilClose` where nothing says how long the body is.
    public func body(isToHEAD: Bool = false, isToCONNECT: Bool = false) -> HTTPBody {
        if isToHEAD || 100..<200 ~= status || status == 204 || status == 304 { return .none }
        if isToCONNECT, 200..<300 ~= status { return .untilClose }
        return headers.body
    }
}
