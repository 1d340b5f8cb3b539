// SPDX-License-Identifier: Apache-2.0
import BeltwayAppliance
import BeltwayFlow
import Foundation
import Testing

/// A folder of its own for one test, removed with it.
final class Scratch {
    let folder = FileManager.default.temporaryDirectory.appending(path: "beltway-eve-\(UUID().uuidString)")
    var eve: String { folder.appending(path: "eve.json").path }

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }

    func content(_ name: String = "eve.json") throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }
    func put(_ text: String) throws { try text.write(toFile: eve, atomically: false, encoding: .utf8) }
    func names() throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: folder.path))
    }
}

func fill(_ writer: inout EVEWriter, events: Int, from first: Int = 0) {
    let interface = JSONText("eth0")
    for number in first..<(first + events) {
        var flow = sampleFlow()
        flow.flowID = UInt64(number)
        writer.append(flow: flow, interface: interface)
    }
}

/// The flow ids of all lines; fails on any line that is not a whole event.
func identifiers(_ text: String) throws -> [Int] {
    #expect(text.isEmpty || text.hasSuffix("\n"))
    return try text.split(separator: "\n").map { try #require(try object(String($0))["flow_id"] as? Int) }
}

@Suite struct `A file of events` {
    @Test func `is written once a buffer is full, and at the end`() throws {
        let scratch = try Scratch()
        var file = try EVEFile(path: scratch.eve, limits: .init(bufferInBytes: 2000))
        var writer = EVEWriter()
        fill(&writer, events: 1)
        try file.drain(&writer)
        #expect(try scratch.content().isEmpty)
        fill(&writer, events: 9, from: 1)
        try file.drain(&writer)
        #expect(writer.lines.count == 0)
        fill(&writer, events: 1, from: 10)
        try file.drain(&writer, all: true)
        #expect(try identifiers(scratch.content()) == Array(0...10))
        #expect(file.bytesWritten == UInt64(try scratch.content().utf8.count))
        #expect(file.eventsLost == 0)
    }

    @Test func `is appended to when it is opened again`() throws {
        let scratch = try Scratch()
        for number in 0..<3 {
            var file = try EVEFile(path: scratch.eve)
            var writer = EVEWriter()
            fill(&writer, events: 1, from: number)
            try file.drain(&writer, all: true)
        }
        #expect(try identifiers(scratch.content()) == [0, 1, 2])
    }

    @Test(arguments: [1, 5, 200])
    func `loses the last line that a killed process left unfinished`(kept: Int) throws {
        let scratch = try Scratch()
        let line = lines { fill(&$0, events: 1) }[0]
        try scratch.put(line + "\n" + line.prefix(kept))
        var file = try EVEFile(path: scratch.eve)
        var writer = EVEWriter()
        fill(&writer, events: 1, from: 1)
        try file.drain(&writer, all: true)
        #expect(try identifiers(scratch.content()) == [0, 1])
    }

    @Test func `has its line ended, not cut, if it is longer than any event`() throws {
        let scratch = try Scratch()
        try scratch.put("first\n" + String(repeating: "x", count: 2 << 20))
        var file = try EVEFile(path: scratch.eve)
        var writer = EVEWriter()
        fill(&writer, events: 1)
        try file.drain(&writer, all: true)
        let parts = try scratch.content().split(separator: "\n")
        #expect(parts.map(\.count).prefix(2) == [5, 2 << 20])
        #expect(try identifiers(String(parts[2]) + "\n") == [0])
    }

    @Test func `is rotated between events, and the oldest files go`() throws {
        let scratch = try Scratch()
        let limits = EVEFile.Limits(bufferInBytes: 1, fileInBytes: 1500, kept: 3)
        var file = try EVEFile(path: scratch.eve, limits: limits)
        var writer = EVEWriter()
        for number in 0..<40 {
            fill(&writer, events: 1, from: number)
            try file.drain(&writer)
        }
        #expect(try scratch.names() == ["eve.json", "eve.json.1", "eve.json.2", "eve.json.3"])
        var seen: [Int] = []
        for name in ["eve.json.3", "eve.json.2", "eve.json.1", "eve.json"] {
            #expect(try scratch.content(name).utf8.count <= 1500)
            seen += try identifiers(scratch.content(name))
        }
        #expect(seen == Array(seen[0]..<40))
        #expect(file.eventsLost == 0)
    }

    @Test func `that cannot be renamed is written on, and says so`() throws {
        let scratch = try Scratch()
        // A folder with something in it cannot be replaced by a file.
        let obstacle = scratch.folder.appending(path: "eve.json.1/x")
        try FileManager.default.createDirectory(at: obstacle, withIntermediateDirectories: true)
        var file = try EVEFile(path: scratch.eve, limits: .init(bufferInBytes: 1, fileInBytes: 700, kept: 1))
        var writer = EVEWriter()
        var failures: [EVEFileError] = []
        for number in 0..<3 {
            fill(&writer, events: 1, from: number)
            do { try file.drain(&writer) } catch { failures.append(error) }
        }
        #expect(failures.map(\.operation) == [.rotate, .rotate])
        #expect(file.errors == 2)
        #expect(file.eventsLost == 0)
        #expect(try identifiers(scratch.content()) == [0, 1, 2])
    }

    @Test func `can be opened again after a rotator outside moved it`() throws {
        let scratch = try Scratch()
        var file = try EVEFile(path: scratch.eve)
        var writer = EVEWriter()
        fill(&writer, events: 1)
        try file.drain(&writer, all: true)
        try FileManager.default.moveItem(atPath: scratch.eve, toPath: scratch.eve + ".old")
        try file.reopen()
        fill(&writer, events: 1, from: 1)
        try file.drain(&writer, all: true)
        #expect(try identifiers(scratch.content("eve.json.old")) == [0])
        #expect(try identifiers(scratch.content()) == [1])
    }

    @Test func `in a folder that does not exist is refused with the path and the reason`() {
        let path = "/nonexistent-\(UUID().uuidString)/eve.json"
        let error = #expect(throws: EVEFileError.self) { _ = try EVEFile(path: path) }
        #expect(error?.operation == .open)
        #expect(error?.code == ENOENT)
        #expect(error.map { "\($0)" } == "cannot open \(path): No such file or directory")
    }

    @Test func `that is a pipe is refused instead of waited for`() throws {
        let scratch = try Scratch()
        try #require(mkfifo(scratch.eve, 0o600) == 0)
        let error = #expect(throws: EVEFileError.self) { _ = try EVEFile(path: scratch.eve) }
        #expect(error?.code == ENOTSUP)
    }

    @Test func `on a full device loses the events, counts them and keeps no memory of them`() throws {
        var file = try EVEFile(path: "/dev/full")
        var writer = EVEWriter()
        for _ in 0..<3 {
            fill(&writer, events: 4)
            let error = #expect(throws: EVEFileError.self) { try file.drain(&writer, all: true) }
            #expect(error?.code == ENOSPC)
            #expect(writer.lines.count == 0)
        }
        #expect(file.eventsLost == 12)
        #expect(file.errors == 3)
    }

    @Test func `cut short by the system in the middle of a line holds whole lines only`() async {
        // RLIMIT_FSIZE makes write(2) short as a full disk does; in a process of its own, since it is for all files.
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            let scratch = try Scratch()
            var file = try EVEFile(path: scratch.eve)
            var writer = EVEWriter()
            fill(&writer, events: 2)
            try file.drain(&writer, all: true)
            var limit = rlimit(rlim_cur: 2000, rlim_max: rlim_t.max)
            setrlimit(__rlimit_resource_t(1), &limit)
            fill(&writer, events: 6, from: 2)
            var code: Int32 = 0
            do { try file.drain(&writer, all: true) } catch { code = (error as? EVEFileError)?.code ?? 0 }
            limit.rlim_cur = rlim_t.max
            setrlimit(__rlimit_resource_t(1), &limit)
            let before = try identifiers(scratch.content())
            fill(&writer, events: 1, from: 100)
            try file.drain(&writer, all: true)
            let after = try identifiers(scratch.content())
            let lost = Int(file.eventsLost)
            let holds =
                code == EFBIG && before == Array(0..<before.count) && before.count + lost == 8 && lost > 0
                && after == before + [100]
            exit(holds ? 0 : 1)
        }
    }
}
