// SPDX-License-Identifier: Apache-2.0
// Distinguished Encoding Rules (ITU-T X.690, 8 and 10) read in place:
//
//     | tag | length: 0...127, or 0x81...0x84 and so many bytes | content |

/// One element: its tag and where its content lies.
struct DERElement {
    let tag: UInt8
    /// From the tag on, in the bytes that the reader was given.
    let whole: Range<Int>
    let content: Range<Int>

    static var integer: UInt8 { 0x02 }
    static var bitString: UInt8 { 0x03 }
    static var octetString: UInt8 { 0x04 }
    static var objectIdentifier: UInt8 { 0x06 }
    static var sequence: UInt8 { 0x30 }
    static var set: UInt8 { 0x31 }
    static var utcTime: UInt8 { 0x17 }
    static var generalizedTime: UInt8 { 0x18 }
    static func explicit(_ number: UInt8) -> UInt8 { 0xa0 | number }
}

/// Elements one after the other; nil at the end, or where one is longer than what holds it.
///
/// Tags of more than
/// one byte and indefinite lengths, which DER does not have in certificates, end the list.
struct DERReader: ~Escapable {
    private var reader: ByteReader

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, in range: Range<Int>) { reader = ByteReader(bytes, in: range) }

    @_lifetime(self: copy self)
    mutating func next() -> DERElement? {
        let start = reader.position
        guard let tag = reader.u8(), tag & 0x1f != 0x1f,
            let length = BERLength(reader.bytes, at: reader.position),
            reader.take(length.content - reader.position) != nil, let content = reader.take(length.length)
        else { return nil }
        return DERElement(tag: tag, whole: start..<content.upperBound, content: content)
    }

    /// The next element if it has this tag; nil, and the list stands where it stood, if not.
    @_lifetime(self: copy self)
    mutating func next(tag: UInt8) -> DERElement? {
        let before = reader
        guard let element = next(), element.tag == tag else {
            reader = before
            return nil
        }
        return element
    }
}
