// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import BeltwayFlow

private let head = "HTTP/1.1 200 OK\r\nContent-Length: "

/// Requests, each answered with a body.
private func pages(_ bodies: [[UInt8]], missing: Int = 0) -> [Talk] {
    bodies.enumerated().flatMap { number, body in
        [
            Talk.client("GET /../../etc/\(number) HTTP/1.1\r\nHost: h\r\n\r\n"),
            .server(Array("\(head)\(body.count + missing)\r\n\r\n".utf8) + body),
        ]
    }
}

/// Takes what a queue holds, and puts it together by file; nil where a file was dropped.
private func content(_ queue: FileQueue) -> [UInt64: [UInt8]?] {
    var files: [UInt64: [UInt8]] = [:]
    var ended: [UInt64: [UInt8]?] = [:]
    for piece in queue.take() ?? [] {
        queue.done(piece.count)
        switch piece {
        case .bytes(let number, let bytes): files[number, default: []] += bytes
        case .end(let number, let bytes):
            let whole = files[number, default: []] + bytes
            #expect(ended[number] == nil, "a file ends once")
            ended[number] = .some(whole)
            queue.ended(.stored, bytes: UInt64(whole.count))
        case .dropped(let number):
            #expect(ended[number] == nil, "a file ends once")
            ended[number] = .some(nil)
            queue.ended(.dropped, bytes: UInt64(files[number]?.count ?? 0))
        }
    }
    return ended
}

private func isStored(_ talk: Conversation) -> [Bool] {
    talk.files.indices.map { talk.file($0)["stored"] as? Bool ?? false }
}

private func limits(_ change: (inout FileExtraction) -> Void = { _ in }) -> FileQueue {
    var limits = FileExtraction()
    change(&limits)
    return FileQueue(limits, waits: false)
}

@Suite struct `A file that is to be stored` {
    @Test(arguments: [1, 1000, 1448])
    func `is handed over byte for byte, and its event says its number`(pieces: Int) {
        let queue = limits()
        let bodies = [Array("short".utf8), (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }]
        let talk = Conversation(pages(bodies), port: 80, pieces: pieces, queue: queue)
        #expect(isStored(talk) == [true, true])
        #expect(talk.files.indices.map { talk.file($0)["file_id"] as? Int } == [1, 2])
        let files = content(queue)
        #expect(files[1] == bodies[0])
        #expect(files[2] == bodies[1])
        #expect(queue.counters.stored == 2)
        #expect(queue.counters.bytes == 200_005)
    }

    @Test func `has its columns in the table`() {
        let text = "GET / HTTP/1.1\r\n\r\n"
        let talk = Conversation([.client(text), .server("\(head)1\r\n\r\na")], port: 80, queue: limits())
        #expect(talk.files.count == 1)
        let (record, body) = talk.files[0]
        let stored = record.kind.columns.firstIndex { $0.name == "stored" }.flatMap { record.mark($0) }
        #expect(stored.map { String(decoding: Array(body.utf8)[$0], as: UTF8.self) } == "true")
    }

    @Test func `is not if it breaks off, unless parts are wanted`() {
        let queue = limits()
        let talk = Conversation(pages([[1, 2, 3]], missing: 5), port: 80, queue: queue)
        #expect(isStored(talk) == [false])
        #expect(content(queue).isEmpty)
        #expect(queue.counters.incomplete == 1)
        let other = limits { $0.keepsPartial = true }
        #expect(isStored(Conversation(pages([[1, 2, 3]], missing: 5), port: 80, queue: other)) == [true])
        #expect(content(other) == [1: [1, 2, 3]])
    }

    @Test func `is kept up to its first gap if parts are wanted, and its event has the part's digest`() {
        let queue = limits { $0.keepsPartial = true }
        let talk: [Talk] = [
            .client("GET / HTTP/1.1\r\n\r\n"), .server("\(head)9\r\n\r\nabc"), .lost(3, toResponder: false),
            .server("ghi"),
        ]
        let conversation = Conversation(talk, port: 80, queue: queue)
        #expect(isStored(conversation) == [true])
        #expect(content(queue) == [1: Array("abc".utf8)])
        #expect(conversation.file()["state"] as? String == "TRUNCATED")
        // RFC 1321, A.5.
        #expect(conversation.file()["md5"] as? String == "900150983cd24fb0d6963f7d28e17f72")
    }

    @Test func `counts once if a limit ended it and it then broke off`() {
        let queue = limits { $0.largest = 10 }
        let body = [UInt8](repeating: 2, count: 11)
        #expect(isStored(Conversation(pages([body], missing: 5), port: 80, queue: queue)) == [false])
        #expect(queue.counters.overQuota == 1)
        #expect(queue.counters.incomplete == 0)
    }

    @Test func `is not kept if its event is too long`() {
        let queue = limits()
        var settings = FileSettings()
        settings.queue = queue
        var file = FileTracker(name: [], settings)
        file.take([1, 2, 3].span.bytes)
        file.isComplete = true
        var stage = TransactionStage()
        stage.files = settings
        stage.begin(.fileinfo, number: 0, object: "http")
        for _ in 0..<TransactionRecord.mostBytes { stage.text.append(",\"a\":1") }
        stage.endFile(file, application: "http", number: 0)
        var facts = TransactionList()
        #expect(stage.commit(into: &facts) == 0)
        #expect(content(queue).compactMapValues { $0 }.isEmpty)
        #expect(queue.counters.incomplete == 1)
        #expect(stage.fileCounters.files == 0)
    }

    @Test func `takes no place of another before it is worth a piece`() {
        let queue = limits { $0.count = 1 }
        let idle = FileCopy(queue)
        idle.take([UInt8](repeating: 1, count: 60_000).span.bytes)
        #expect(queue.kept.files == 0)
        #expect(isStored(Conversation(pages([[1]]), port: 80, queue: queue)) == [true])
        #expect(queue.counters.overQuota == 0)
        idle.take([UInt8](repeating: 1, count: 60_000).span.bytes)
        #expect(!idle.isGoing)
        #expect(queue.counters.overQuota == 1)
    }

    @Test func `is forgotten if the packet that ended it was overwritten`() {
        let queue = limits()
        let talk = Conversation(pages([[1, 2, 3]]), port: 80, queue: queue, overwritten: [2])
        #expect(talk.files.isEmpty)
        #expect(content(queue) == [1: nil])
    }

    @Test func `is refused beyond the bytes of one, the bytes of all, and the number of files`() {
        let large = limits { $0.largest = 10 }
        #expect(
            isStored(Conversation(pages([[1], .init(repeating: 2, count: 11)]), port: 80, queue: large)) == [
                true, false,
            ]
        )
        #expect(large.counters.overQuota == 1)
        let total = limits { $0.total = 100 }
        total.found(files: 1, bytes: 50)
        let bodies = [[UInt8]](repeating: .init(repeating: 1, count: 40), count: 2) + [[3, 4]]
        #expect(isStored(Conversation(pages(bodies), port: 80, queue: total)) == [true, false, true])
        #expect(total.counters.overQuota == 1)
        let count = limits { $0.count = 3 }
        count.found(files: 1, bytes: 50)
        #expect(
            isStored(Conversation(pages([[1], [2], [3], [4]]), port: 80, queue: count)) == [
                true, true, false, false,
            ]
        )
        #expect(count.counters.overQuota == 2)
    }

    @Test func `gives its room back when it is not kept`() {
        let queue = limits {
            $0.count = 1; $0.total = 300_000
        }
        let body = [UInt8](repeating: 1, count: 200_000)
        for _ in 0..<3 {
            let talk = Conversation(pages([body], missing: 1), port: 80, queue: queue)
            #expect(isStored(talk) == [false])
            #expect(content(queue).count == 1)
        }
        #expect(isStored(Conversation(pages([body]), port: 80, queue: queue)) == [true])
    }

    @Test func `is refused while too much waits for the disk`() {
        let queue = limits { $0.pending = 100_000 }
        let bodies = [[UInt8]](repeating: .init(repeating: 1, count: 60_000), count: 3)
        #expect(isStored(Conversation(pages(bodies), port: 80, queue: queue)) == [true, false, false])
        #expect(queue.counters.overPending == 2)
        _ = content(queue)
        #expect(isStored(Conversation(pages(bodies), port: 80, queue: queue)) == [true, false, false])
    }

    @Test func `is not begun for a second after the disk refused one, nor after the end`() {
        let queue = limits()
        _ = Conversation(pages([[1]]), port: 80, queue: queue)
        queue.ended(.failed, bytes: 1)
        #expect(isStored(Conversation(pages([[2]]), port: 80, queue: queue)) == [false])
        #expect(queue.counters.failed == 2)
        let closed = limits()
        closed.close()
        #expect(isStored(Conversation(pages([[2]]), port: 80, queue: closed)) == [false])
        #expect(closed.take() == nil)
    }
}
