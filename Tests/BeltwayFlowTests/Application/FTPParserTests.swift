// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation
import Testing

private let session: [Talk] = [
    .server("220-Welcome to\r\n220 this FTP server\r\n"), .client("USER me\r\n"), .server("331 word?\r\n"),
    .client("PASS secret\r\n"), .server("230 in\r\n"), .client("PASV\r\n"),
    .server("227 Entering Passive Mode (10,0,0,1,200,10).\r\n"), .client("RETR a file\r\n"),
    .server("150 here it comes\r\n"), .server("226 done\r\n"), .client("QUIT\r\n"),
]

@Suite struct `FTP transactions` {
    @Test(arguments: [1, 9, 1448])
    func `are a command each with its reply`(pieces: Int) {
        let talk = Conversation(session, port: 21, pieces: pieces)
        #expect(talk.application == .ftp)
        let commands = talk.transactions.indices.map { talk.object($0)["command"] as? String ?? "-" }
        #expect(commands == ["-", "USER", "PASS", "PASV", "RETR", "QUIT"])
        #expect(
            talk.transactions[0].body
                == #","ftp":{"command_truncated":false,"completion_code":["220","220"],"#
                + #""reply":["Welcome to","this FTP server"],"reply_received":"yes","reply_truncated":false}"#
        )
        let passive = talk.object(3)
        #expect(passive["dynamic_port"] as? Int == 200 * 256 + 10)
        #expect(passive["mode"] as? String == "passive")
        let file = talk.object(4)
        #expect(file["command_data"] as? String == "a file")
        #expect(file["completion_code"] as? [String] == ["150", "226"])
        #expect(talk.object(5)["reply_received"] as? String == "no")
    }

    @Test func `show no password`() {
        #expect(!Conversation(session, port: 21).transactions.contains { $0.body.contains("secret") })
    }

    @Test(arguments: [1000, 1448])
    func `of a line that is too long are cut, and say so`(pieces: Int) {
        let long = "RETR " + String(repeating: "a", count: 20_000) + "\r\n"
        let talk = Conversation(
            [.server("220 FTP\r\n"), .client(long + "RETR b\r\n"), .server("550 no\r\n150 b\r\n226 c\r\n")],
            port: 21,
            pieces: pieces
        )
        #expect(talk.transactions.count == 3)
        #expect(talk.object(1)["command_truncated"] as? Bool == true)
        #expect((talk.object(1)["command_data"] as? String)?.count == 4091)
        #expect(talk.object(2)["command_data"] as? String == "b")
    }

    @Test func `stay JSON whatever the bytes are, and hold nothing when their flow is over`() {
        damage(session, rounds: 3000, seed: 31, port: 21)
    }
}
