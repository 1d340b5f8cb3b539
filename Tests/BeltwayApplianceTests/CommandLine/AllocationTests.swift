// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// Counts what a run asks the allocator for, by a library that is preloaded into it.
private enum Allocations {
    static let compiler = ["gcc", "cc", "clang"].first(where: isInstalled)

    private static let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Programs/allocations.c").path

    private static let rules = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("rules").path

    /// A download of so many segments, and as many datagrams beside it.
    private static func capture(_ segments: Int) -> [UInt8] {
        var file = PcapBuilder()
        var number: UInt32 = 0
        func add(_ frame: [UInt8]) {
            file.add(frame, seconds: 1_767_607_200 + number / 10_000)
            number += 1
        }
        typealias Packet = PacketBuilder
        let body = String(repeating: "a line of a file\n", count: 60)
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count * segments)\r\n\r\n"
        add(Packet.segment(.syn, 100))
        add(Packet.segment([.syn, .ack], 499, isBack: true))
        add(Packet.segment([.ack, .psh], 101, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
        add(Packet.segment([.ack, .psh], 500, isBack: true, head))
        let datagram = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2")
            .udp(from: 4000, to: 9).payload("anything").bytes
        var next = 500 + UInt32(head.utf8.count)
        for _ in 0..<segments {
            add(Packet.segment([.ack, .psh], next, isBack: true, body))
            add(datagram)
            next += UInt32(body.utf8.count)
        }
        return file.bytes
    }

    /// What a run over so many segments asked for.
    static func ofRun(_ segments: Int, workers: Int, _ folder: TemporaryFolder) throws -> Int {
        let library = folder / "allocations.so"
        if !FileManager.default.fileExists(atPath: library) {
            let built = try RunningProgram([
                compiler ?? "cc", "-O2", "-shared", "-fPIC", "-o", library, source,
            ]).wait(seconds: 60)
            try #require(built.status == 0, "\(built.errors)")
        }
        let file = try folder.write(capture(segments), to: "\(segments).pcap")
        let outcome = try RunningProgram([
            "env", "LD_PRELOAD=" + library, BeltwayProgram.path ?? "beltway", "run", "-r", file,
            "--data", folder / "data-\(segments)", "--workers", "\(workers)", "--rules", rules,
        ]).wait(seconds: 60)
        try #require(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("20 rules loaded"), "\(outcome.errors)")
        let events = try String(contentsOfFile: folder / "data-\(segments)/eve.json", encoding: .utf8)
        #expect(events.contains("\"event_type\":\"fileinfo\"") && events.contains("\"sha256\":\""))
        let line = try #require(
            outcome.errorLines.last { $0.hasPrefix("allocations: ") },
            "\(outcome.errors)"
        )
        return try #require(Int(line.dropFirst("allocations: ".count)))
    }
}

extension `The command line` {
    @Test(
        .enabled(if: Allocations.compiler != nil, "There is no C compiler to build what counts allocations."),
        .enabled(if: isReleaseBuild, "This is no release build."),
        arguments: [1, 2]
    )
    func `allocates nothing per packet: flows, streams, a file's digest, packets stored, rules`(workers: Int)
        throws
    {
        let folder = TemporaryFolder()
        let few = try Allocations.ofRun(1_000, workers: workers, folder)
        let many = try Allocations.ofRun(11_000, workers: workers, folder)
        // 20,000 packets more; what remains is of threads that sleep and wake, and of time.
        #expect(many - few < 200, "\(few) in 2,000 packets, \(many) in 22,000")
    }
}
