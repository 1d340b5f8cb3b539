// SPDX-License-Identifier: Apache-2.0
// The plain fields of a mail's head (RFC 5322, 3.6), as `email` shows them.
internal import BeltwayWire

/// The fields that a mail has at most one of; the first counts.
struct MailHead {
    private static var mostValue: Int { 4096 }

    private var from: [UInt8] = []
    private var to: [UInt8] = []
    private var cc: [UInt8] = []
    private(set) var subject: [UInt8] = []
    private var identifier: [UInt8] = []
    private var date: [UInt8] = []
    private var mailer: [UInt8] = []

    var heldBytes: Int {
        from.count + to.count + cc.count + subject.count + identifier.count + date.count + mailer.count
    }

    /// Takes a field.
    mutating func take(_ name: RawSpan, _ value: RawSpan) {
        if name.equals(ignoringCase: "from") { Self.set(&from, value) }
        if name.equals(ignoringCase: "to") { Self.set(&to, value) }
        if name.equals(ignoringCase: "cc") { Self.set(&cc, value) }
        if name.equals(ignoringCase: "subject") { Self.set(&subject, value) }
        if name.equals(ignoringCase: "message-id") { Self.set(&identifier, value) }
        if name.equals(ignoringCase: "date") { Self.set(&date, value) }
        if name.equals(ignoringCase: "x-mailer") { Self.set(&mailer, value) }
    }

    private static func set(_ field: inout [UInt8], _ value: RawSpan) {
        if field.isEmpty { field.append(copyOf: value.field(0..<mostValue)) }
    }

    /// Writes the members of Suricata's `email` that they are.
    func write(subjectColumn: Int?, _ output: inout TransactionStage) {
        output.member("from", from.rawBytes, most: 1024)
        writeList("to", to, &output)
        writeList("cc", cc, &output)
        output.member("subject", subject.rawBytes, column: subjectColumn, most: 1024)
        output.member("message_id", identifier.rawBytes, most: 1024)
        output.member("date", date.rawBytes, most: 1024)
        output.member("x_mailer", mailer.rawBytes, most: 1024)
    }

    /// Addresses between commas.
    private func writeList(_ name: StaticString, _ value: [UInt8], _ output: inout TransactionStage) {
        guard !value.isEmpty else { return }
        let bytes = value.rawBytes
        output.text.openArray(name)
        var start = 0
        while start < bytes.byteCount {
            var end = start
            var isQuoted = false
            while end < bytes.byteCount, isQuoted || bytes.byte(at: end) != 0x2c {
                if bytes.byte(at: end) == 0x22 { isQuoted.toggle() }
                end += 1
            }
            let place = MailReader.trimmed(bytes, start..<end)
            if !place.isEmpty, output.hasRoom(6200) {
                output.text.separate()
                output.text.append(wireString: bytes.field(place), most: 1024)
            }
            start = end + 1
        }
        output.text.closeArray()
    }
}
