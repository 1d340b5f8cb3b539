// SPDX-License-Identifier: Apache-2.0
// An X.509 certificate (RFC 5280, 4.1) read in place, as far as a monitor reports it:
//
//     Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }
//     tbsCertificate ::= SEQUENCE { [0] version, serial, signature, issuer, validity, subject, key,
//                                   [1] [2] unique identifiers, [3] extensions }
//
// No signature is verified. Names and times come out as Suricata writes them, so that rules and dashboards match.

/// A certificate viewed in place.
public struct X509Certificate: ~Escapable {
    let bytes: RawSpan
    let serialRange: Range<Int>
    let issuerRange: Range<Int>
    let subjectRange: Range<Int>
    let extensionRange: Range<Int>
    /// The first second of validity, from 1970-01-01 UTC on; earlier ones are negative.
    public let notBefore: Int64
    /// The last second of validity, from 1970-01-01 UTC on.
    public let notAfter: Int64
    /// Bytes of the whole certificate; those are what its SHA-1 fingerprint covers.
    public let length: Int

    /// Views the certificate at the start of `bytes`; throws at the first element that is missing or another.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        var outer = DERReader(bytes, in: 0..<bytes.byteCount)
        guard let certificate = outer.next(tag: DERElement.sequence) else {
            throw .invalid(field: .tag, value: 0)
        }
        var inner = DERReader(bytes, in: certificate.content)
        guard let body = inner.next(tag: DERElement.sequence) else { throw .invalid(field: .tag, value: 1) }
        var fields = DERReader(bytes, in: body.content)
        _ = fields.next(tag: DERElement.explicit(0))
        guard let serial = fields.next(tag: DERElement.integer),
            fields.next(tag: DERElement.sequence) != nil,
            let issuer = fields.next(tag: DERElement.sequence),
            let validity = fields.next(tag: DERElement.sequence),
            let subject = fields.next(tag: DERElement.sequence)
        else { throw .invalid(field: .tag, value: 2) }
        var times = DERReader(bytes, in: validity.content)
        guard let first = times.next(), let start = X509Certificate.seconds(bytes, first),
            let last = times.next(), let end = X509Certificate.seconds(bytes, last)
        else { throw .invalid(field: .time, value: UInt64(validity.content.lowerBound)) }
        notBefore = start
        notAfter = end
        serialRange = serial.content
        issuerRange = issuer.content
        subjectRange = subject.content
        var extensions = 0..<0
        while let field = fields.next() {
            if field.tag != DERElement.explicit(3) { continue }
            var wrapped = DERReader(bytes, in: field.content)
            extensions = wrapped.next(tag: DERElement.sequence)?.content ?? 0..<0
        }
        extensionRange = extensions
        length = certificate.whole.upperBound
        self.bytes = bytes
    }

    /// The serial number's bytes, big-endian, a sign byte included.
    public var serial: RawSpan { @_lifetime(copy self) get { bytes.field(serialRange) } }

    /// Appends the serial number as `00:97:E6`.
    public func appendSerial(to text: inout [UInt8]) {
        for index in serialRange {
            if index > serialRange.lowerBound { text.append(0x3a) }
            appendUpperHexadecimal(bytes.unchecked8(index), to: &text)
        }
    }

    /// Appends the subject as `C=US, O=Example, CN=example.org`.
    public func appendSubject(to text: inout [UInt8]) { appendName(subjectRange, to: &text) }

    /// Appends the issuer in the form of the subject.
    public func appendIssuer(to text: inout [UInt8]) { appendName(issuerRange, to: &text) }

    /// The names of the subjectAltName extension (RFC 5280, 4.2.1.6).
    public var alternativeNames: X509AlternativeNames {
        @_lifetime(copy self) get {
            var list = DERReader(bytes, in: extensionRange)
            while let element = list.next(tag: DERElement.sequence) {
                var parts = DERReader(bytes, in: element.content)
                guard let type = parts.next(tag: DERElement.objectIdentifier), type.content.count == 3,
                    bytes.unchecked16(type.content.lowerBound) == 0x551d,
                    bytes.unchecked8(type.content.lowerBound &+ 2) == 17
                else { continue }
                _ = parts.next(tag: 0x01)  // critical
                guard let value = parts.next(tag: DERElement.octetString) else { break }
                var names = DERReader(bytes, in: value.content)
                guard let sequence = names.next(tag: DERElement.sequence) else { break }
                return X509AlternativeNames(bytes, in: sequence.content)
            }
            return X509AlternativeNames(bytes, in: 0..<0)
        }
    }

    /// Seconds since 1970 of a UTCTime or GeneralizedTime in UTC, or nil (RFC 5280, 4.1.2.5).
    private static func seconds(_ bytes: RawSpan, _ element: DERElement) -> Int64? {
        let yearDigits = element.tag == DERElement.utcTime ? 2 : 4
        guard element.tag == DERElement.utcTime || element.tag == DERElement.generalizedTime else {
            return nil
        }
        let start = element.content.lowerBound
        // Seconds may be missing in old UTCTimes; what follows them (Z, an offset) is taken for UTC.
        guard element.content.count >= yearDigits &+ 8 else { return nil }
        func number(_ offset: Int, _ digits: Int) -> Int? {
            bytes.decimal(start &+ offset..<start &+ offset &+ digits)
        }
        guard var year = number(0, yearDigits), let month = number(yearDigits, 2), 1...12 ~= month,
            let day = number(yearDigits &+ 2, 2), 1...31 ~= day, let hour = number(yearDigits &+ 4, 2),
            hour < 24, let minute = number(yearDigits &+ 6, 2), minute < 60
        else { return nil }
        let hasSeconds = element.content.count >= yearDigits &+ 10
        let second = hasSeconds ? number(yearDigits &+ 8, 2) ?? 0 : 0
        if yearDigits == 2 { year &+= year < 50 ? 2_000 : 1_900 }
        return daysSince1970(year: year, month: month, day: day) * 86_400
            + Int64(hour * 3_600 + minute * 60 + second)
    }

    /// Days of the Gregorian calendar from 1970-01-01 to a date, negative before it.
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int64 {
        // Years begin in March here, so that the day that leap years add is their last.
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return Int64(era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468)
    }
}

/// The general names of a certificate, one after the other.
public struct X509AlternativeNames: ~Escapable {
    /// The certificate; what `next` gives are positions in it.
    public let bytes: RawSpan
    private var reader: DERReader

    /// One name.
    public enum Name: Equatable, Sendable {
        /// A host name, as IA5 text.
        case dns(Range<Int>)
        /// An address of 4 or 16 bytes.
        case address(Range<Int>)
        /// A mail address, as IA5 text.
        case mail(Range<Int>)
        /// A URI, as IA5 text.
        case uri(Range<Int>)
    }

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, in range: Range<Int>) {
        self.bytes = bytes
        reader = DERReader(bytes, in: range)
    }

    /// The next name of one of the four kinds, or nil.
    @_lifetime(self: copy self)
    public mutating func next() -> Name? {
        while let element = reader.next() {
            switch element.tag {
            case 0x82: return .dns(element.content)
            case 0x87: return .address(element.content)
            case 0x81: return .mail(element.content)
            case 0x86: return .uri(element.content)
            default: continue
            }
        }
        return nil
    }
}
