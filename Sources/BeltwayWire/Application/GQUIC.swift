// SPDX-License-Identifier: Apache-2.0
// Google's QUIC before it took TLS over: versions Q001 to Q046 (QUIC Wire Layout Specification, 2014 to 2018).
//
//     up to Q043   | flags | connection id 8 | version 4 | packet number 1, 2, 4, 6 | hash 12 | (flags) | frames
//     Q044, Q046   | 1 ... | version 4 | lengths 1 | connection id 8 | packet number 1...4 | hash 12 | frames
//
//     stream 1     | C H L O | count 2 | 0 0 | (tag 4, end of its value 4) * count | values ...      little-endian
//
// The client's hello is only hashed, not encrypted: what it names can be read. Its frames are big-endian from Q039 on.

/// The hello of a client of Google's QUIC, viewed in place.
public struct GQUICHello: ~Escapable {
    /// The message from `CHLO` on; what `forEachTag` gives are positions in it.
    public let bytes: RawSpan
    /// The version as sent, four letters such as `Q046`.
    public let version: UInt32

    /// Finds the hello in a datagram, or nil if its first packet holds none.
    @_lifetime(copy datagram)
    public init?(_ datagram: RawSpan) {
        guard let (version, start) = GQUICHello.frames(of: datagram),
            let range = GQUICHello.hello(in: datagram, from: start, version: version)
        else { return nil }
        self.version = version
        bytes = datagram.field(range)
    }

    /// Views a hello that was taken from its frames; nil if it is none.
    @_lifetime(copy message)
    public init?(message: RawSpan, version: UInt32) {
        guard message.byteCount >= 8, message.unchecked32(0) == GQUICHello.clientHello else { return nil }
        self.version = version
        bytes = message
    }

    static var clientHello: UInt32 { 0x4348_4c4f }

    /// The two digits of a version, or nil if it is none of Google's.
    public static func number(ofVersion version: UInt32) -> Int? {
        guard version >> 16 == 0x5130 else { return nil }
        let tens = Int(version >> 8 & 0xff) &- 0x30
        let ones = Int(version & 0xff) &- 0x30
        return 0...9 ~= tens && 0...9 ~= ones ? tens &* 10 &+ ones : nil
    }

    /// Whether a datagram begins with a packet of Google's that names its version.
    public static func probe(_ datagram: RawSpan) -> Probe {
        frames(of: datagram) != nil ? .yes : .no
    }

    /// The version of a datagram's first packet, and where its frames begin.
    private static func frames(of datagram: RawSpan) -> (version: UInt32, start: Int)? {
        guard datagram.byteCount >= 30 else { return nil }
        let first = datagram.unchecked8(0)
        if first & 0x80 != 0 {
            let version = datagram.unchecked32(1)
            // A connection id of eight bytes to the server, none back.
            guard let number = number(ofVersion: version), 44...46 ~= number, datagram.unchecked8(5) == 0x50
            else { return nil }
            let count = number == 44 ? 4 : Int(first & 3) &+ 1
            return (version, 14 &+ count &+ 12)
        }
        // Version and connection id are there, and it is no reset.
        guard first & 0xcb == 0x09 else { return nil }
        let version = datagram.unchecked32(9)
        guard let number = number(ofVersion: version), number <= 43 else { return nil }
        let code = Int(first >> 4 & 3)
        // Up to Q033 a byte of flags follows the hash.
        return (version, 13 &+ (code == 0 ? 1 : code &* 2) &+ (number < 34 ? 13 : 12))
    }

    /// Where the hello lies: a stream's data that begins with its name, be it the first hello or one after a rejection.
    private static func hello(in datagram: RawSpan, from start: Int, version: UInt32) -> Range<Int>? {
        var reader = ByteReader(datagram, in: start..<datagram.byteCount)
        let isBigEndian = (number(ofVersion: version) ?? 0) >= 39
        while let type = reader.u8() {
            if type == 7 { continue }  // PING
            // Before a client's hello nothing else comes that could be passed over without knowing more.
            guard type & 0x80 != 0 else { return nil }
            let offsetCode = Int(type >> 2 & 7)
            guard reader.take(Int(type & 3) &+ 1) != nil,
                reader.take(offsetCode == 0 ? 0 : offsetCode &+ 1) != nil
            else { return nil }
            var count = reader.remaining
            if type & 0x20 != 0 {
                guard let announced = reader.u16() else { return nil }
                count = Int(isBigEndian ? announced : announced.byteSwapped)
            }
            guard let data = reader.take(count) else { return nil }
            if data.count >= 8, datagram.unchecked32(data.lowerBound) == clientHello { return data }
        }
        return nil
    }

    /// Hands the tags to `body` in their order, each with where its value lies; a value that is cut has what there is.
    public func forEachTag(_ body: (_ tag: UInt32, _ value: Range<Int>) -> Void) {
        let count = Int(bytes.unchecked16(4).byteSwapped)
        let values = 8 &+ count &* 8
        var start = 0
        for index in 0..<count {
            let entry = 8 &+ index &* 8
            guard entry &+ 8 <= bytes.byteCount else { return }
            let end = Int(bytes.unchecked32(entry &+ 4).byteSwapped)
            guard end >= start else { return }
            let low = min(values &+ start, bytes.byteCount)
            body(bytes.unchecked32(entry), low..<max(low, min(values &+ end, bytes.byteCount)))
            start = end
        }
    }
}
