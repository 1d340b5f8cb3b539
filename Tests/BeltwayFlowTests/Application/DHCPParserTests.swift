// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Testing

/// The head of a message of client 02:00:00:00:00:01, up to the magic cookie.
private func head(_ operation: UInt8, assigned: [UInt8] = [0, 0, 0, 0]) -> [UInt8] {
    [operation, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0] + [10, 0, 0, 9] + assigned
        + [10, 0, 0, 1] + [10, 0, 0, 2] + [2, 0, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 10 + 64 + 128)
        + [0x63, 0x82, 0x53, 0x63]
}

private let request: [UInt8] =
    head(1) + [53, 1, 3, 50, 4, 10, 0, 0, 9, 12, 3, 0x61, 0x22, 0x62, 55, 3, 1, 3, 200]
    + [61, 7, 1, 2, 0, 0, 0, 0, 1, 60, 2, 0x4d, 0x53, 0, 255, 0, 0]
private let reply: [UInt8] =
    head(2, assigned: [10, 0, 0, 9])
    + [53, 1, 5, 51, 4, 0, 0, 14, 16, 58, 4, 0, 0, 7, 8, 59, 4, 0, 0, 12, 78]
    + [1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 1, 6, 8, 10, 0, 0, 3, 10, 0, 0, 4, 255]

@Suite struct `DHCP transactions` {
    @Test func `are a record for each message, as Suricata has it`() {
        let found = transactions(of: [(request, true), (reply, false)], port: 67)
        #expect(
            found.map(\.body) == [
                #","dhcp":{"type":"request","id":305419896,"client_mac":"02:00:00:00:00:01","assigned_ip":"0.0.0.0","#
                    + #""client_ip":"10.0.0.9","dhcp_type":"request","requested_ip":"10.0.0.9","hostname":"a\"b","#
                    + #""params":["subnet_mask","router"],"client_id":"02:00:00:00:00:01","#
                    + #""vendor_class_identifier":"MS"}"#,
                #","dhcp":{"type":"reply","id":305419896,"client_mac":"02:00:00:00:00:01","assigned_ip":"10.0.0.9","#
                    + #""client_ip":"10.0.0.9","relay_ip":"10.0.0.2","next_server_ip":"10.0.0.1","dhcp_type":"ack","#
                    + #""lease_time":3600,"renewal_time":1800,"rebinding_time":3150,"subnet_mask":"255.255.255.0","#
                    + #""routers":["10.0.0.1"],"dns_servers":["10.0.0.3","10.0.0.4"]}"#,
            ]
        )
        #expect(found.map(\.record.toResponder) == [true, false])
        #expect(
            columnValues(found[0]) == [
                #""02:00:00:00:00:01""#, #""0.0.0.0""#, #""request""#, #""a\"b""#, #""10.0.0.9""#,
                #""10.0.0.9""#, #""request""#, "305419896",
            ]
        )
    }

    @Test func `are found on any port by the magic cookie`() {
        #expect(transactions(of: [(request, true)], port: 9999).map(\.record.kind) == [.dhcp])
        var other = request
        other[239] = 0
        #expect(transactions(of: [(other, true)], port: 67).isEmpty)
    }

    @Test func `have the first of options that come again, and none that are shorter than what they hold`() {
        let message = head(1) + [53, 1, 1, 53, 1, 8, 50, 3, 10, 0, 0, 51, 1, 9, 12, 0, 61, 1, 1, 255]
        let body = transactions(of: [(message, true)], port: 67).first?.body
        #expect(body?.hasSuffix(#""client_ip":"10.0.0.9","dhcp_type":"discover"}"#) == true, "\(body ?? "")")
    }

    @Test func `have the options that lie in the fields of the head`() {
        var message = head(1) + [52, 1, 3, 255]
        message.replaceSubrange(108..<112, with: [53, 1, 4, 255])
        message.replaceSubrange(44..<48, with: [12, 1, 0x78, 255])
        let body = transactions(of: [(message, true)], port: 67).first?.body
        #expect(body?.hasSuffix(#","dhcp_type":"decline","hostname":"x"}"#) == true, "\(body ?? "")")
    }

    @Test func `have the options before the one that is cut`() {
        let message = head(1) + [53, 1, 1, 12, 9, 0x61]
        let body = transactions(of: [(message, true)], port: 67).first?.body
        #expect(body?.hasSuffix(#","dhcp_type":"discover"}"#) == true, "\(body ?? "")")
    }

    @Test func `stay JSON whatever the bytes are`() {
        #expect(staysJSON(after: [(request, true)], (reply, false), port: 67, seed: 5, rounds: 1000) > 1000)
        #expect(staysJSON(after: [], (request, true), port: 67, seed: 6, rounds: 1000) > 500)
    }

    @Test func `stay within their bounds when a message is nothing but options`() {
        var message = head(1)
        for code in UInt8(1)...254 { message += [code, 200] + [UInt8](repeating: 0x01, count: 200) }
        let found = transactions(of: [(message, true)], port: 67)
        #expect(found.count == 1 && found.allSatisfy { isJSON($0.body) && $0.body.utf8.count < 10_000 })
    }
}
