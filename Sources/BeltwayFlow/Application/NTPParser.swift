// SPDX-License-Identifier: Apache-2.0
// NTP: one transaction a packet, as Suricata's `ntp` has it.
internal import BeltwayWire

/// Turns NTP packets into transactions.
public enum NTPParser {
    /// Columns of the table `ntp`.
    public static let columns = [
        TransactionColumn("mode", .number), TransactionColumn("version", .number),
        TransactionColumn("stratum", .number), TransactionColumn("reference_id", .text),
    ]

    /// Writes the transaction of one packet.
    ///
    /// - Parameters:
    ///   - bytes: The datagram.
    ///   - number: Its number in the flow.
    ///   - toResponder: Its direction.
    ///   - output: Takes the transaction.
    /// - Returns: False if it is malformed: nothing was written.
    static func message(
        _ bytes: RawSpan,
        number: UInt32,
        toResponder: Bool,
        _ output: inout TransactionStage
    ) -> Bool {
        guard let packet = try? NTPPacket(bytes) else { return false }
        output.begin(.ntp, number: number, object: "ntp", showsNumber: false, turned: !toResponder)
        output.member("version", UInt64(packet.version), column: 1)
        output.member("mode", UInt64(packet.mode), column: 0)
        // Control and private messages have neither.
        if packet.tellsTime {
            output.member("stratum", UInt64(packet.stratum), column: 2)
            output.text.member("reference_id")
            output.beginValue()
            output.text.append(colonHexadecimal: bytes.extracting(12..<16))
            output.mark(3)
        }
        output.end()
        return true
    }
}
