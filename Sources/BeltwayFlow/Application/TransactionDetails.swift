// SPDX-License-Identifier: Apache-2.0
// What parsers know of a transaction and no event shows: values for logs of other forms, behind the body.
//
//     ,"dns":{"version":3, ..}| detail 1 | length 2, low byte first | value |  detail | length | value | ..
//     `----- shownLength -----'`----------------- detailLength ---------------------------------------'
//
// Written only if somebody asks (``TransactionStage/wantsDetails``). A record may be of details alone: it has no event.
//
// Invariant. A reader never leaves the bytes it was given: a value that is longer than what is left ends the list.
internal import BeltwayWire

/// What a value is; each kind of transaction has its own.
public enum TransactionDetail: UInt8, Sendable {
    /// Time of the first packet, in nanoseconds.
    case start = 1
    // DNS
    case identifier, flags, questions, records, query, queryType, queryClass, answer, timeToLive
    // HTTP
    case method, host, target, referrer, version, agent, origin, requestLength, answerLength, status, reason
    case informationStatus, informationReason, user, proxied
    // TLS
    case cipher, group, serverName, isResumed, alert, nextProtocol, isEstablished, history, certificate
    case clientCertificate, hasCertificates, namesMatch
    // SSH: banners, and the lists of each side's KEXINIT, kex, host key, ciphers and so on in the order of RFC 4253
    case clientBanner, serverBanner, clientList, serverList, hostKey
    // Files: bytes that they are said to have, bytes that did not come by, the name that they were given, as JSON, and
    // their number among the parts of a mail
    case totalBytes, missingBytes, givenName, partNumber
    // SSH: what the lengths of encrypted packets say of the login
    case loginAttempts, isLoggedIn
}

/// Values of a transaction, in the order they were written.
public struct TransactionDetails: ~Escapable {
    /// The list; what ``next()`` gives are places in it.
    public let bytes: RawSpan
    private var position = 0

    /// Views a list.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { self.bytes = bytes }

    /// The next value and what it is, or nil at the end.
    @_lifetime(self: copy self)
    public mutating func next() -> (detail: TransactionDetail, place: Range<Int>)? {
        while position + 3 <= bytes.byteCount {
            let length = Int(bytes.byte(at: position + 1)) | Int(bytes.byte(at: position + 2)) << 8
            let place = position + 3..<position + 3 + length
            guard place.upperBound <= bytes.byteCount else { return nil }
            let detail = TransactionDetail(rawValue: bytes.byte(at: position))
            position = place.upperBound
            if let detail { return (detail, place) }
        }
        return nil
    }

    /// Where the first value of a kind lies, or nil if there is none.
    public func place(of detail: TransactionDetail) -> Range<Int>? {
        var rest = TransactionDetails(bytes)
        while let value = rest.next() {
            if value.detail == detail { return value.place }
        }
        return nil
    }

    /// The first value of a kind; empty if there is none.
    @_lifetime(copy self)
    public func value(_ detail: TransactionDetail) -> RawSpan { bytes.field(place(of: detail) ?? 0..<0) }

    /// The first number of a kind, or nil if there is none.
    public func number(_ detail: TransactionDetail) -> UInt64? {
        guard let place = place(of: detail), place.count == 8 else { return nil }
        return bytes.bigEndian64(at: place.lowerBound)
    }
}

/// Writes values of a transaction.
public struct DetailWriter: ~Copyable {
    var text = TextBuffer(capacity: 512)

    /// Bytes of values that a transaction has at most: half is for a request, half for its answer.
    static var mostBytes: Int { 16_384 }

    /// Appends a value; one that finds no room is cut, and left out if nothing of it would stay.
    mutating func append(_ detail: TransactionDetail, _ value: RawSpan, most: Int = 4096) {
        let room = min(most, DetailWriter.mostBytes / 2 - text.count - 3)
        guard room > 0 || value.byteCount == 0 && room == 0 else { return }
        let kept = value.field(0..<min(value.byteCount, room))
        text.append(detail.rawValue)
        text.append(UInt8(truncatingIfNeeded: kept.byteCount))
        text.append(UInt8(truncatingIfNeeded: kept.byteCount >> 8))
        text.append(raw: kept)
    }

    /// Appends a text that was put together.
    mutating func append(_ detail: TransactionDetail, textOf buffer: borrowing TextBuffer) {
        append(detail, buffer.rawBytes)
    }

    /// Appends a number.
    mutating func append(_ detail: TransactionDetail, number: UInt64) {
        guard text.count + 11 <= DetailWriter.mostBytes / 2 else { return }
        text.append(detail.rawValue)
        text.append(8)
        text.append(0)
        text.append(word: number.bigEndian, size: 8)
    }

    /// Hands what was written over to a body.
    mutating func move(into body: inout TextBuffer) {
        body.append(text.bytes)
        text.removeAll()
    }

    /// Appends values that were written before.
    mutating func append(_ values: [UInt8]) { text.append(values.span) }

    /// What was written.
    consuming func end() -> [UInt8] { text.copy() }
}
