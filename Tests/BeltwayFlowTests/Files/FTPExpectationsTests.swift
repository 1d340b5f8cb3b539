// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Testing

@testable import BeltwayFlow

@Suite struct `Announced data connections` {
    private func expectation(_ number: Int, at seconds: UInt64 = 1, name: String = "f") -> FTPExpectation {
        var expectation = FTPExpectation()
        expectation.address = IPAddress(v4: 1)
        expectation.peer = IPAddress(v4: UInt32(1000 + number / 60_000))
        expectation.port = UInt16(1024 + number % 60_000)
        expectation.time = Timestamp(nanoseconds: seconds * 1_000_000_000)
        expectation.transfer.name = Array("\(name)\(number)".utf8)
        return expectation
    }

    private func claim(_ number: Int, at seconds: UInt64 = 1, _ list: inout FTPExpectations) -> String? {
        var packet = TransactionRecord()
        packet.source = IPAddress(v4: UInt32(1000 + number / 60_000))
        packet.destination = IPAddress(v4: 1)
        packet.destinationPort = UInt16(1024 + number % 60_000)
        packet.time = Timestamp(nanoseconds: seconds * 1_000_000_000)
        return list.claim(packet).map { String(decoding: $0.name, as: UTF8.self) }
    }

    @Test func `are each claimed once, with the list full`() {
        var list = FTPExpectations()
        for number in 0..<1024 { list.announce(expectation(number)) }
        #expect(list.count == 1024)
        for number in (0..<1024).reversed() {
            #expect(claim(number, &list) == "f\(number)")
            #expect(claim(number, &list) == nil)
        }
        #expect(list.isEmpty)
    }

    @Test func `make room oldest first when there are more`() {
        var list = FTPExpectations()
        for number in 0..<100_000 { list.announce(expectation(number)) }
        #expect(list.count == 1024)
        #expect(claim(98_975, &list) == nil)
        #expect(claim(98_976, &list) == "f98976")
        #expect(claim(99_999, &list) == "f99999")
    }

    @Test func `take the place of earlier ones to the same endpoint`() {
        var list = FTPExpectations()
        for round in 0..<10_000 { list.announce(expectation(7, name: "r\(round)-")) }
        list.announce(expectation(8))
        #expect(list.count == 2)
        #expect(claim(7, &list) == "r9999-7")
        #expect(list.count == 1)
    }

    @Test func `hold for two minutes`() {
        var list = FTPExpectations()
        list.announce(expectation(1, at: 10))
        list.announce(expectation(2, at: 100))
        #expect(claim(1, at: 131, &list) == nil)
        #expect(list.count == 1)
        #expect(claim(2, at: 220, &list) == "f2")
    }
}
