// SPDX-License-Identifier: Apache-2.0
// What a mail says beyond its plain fields: the hosts it came through, addresses in its text, digests of it.
//
//     Received: ..    one element each          text   .. http://host/path ..  --> email.url
//                                               body   every line with its end --> email.body_md5
//
// Bounds: 16 KiB of fields, 64 addresses of 512 bytes; what is beyond is left out.
internal import BeltwayWire

/// Facts of one mail, as they come.
struct MailFacts {
    private static var mostReceived: Int { 16_384 }
    private static var mostAddresses: Int { 64 }
    private static var mostAddress: Int { 512 }
    private static var mostValue: Int { 1024 }

    /// Values of `Received` (RFC 5321, 4.4), as elements of a JSON array.
    private var received: [UInt8] = []
    private var replyTo: [UInt8] = []
    private var originatingIP: [UInt8] = []
    private var agent: [UInt8] = []
    /// Addresses in the text, in the order they were found.
    private var addresses: [[UInt8]] = []
    private var digest: FileDigests?

    var heldBytes: Int {
        received.count + replyTo.count + originatingIP.count + agent.count
            + addresses.reduce(0) { $0 + $1.count + 32 } + (digest == nil ? 0 : FileDigests.heldBytes)
    }

    /// Takes a field of the mail's head.
    mutating func field(_ name: RawSpan, _ value: RawSpan) {
        switch name.byteCount {
        case 8 where name.equals(ignoringCase: "received"):
            guard received.count < Self.mostReceived else { return }
            var text = TextBuffer(capacity: 256)
            text.append(wireString: value, most: Self.mostValue)
            if !received.isEmpty { received.append(0x2c) }
            received.append(copyOf: text.rawBytes)
        case 8 where name.equals(ignoringCase: "reply-to"): Self.set(&replyTo, value)
        case 10 where name.equals(ignoringCase: "user-agent"): Self.set(&agent, value)
        case 16 where name.equals(ignoringCase: "x-originating-ip"): Self.set(&originatingIP, value)
        default: break
        }
    }

    private static func set(_ field: inout [UInt8], _ value: RawSpan) {
        if field.isEmpty { field.append(copyOf: value.field(0..<mostValue)) }
    }

    /// Takes a line behind the mail's head, or a piece of one.
    mutating func body(_ line: RawSpan, _ end: LineEnd, _ settings: EventSettings) {
        guard settings.mailDigests.contains(.body) else { return }
        var digest = digest ?? FileDigests([.md5])
        digest.update(line)
        switch end {
        case .none: break
        case .lineFeed: digest.update([0x0a].rawBytes)
        case .both: digest.update([0x0d, 0x0a].rawBytes)
        }
        self.digest = digest
    }

    /// Takes a line of text that is not encoded, and looks for addresses in it.
    mutating func text(_ line: RawSpan, _ settings: EventSettings) {
        guard addresses.count < Self.mostAddresses, let first = line.firstIndex(of: 0x3a) else { return }
        for (scheme, word) in Self.schemes where settings.mailSchemes.contains(scheme) {
            var colon: Int? = first
            while let place = colon, addresses.count < Self.mostAddresses {
                find(word, at: place, of: line, showsScheme: settings.showsMailSchemes)
                colon = line.firstIndex(of: 0x3a, from: place + 1)
            }
        }
    }

    private static var schemes: [(EventSettings.Schemes, String)] {
        [(.http, "http://"), (.https, "https://"), (.ftp, "ftp://"), (.mailto, "mailto:")]
    }

    /// Takes the address whose scheme ends with the colon at `colon`, if it is this one.
    private mutating func find(_ word: String, at colon: Int, of line: RawSpan, showsScheme: Bool) {
        let name = word.utf8.firstIndex(of: 0x3a).map {
            word.utf8.distance(from: word.utf8.startIndex, to: $0)
        }
        guard let name, colon >= name else { return }
        let start = colon - name
        guard line.extracting(droppingFirst: start).starts(ignoringCase: word) else { return }
        // `shttp:` is another scheme.
        if start > 0, (line.byte(at: start - 1) | 0x20) &- 0x61 < 26 { return }
        var end = start + word.utf8.count
        let from = showsScheme ? start : end
        while end < line.byteCount, !Self.endsAddress(line.byte(at: end)) { end += 1 }
        guard end > from else { return }
        var address: [UInt8] = []
        address.append(copyOf: line.field(from..<min(end, from + Self.mostAddress)))
        addresses.append(address)
    }

    /// Whether a byte is none of an address: blanks, quotation marks, angle brackets and a closing bracket.
    private static func endsAddress(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte == 0x22 || byte == 0x27 || byte == 0x3c || byte == 0x3e || byte == 0x5d
    }

    /// Writes the members of `email` behind the plain ones.
    func write(subject: [UInt8], _ output: inout TransactionStage) {
        output.member("user_agent", agent.rawBytes)
        output.member("reply_to", replyTo.rawBytes)
        output.member("x_originating_ip", originatingIP.rawBytes)
        output.member("received", elements: received)
        if !addresses.isEmpty {
            output.text.openArray("url")
            // The last one first, as Suricata lists them.
            for address in addresses.reversed() where output.hasRoom(6 * Self.mostAddress + 16) {
                output.text.separate()
                output.text.append(wireString: address.rawBytes)
            }
            output.text.closeArray()
        }
        if output.events.mailDigests.contains(.subject), !subject.isEmpty {
            output.text.member("subject_md5")
            output.text.append(0x22)
            output.text.append(md5Of: subject.rawBytes)
            output.text.append(0x22)
        }
        digest?.write(md5As: "body_md5", &output)
    }
}
