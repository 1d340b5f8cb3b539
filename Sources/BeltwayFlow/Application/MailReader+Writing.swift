// SPDX-License-Identifier: Apache-2.0
// What Suricata's `email` shows of a mail.
internal import BeltwayWire

extension MailReader {
    /// Writes the members of Suricata's `email`.
    func write(isComplete: Bool, subjectColumn: Int?, _ output: inout TransactionStage) {
        if isComplete {
            output.text.member("status", literal: "PARSE_DONE")
        } else {
            output.text.member("status", literal: "BODY_STARTED")
        }
        output.member("from", from.rawBytes, most: 1024)
        writeList("to", to, &output)
        writeList("cc", cc, &output)
        output.member("subject", subject.rawBytes, column: subjectColumn, most: 1024)
        output.member("message_id", identifier.rawBytes, most: 1024)
        output.member("date", date.rawBytes, most: 1024)
        output.member("x_mailer", mailer.rawBytes, most: 1024)
        output.member("attachment", elements: attachments)
        facts.write(subject: subject, &output)
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
            let place = Self.trimmed(bytes, start..<end)
            if !place.isEmpty, output.hasRoom(6200) {
                output.text.separate()
                output.text.append(wireString: bytes.field(place), most: 1024)
            }
            start = end + 1
        }
        output.text.closeArray()
    }
}
