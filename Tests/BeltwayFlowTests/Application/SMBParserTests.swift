// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Foundation
import Testing

private typealias Two = SMB2Sample

private let session: [Talk] = [
    .client(netBIOS(Two.negotiate(id: 0))), .server(netBIOS(Two.negotiated(id: 0))),
    .client(netBIOS(Two.setup(id: 1, token: Two.logon(domain: "DOM", user: "Jürgen", host: "PC")))),
    .server(netBIOS(Two.message(1, id: 1, tree: 0, status: 0, [9, 0, 0, 0, 72, 0, 0, 0]))),
    .client(netBIOS(Two.connect(id: 2, #"\\srv\data"#))), .server(netBIOS(Two.connected(id: 2, type: 1))),
    .client(netBIOS(Two.create(id: 3, #"a\b.txt"#))), .server(netBIOS(Two.created(id: 3))),
    .client(netBIOS(Two.read(id: 4, 5))), .server(netBIOS(Two.data(id: 4, Array("hello".utf8)))),
    .client(netBIOS(Two.write(id: 5, [1, 2, 3]))),
    .server(netBIOS(Two.message(9, id: 5, status: 0, little(17, 2) + little(0, 14)))),
    .client(netBIOS(Two.close(id: 6))), .server(netBIOS(Two.closed(id: 6))),
]

private func commands(_ talk: Conversation) -> [String] {
    talk.transactions.indices.map {
        let name = talk.object($0)["command"] as? String ?? "-"
        return name.replacingOccurrences(of: "_COMMAND", with: "")
    }
}

/// An encrypted message: head and so many bytes of what nobody can read.
private func encrypted(session: Int, _ count: Int) -> [UInt8] {
    let head = [0xfd, 0x53, 0x4d, 0x42] + [UInt8](repeating: 0xa5, count: 32)
    return netBIOS(
        head + little(UInt64(count), 4) + little(1 << 16, 4) + little(UInt64(session), 8)
            + [UInt8](repeating: 0x5a, count: count)
    )
}

@Suite struct `Encrypted messages of SMB` {
    @Test(arguments: [1, 60, 1448])
    func `are counted for each session, and told at the end`(pieces: Int) {
        let talk = Conversation(
            Array(session.prefix(4)) + [
                .client(encrypted(session: 9, 100)), .server(encrypted(session: 9, 20_000)),
                .client(encrypted(session: 8, 80)), .client(encrypted(session: 9, 110)),
            ],
            port: 445,
            pieces: pieces
        )
        #expect(talk.counters.malformed == 0)
        let told = talk.transactions.indices.map { talk.object($0) }.filter { $0["encrypted"] != nil }
        #expect(told.map { $0["session_id"] as? Int } == [9, 8])
        #expect(told.map { $0["command"] as? String } == ["SMB3_TRANSFORM", "SMB3_TRANSFORM"])
        let first = told.first?["encrypted"] as? [String: Int]
        #expect(first == ["requests": 2, "request_bytes": 210, "responses": 1, "response_bytes": 20_000])
    }

    @Test func `of many sessions are counted for the first of them`() {
        let many = (1...100).map { Talk.client(encrypted(session: $0, 60)) }
        let talk = Conversation(many, port: 445)
        #expect(talk.transactions.count == 16)
    }

    @Test func `that are cut or damaged do no harm`() {
        let whole = encrypted(session: 9, 70)
        for count in 0..<whole.count {
            _ = Conversation(
                [.client(Array(whole[..<count])), .client(netBIOS(Two.negotiate(id: 0)))],
                port: 445
            )
        }
        let short = Conversation([.client(netBIOS(Array(whole[4..<50])))], port: 445)
        #expect(short.counters.malformed == 1)
    }
}

@Suite struct `SMB transactions` {
    @Test(arguments: [1, 100, 1448])
    func `join a request and its answer, and all that is read or written of a file`(pieces: Int) {
        let talk = Conversation(session, port: 445, pieces: pieces)
        #expect(talk.application == .smb)
        #expect(talk.counters.malformed == 0)
        #expect(
            commands(talk) == [
                "SMB2_NEGOTIATE_PROTOCOL", "SMB2_SESSION_SETUP", "SMB2_TREE_CONNECT", "SMB2_CREATE",
                "SMB2_READ",
                "SMB2_WRITE", "SMB2_CLOSE",
            ]
        )
        #expect(talk.object(0)["client_dialects"] as? [String] == ["2.10", "3.02"])
        #expect(talk.object(0)["server_guid"] as? String == "14131211-1615-1817-1a19-1c1b201f1e1d")
        #expect(talk.object(0)["max_read_size"] as? Int == 0x10000)
        let logon = talk.object(1)["ntlmssp"] as? [String: Any]
        #expect(logon?["domain"] as? String == "DOM")
        #expect(logon?["user"] as? String == "Jürgen")
        #expect(logon?["version"] as? String == "10.0 build 10586 rev 15")
        #expect(talk.object(2)["share"] as? String == #"\\srv\data"#)
        #expect(talk.object(2)["share_type"] as? String == "FILE")
        #expect(talk.object(2)["tree_id"] as? Int == 5)
        let file = talk.object(3)
        #expect(file["filename"] as? String == #"a\b.txt"#)
        #expect(file["disposition"] as? String == "FILE_OPEN")
        #expect(file["created"] as? Int == 1_512_584_599)
        #expect(file["size"] as? Int == 4096)
        #expect(file["fuid"] as? String == "04030201-0605-0807-0a09-0c0b100f0e0d")
        #expect(talk.object(4)["filename"] as? String == #"a\b.txt"#)
        #expect(talk.object(4)["share"] as? String == #"\\srv\data"#)
        #expect(talk.object(4)["status"] as? String == "STATUS_SUCCESS")
        #expect(talk.object(5)["fuid"] as? String == file["fuid"] as? String)
        #expect(talk.columns(1)["user"] == "\"Jürgen\"")
        #expect(talk.columns(3)["command"] == #""SMB2_COMMAND_CREATE""#)
        #expect(talk.objects.indices.map { talk.object($0)["id"] as? Int } == [1, 2, 3, 4, 5, 6, 7])
    }

    @Test func `have the time between request and answer`() {
        let talk = Conversation(Array(session.prefix(2)), port: 445)
        // Packets of a conversation are a second apart.
        #expect(talk.object()["response_us"] as? Int == 1_000_000)
    }

    @Test func `of a request that asks for patience wait for the last answer`() {
        let pending = Two.message(5, id: 3, status: 0x103, little(9, 2) + little(0, 7))
        let talk = Conversation(
            [
                .client(netBIOS(Two.create(id: 3, "a"))), .server(netBIOS(pending)),
                .server(netBIOS(Two.created(id: 3))),
            ],
            port: 445
        )
        #expect(talk.transactions.count == 1)
        #expect(talk.object()["status"] as? String == "STATUS_SUCCESS")
    }

    @Test func `of a compound are one each`() {
        let unset = [UInt8](repeating: 0xff, count: 16)
        var first = Two.create(id: 3, next: 128, "abcd")
        first += [UInt8](repeating: 0, count: 128 - first.count)
        var answer = Two.created(id: 3)
        answer.replaceSubrange(20..<24, with: little(UInt64(answer.count), 4))
        let talk = Conversation(
            [
                .client(netBIOS(first + Two.close(id: 4, file: unset))),
                .server(netBIOS(answer + Two.closed(id: 4))),
            ],
            port: 445
        )
        #expect(commands(talk) == ["SMB2_CREATE", "SMB2_CLOSE"])
        #expect(talk.object(1)["status"] as? String == "STATUS_SUCCESS")
    }

    @Test(arguments: [false, true])
    func `go on behind a large read, of which nothing is kept and some may be lost`(isLost: Bool) {
        let answer = netBIOS(Two.data(id: 4, [UInt8](repeating: 0x61, count: 1 << 20)))
        var talk = Array(session.prefix(9))
        if isLost {
            talk += [.server(Array(answer.prefix(5000))), .lost(800_000, toResponder: false)]
            talk.append(.server(Array(answer.dropFirst(805_000))))
        } else {
            talk.append(.server(answer))
        }
        talk += session.suffix(2)
        let heard = Conversation(talk, port: 445)
        #expect(commands(heard).suffix(3) == ["SMB2_CREATE", "SMB2_READ", "SMB2_CLOSE"])
        #expect(heard.counters.malformed == 0)
        #expect(heard.object(4)["status"] as? String == "STATUS_SUCCESS")
    }

    @Test func `go on with the next message when a head was lost`() {
        let talk = Conversation(
            [
                .client(netBIOS(Two.create(id: 3, "a"))), .lost(400, toResponder: false),
                .server([UInt8](repeating: 0x20, count: 90) + netBIOS(Two.created(id: 3))),
                .client(netBIOS(Two.close(id: 4))), .server(netBIOS(Two.closed(id: 4))),
            ],
            port: 445
        )
        #expect(commands(talk) == ["SMB2_CREATE", "SMB2_CLOSE"])
    }

    @Test func `of calls over a pipe name what is called`() {
        let interface = [UInt8](0x10...0x1f)
        let bind =
            little(0x1000_1000, 4) + little(0, 4) + [1, 0, 0, 0] + little(0, 2) + [1, 0] + interface
            + little(3, 2) + little(1, 2) + [UInt8](repeating: 0, count: 20)
        let talk = Conversation(
            [
                .client(netBIOS(Two.connect(id: 2, #"\\srv\IPC$"#))),
                .server(netBIOS(Two.connected(id: 2, type: 2))),
                .client(netBIOS(Two.create(id: 3, "srvsvc"))), .server(netBIOS(Two.created(id: 3))),
                .client(netBIOS(Two.write(id: 4, Two.call(11, id: 1, body: bind)))),
                .client(netBIOS(Two.read(id: 5, 1024))),
                .server(netBIOS(Two.data(id: 5, Two.call(12, id: 1)))),
                .client(netBIOS(Two.write(id: 6, Two.call(0, id: 2, operation: 15, body: [1, 2, 3, 4])))),
                .client(netBIOS(Two.read(id: 7, 1024))),
                .server(netBIOS(Two.data(id: 7, Two.call(2, id: 2, body: [9, 9])))),
            ],
            port: 445
        )
        #expect(talk.object(0)["named_pipe"] as? String == #"\\srv\IPC$"#)
        #expect(commands(talk).suffix(2) == ["SMB2_WRITE", "SMB2_WRITE"])
        let bound = talk.object(2)["dcerpc"] as? [String: Any]
        #expect(bound?["request"] as? String == "BIND")
        #expect(bound?["response"] as? String == "BINDACK")
        let interfaces = bound?["interfaces"] as? [[String: Any]]
        #expect(interfaces?.first?["uuid"] as? String == "13121110-1514-1716-1819-1a1b1c1d1e1f")
        #expect(interfaces?.first?["version"] as? String == "3.1")
        let call = talk.object(3)["dcerpc"] as? [String: Any]
        #expect(call?["opnum"] as? Int == 15)
        #expect((call?["req"] as? [String: Any])?["stub_data_size"] as? Int == 4)
        #expect((call?["res"] as? [String: Any])?["stub_data_size"] as? Int == 2)
    }

    @Test func `of SMB 1 have its dialect and its files`() {
        let talk = Conversation(
            [
                .client([0x81, 0, 0, 68, 0x20] + [UInt8](repeating: 0x41, count: 67)),
                .server([0x82, 0, 0, 0]),
                .client(netBIOS(SMB1Sample.negotiate(id: 1))),
                .server(netBIOS(SMB1Sample.negotiated(id: 1, dialect: 1))),
                .client(netBIOS(SMB1Sample.create(id: 2, #"\x.doc"#))),
                .server(netBIOS(SMB1Sample.created(id: 2, file: 0x4001))),
            ],
            port: 139
        )
        #expect(talk.application == .smb)
        #expect(commands(talk) == ["SMB1_NEGOTIATE_PROTOCOL", "SMB1_NT_CREATE_ANDX"])
        #expect(talk.object(0)["dialect"] as? String == "NT LM 0.12")
        #expect(talk.object(0)["client_dialects"] as? [String] == ["LANMAN1.0", "NT LM 0.12"])
        #expect(talk.object(1)["filename"] as? String == #"\x.doc"#)
        #expect(talk.object(1)["fuid"] as? String == "4001")
        #expect(talk.object(1)["size"] as? Int == 33)
        #expect(talk.object(1)["session_id"] as? Int == 7)
    }

    @Test func `are bounded in what waits`() {
        let many = (0..<3000).flatMap { netBIOS(Two.create(id: UInt64($0), "file \($0)")) }
        let talk = Conversation([.client(many)], port: 445)
        #expect(talk.transactions.count == 3000)
        #expect(talk.object(0)["filename"] as? String == "file 0")
    }

    @Test func `of a chain of SMB 1 are eight at most`() {
        func block(_ next: UInt64) -> [UInt8] { [2, 0x24, 0] + little(next, 2) + [0, 0] }
        let rest = (1..<200).flatMap { block(UInt64(39 + 7 * $0)) }
        let chain = SMB1Sample.message(0x24, id: 9, words: [0x24, 0] + little(39, 2), rest)
        let talk = Conversation([.client(netBIOS(chain))], port: 445)
        #expect(talk.transactions.count == 8)
        #expect(commands(talk).allSatisfy { $0 == "SMB1_LOCKING_ANDX" })
    }

    @Test func `of SMB 1 have names that are cut, and what ends them is not looked for without end`() {
        let name = String(repeating: "n", count: 7000)
        let talk = Conversation([.client(netBIOS(SMB1Sample.create(id: 2, name)))], port: 445)
        let shown = talk.object()["filename"] as? String ?? ""
        #expect((500...2048).contains(shown.utf8.count))
    }

    @Test func `tell of what is encrypted, and go on behind it`() {
        let sealed = [0xfd, 0x53, 0x4d, 0x42] + [UInt8](repeating: 0x99, count: 30_000)
        let talk = Conversation([.client(netBIOS(sealed) + netBIOS(Two.negotiate(id: 0)))], port: 445)
        #expect(commands(talk) == ["SMB3_TRANSFORM", "SMB2_NEGOTIATE_PROTOCOL"])
    }

    @Test func `stay JSON whatever the bytes are, and hold nothing when their flow is over`() {
        damage(session, rounds: 400, seed: 41, port: 445)
        damage(
            [
                .client(netBIOS(SMB1Sample.negotiate(id: 1))),
                .server(netBIOS(SMB1Sample.negotiated(id: 1, dialect: 1))),
                .client(netBIOS(SMB1Sample.create(id: 2, "x"))),
                .server(netBIOS(SMB1Sample.created(id: 2, file: 1))),
            ],
            rounds: 400,
            seed: 42,
            port: 139
        )
    }

    @Test func `survive every truncation`() {
        for item in session {
            guard case .client(let bytes) = item else { continue }
            for count in 0..<bytes.count {
                _ = Conversation([.client(Array(bytes.prefix(count)))], port: 445).objects
                // The same with a head that says that this is all of it.
                _ =
                    Conversation([.client(netBIOS(Array(bytes.prefix(count).dropFirst(4))))], port: 445)
                    .objects
            }
        }
    }
}
