// SPDX-License-Identifier: Apache-2.0
// DHCP: one transaction a message, as Suricata's `dhcp` has it when it is told to write all (`extended`).
//
// An option that comes again is passed over: the first stands. What cannot be what it says, by its length, is left out.
internal import BeltwayWire

/// Turns DHCP messages into transactions.
public enum DHCPParser {
    /// Columns of the table `dhcp`.
    public static let columns = [
        TransactionColumn("client_mac", .text), TransactionColumn("assigned_ip", .text),
        TransactionColumn("dhcp_type", .text), TransactionColumn("hostname", .text),
        TransactionColumn("requested_ip", .text), TransactionColumn("client_ip", .text),
        TransactionColumn("type", .text), TransactionColumn("id", .number),
    ]

    private enum Column {
        static var hardware: Int { 0 }
        static var assigned: Int { 1 }
        static var kind: Int { 2 }
        static var host: Int { 3 }
        static var requested: Int { 4 }
        static var client: Int { 5 }
        static var operation: Int { 6 }
        static var id: Int { 7 }
    }

    /// Writes the transaction of one message.
    ///
    /// - Parameters:
    ///   - bytes: The datagram.
    ///   - number: Its number in the flow.
    ///   - toResponder: Its direction.
    ///   - output: Takes the transaction.
    /// - Returns: False if it is no message: nothing was written. One whose options are cut has those before.
    static func message(
        _ bytes: RawSpan,
        number: UInt32,
        toResponder: Bool,
        _ output: inout TransactionStage
    ) -> Bool {
        guard let message = try? DHCPMessage(bytes) else { return false }
        output.begin(.dhcp, number: number, object: "dhcp", showsNumber: false, turned: !toResponder)
        let isReply = message.operation == 2
        output.text.member("type")
        output.beginValue()
        switch message.operation {
        case 1: output.text.append("\"request\"")
        case 2: output.text.append("\"reply\"")
        default: output.text.append("\"<unknown>\"")
        }
        output.mark(Column.operation)
        output.member("id", UInt64(message.transaction), column: Column.id)
        output.text.member("client_mac")
        output.beginValue()
        output.text.append(colonHexadecimal: message.hardwareAddress)
        output.mark(Column.hardware)
        output.address("assigned_ip", message.assignedAddress, column: Column.assigned)
        output.address("client_ip", message.clientAddress, column: Column.client)
        if isReply {
            output.address("relay_ip", message.relay)
            output.address("next_server_ip", message.nextServer)
        }
        var seen = SeenOptions()
        message.forEachOption { code, data in
            if seen.insert(code) { write(code, bytes.extracting(data), &output) }
        }
        output.end()
        return true
    }

    private static func write(_ code: UInt8, _ data: RawSpan, _ output: inout TransactionStage) {
        let count = data.byteCount
        switch code {
        case 1 where count == 4: output.address("subnet_mask", data.bigEndian32(at: 0))
        case 3: writeAddresses("routers", data, &output)
        case 6: writeAddresses("dns_servers", data, &output)
        case 12 where count > 0:
            output.text.member("hostname")
            output.beginValue()
            output.text.append(wireString: data)
            output.mark(Column.host)
        case 50 where count == 4:
            output.address("requested_ip", data.bigEndian32(at: 0), column: Column.requested)
        case 51 where count == 4: output.text.member("lease_time", UInt64(data.bigEndian32(at: 0)))
        case 53 where count > 0:
            output.text.member("dhcp_type")
            output.beginValue()
            output.text.append(0x22)
            output.text.append(typeName(data.byte(at: 0)))
            output.text.append(0x22)
            output.mark(Column.kind)
        case 55: writeParameters(data, &output)
        case 58 where count == 4: output.text.member("renewal_time", UInt64(data.bigEndian32(at: 0)))
        case 59 where count == 4: output.text.member("rebinding_time", UInt64(data.bigEndian32(at: 0)))
        case 60 where count > 0: output.text.member("vendor_class_identifier", string: data)
        case 61 where count > 1:
            // Behind the kind of the hardware.
            output.text.member("client_id")
            output.text.append(colonHexadecimal: data.extracting(1..<count))
        default: break
        }
    }

    private static func writeAddresses(
        _ name: StaticString,
        _ data: RawSpan,
        _ output: inout TransactionStage
    ) {
        output.text.openArray(name)
        for index in 0..<data.byteCount / 4 {
            output.text.separate()
            output.text.append(0x22)
            output.text.append(dotted: data.bigEndian32(at: index * 4))
            output.text.append(0x22)
        }
        output.text.closeArray()
    }

    /// Writes what a client asks for, as far as it has a name.
    private static func writeParameters(_ data: RawSpan, _ output: inout TransactionStage) {
        output.text.openArray("params")
        for index in 0..<data.byteCount {
            let name: StaticString
            switch data.byte(at: index) {
            case 1: name = "subnet_mask"
            case 3: name = "router"
            case 6: name = "dns_server"
            case 15: name = "domain"
            case 35: name = "arp_timeout"
            case 42: name = "ntp_server"
            case 66: name = "tftp_server_name"
            case 150: name = "tftp_server_ip"
            default: continue
            }
            output.text.separate()
            output.text.append(0x22)
            output.text.append(name)
            output.text.append(0x22)
        }
        output.text.closeArray()
    }

    /// Name of a message type (RFC 2132, 9.6).
    private static func typeName(_ type: UInt8) -> StaticString {
        switch type {
        case 1: "discover"
        case 2: "offer"
        case 3: "request"
        case 4: "decline"
        case 5: "ack"
        case 6: "nak"
        case 7: "release"
        case 8: "inform"
        default: "unknown"
        }
    }
}

/// Codes of options that came.
private struct SeenOptions {
    private var bits = InlineArray<4, UInt64>(repeating: 0)

    /// Notes a code, and returns whether it was new.
    mutating func insert(_ code: UInt8) -> Bool {
        let bit = UInt64(1) << UInt64(code & 63)
        let word = Int(code >> 6)
        if bits[word] & bit != 0 { return false }
        bits[word] |= bit
        return true
    }
}
