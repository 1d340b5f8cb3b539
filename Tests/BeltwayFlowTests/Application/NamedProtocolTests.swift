// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Testing

/// An AS-REQ of 30 bytes as far as its message type, and as much of nothing as its lengths say.
private let request: [UInt8] =
    [0x6a, 0x20, 0x30, 0x1e, 0xa1, 3, 2, 1, 5, 0xa2, 3, 2, 1, 10] + [UInt8](repeating: 0, count: 20)
private let reading: [UInt8] = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2]

@Suite struct `Protocols that are known by name` {
    @Test func `Kerberos over TCP on any port`() {
        let length = [0, 0, 0, UInt8(request.count)]
        #expect(Conversation([.client(length + request)], port: 88).application == .kerberos)
        #expect(Conversation([.client(length + request)], port: 8888).application == .kerberos)
        #expect(Conversation([.client([0, 0, 0, 33] + request)], port: 88).application == .failed)
    }

    @Test func `VNC by either side, PostgreSQL by a request to cancel`() {
        #expect(Conversation([.server("RFB 003.008\n")], port: 5901).application == .rfb)
        #expect(Conversation([.client("RFB 003.008\n")], port: 5901).application == .rfb)
        let cancel: [UInt8] = [0, 0, 0, 16, 4, 0xd2, 0x16, 0x2e, 0, 0, 0, 1, 0, 0, 0, 2]
        #expect(Conversation([.client(cancel)], port: 5432).application == .postgreSQL)
    }

    @Test func `Modbus on its port, where messages fill the segment`() {
        #expect(Conversation([.client(reading)], port: 502).application == .modbus)
        #expect(Conversation([.client(reading + reading)], port: 502).application == .modbus)
        #expect(Conversation([.client(reading)], port: 503).application == .failed)
        #expect(Conversation([.client(reading + [0])], port: 502).application == .failed)
        #expect(Conversation([.client(Array(reading.dropLast()))], port: 502).application == .failed)
    }
}
