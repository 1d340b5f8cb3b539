// SPDX-License-Identifier: Apache-2.0
// One reader stands still, one dies, one is slow, one comes and goes: nobody else notices, and each knows what it lost.
import BeltwayBuffers
import BeltwayTestSupport
import Foundation
import Testing

extension `The program, live` {
    /// `capture0.0: 12 published = 10 read + 2 lost`, which a tap says when it ends.
    private func ledger(_ errors: String) -> [Int] {
        let line = errors.split(separator: "\n").first { $0.contains(" published = ") } ?? ""
        return line.split { !$0.isNumber && $0 != "." }.compactMap { Int($0) }.suffix(3)
    }

    /// Attaches, reads what comes within a moment, detaches.
    ///
    /// - Returns: What it was offered, what it read, what it lost.
    private func visit(_ folder: String, packets: Int) throws -> (
        published: UInt64, read: UInt64, lost: UInt64
    ) {
        let attached = try AttachedBuffer("capture0.0", in: folder, as: "visitor")
        var reader = try DescriptorReader(attached.buffer)
        for _ in 0..<packets where reader.next() == nil { reader.wait(nanoseconds: 1_000_000) }
        reader.release()
        return (reader.published, reader.read, reader.lost)
    }

    @Test func `readers that stop, die, crawl or come and go a thousand times cost the others nothing`()
        throws
    {
        let folder = TemporaryFolder()
        let data = folder / "data"
        let network = try LiveProgram.network()
        let capture = try LiveCaptures.write(rounds: 10, to: folder)
        let program = try LiveProgram.start(
            ["--no-packets", "--no-flows", "--no-eve", "--ring", "8MiB", "--data", data],
            in: network
        )
        func tap(_ arguments: [String] = ["-w", "/dev/null"]) throws -> RunningProgram {
            let tap = try RunningProgram([LiveProgram.path, "tap", "--data", data] + arguments)
            try #require(tap.waitFor("tapping"), "\(tap.errors)")
            return tap
        }
        let (steady, stopped, killed) = (try tap(), try tap(), try tap())
        // Its output is taken at a hundredth of the rate: the pipe fills up, and it falls behind by its own fault.
        let crawling = try RunningProgram([
            "sh", "-c",
            "\"$0\" tap --data \"$1\" -w - | { while [ ! -e \"$2\" ] && head -c 8192 | grep -q .; do sleep 0.1; done; cat; } "
                + "> /dev/null",
            LiveProgram.path, data, folder / "enough",
        ])
        try #require(crawling.waitFor("tapping"))
        stopped.signal(SIGSTOP)
        killed.signal(SIGKILL)
        let replay = try LiveProgram.startReplay(capture, in: network, perSecond: 10_000)
        var visits = 0
        while visits < 1_000 {
            let seen = try visit(data + "/run", packets: visits % 20)
            try #require(seen.published == seen.read + seen.lost, "\(visits): \(seen)")
            visits += 1
        }
        let replayed = replay.wait(seconds: 60)
        let words = replayed.output.split(whereSeparator: \.isWhitespace)
        let sent = try #require(words.firstIndex(of: "Actual:").flatMap { Int(words[$0 + 1]) })
        // Until the kernel's last block was handed over.
        let deadline = Date().addingTimeInterval(10)
        var status: [String: Any] = [:]
        func ring() -> [String: Any] { (status["rings"] as? [[String: Any]])?.first ?? [:] }
        repeat {
            usleep(100_000)
            status = try BeltwayProgram.run(["status", "--data", data, "--format", "json"]).json
        } while (ring()["packets"] as? Int ?? 0) < sent && Date() < deadline
        // Those that are still there; the thousand visitors are not.
        let readers = ring()["readers"] as? [[String: Any]] ?? []
        #expect(Set(readers.compactMap { $0["pid"] as? Int }).count == 3, "\(readers)")
        #expect((status["sockets"] as? [String: Int])?["attached"] ?? 0 >= 1_004)

        stopped.signal(SIGCONT)
        let outcome = LiveProgram.stop(program)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let counted = outcome.json["capture"] as? [String: Int] ?? [:]
        let received = counted["received"] ?? -1
        #expect(received + (counted["dropped"] ?? -1) == sent)
        #expect(ledger(steady.wait().errors) == [received, received, 0])
        #expect(killed.wait().status == 128 + SIGKILL)
        // What is left of the ring need not crawl.
        _ = try folder.write("", to: "enough")
        for slow in [stopped, crawling] {
            let numbers = ledger(slow.wait(seconds: 60).errors)
            try #require(numbers.count == 3)
            #expect(
                numbers[0] == received && numbers[1] + numbers[2] == received && numbers[2] > 0,
                "\(numbers)"
            )
        }
        let ledgers = LiveProgram.ledgers(outcome.json)
        #expect(ledgers["statistics"]?.read == received && ledgers["statistics"]?.lost == 0)
        #expect(ledgers["tap.\(stopped.pid)"]?.published == received)
    }
}
