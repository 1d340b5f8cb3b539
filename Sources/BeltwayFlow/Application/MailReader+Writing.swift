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
        head.write(subjectColumn: subjectColumn, &output)
        output.member("attachment", elements: attachments)
        facts.write(subject: head.subject, &output)
    }
}
