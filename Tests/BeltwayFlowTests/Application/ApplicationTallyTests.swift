// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Testing

@Suite struct `What parsers did, by protocol` {
    @Test func `is a flow and a transaction of a connection that was read`() {
        let talk = Conversation([.client("SSH-2.0-a\r\n"), .server("SSH-2.0-b\r\n")], port: 22)
        #expect(talk.tally.count(.flows, .ssh, isDatagram: false) == 1)
        #expect(talk.tally.transactions(.ssh, isDatagram: false) == 1)
        #expect(talk.tally.malformed == 0 && talk.tally.transactions(.ssh, isDatagram: true) == 0)
    }

    @Test func `is what could not be read where a message breaks its protocol`() {
        let damaged = "SSH-2.0-a\r\n" + String(repeating: "\u{7f}", count: 40)
        let talk = Conversation([.client(damaged)], port: 22)
        #expect(talk.tally.count(.malformed, .ssh, isDatagram: false) == 1)
        #expect(talk.tally.malformed == talk.counters.malformed)
    }

    @Test func `is a failed flow where nothing was recognised`() {
        let talk = Conversation(
            [.client(String(repeating: "?", count: 4000)), .server("!!!!!!!!!!")],
            port: 7
        )
        #expect(talk.application == .failed)
        #expect(talk.tally.count(.flows, .failed, isDatagram: false) == 1)
    }

    @Test func `has a place for every protocol and every kind`() {
        #expect(ApplicationProtocol.allCases.count <= 32 && TransactionKind.allCases.count <= 32)
    }

    @Test func `adds up over workers`() {
        var sum = ApplicationTally()
        let talk = Conversation([.client("SSH-2.0-a\r\n"), .server("SSH-2.0-b\r\n")], port: 22)
        sum.add(talk.tally)
        sum.add(talk.tally)
        #expect(sum.count(.flows, .ssh, isDatagram: false) == 2 && sum != talk.tally)
    }
}
