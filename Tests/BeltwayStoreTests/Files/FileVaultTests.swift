// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayStore
import BeltwayTestSupport
import Foundation
import Testing

/// The digest that `sha256sum` gives.
private let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

private func paths(_ folder: String) -> [String] {
    let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    var isFolder: ObjCBool = false
    return all.filter {
        FileManager.default.fileExists(atPath: folder + "/" + $0, isDirectory: &isFolder)
            && !isFolder.boolValue
    }.sorted()
}

private func room(_ change: (inout FileExtraction) -> Void = { _ in }) -> FileQueue {
    var limits = FileExtraction()
    change(&limits)
    return FileQueue(limits, waits: false)
}

@Suite struct `Stored files` {
    @Test func `are named by what they hold, in pieces or at once, and once each`() throws {
        let folder = TemporaryFolder()
        let queue = room()
        var vault = try FileVault(folder: folder / "files", queue: queue, floor: 0) { Issue.record("\($0)") }
        queue.put(.bytes(1, Array("ab".utf8)))
        queue.put(.end(1, Array("c".utf8)))
        queue.put(.end(2, Array("abc".utf8)))
        #expect(vault.drain() == 3)
        #expect(paths(folder / "files") == ["ba/\(abc)"])
        #expect(FileManager.default.contents(atPath: folder / "files/ba/\(abc)") == Data("abc".utf8))
        #expect(queue.counters.stored == 1)
        #expect(queue.counters.duplicates == 1)
    }

    @Test func `that do not end leave nothing, nor does what an earlier run left`() throws {
        let folder = TemporaryFolder()
        let queue = room()
        var vault = try FileVault(folder: folder / "files", queue: queue, floor: 0) { Issue.record("\($0)") }
        queue.put(.bytes(1, Array("ab".utf8)))
        queue.put(.bytes(2, Array("ab".utf8)))
        queue.put(.dropped(1))
        #expect(vault.drain() == 3)
        #expect(paths(folder / "files") == ["incoming/2"])
        // As after kill -9: nobody closes the first one.
        let later = room()
        _ = try FileVault(folder: folder / "files", queue: later, floor: 0) { Issue.record("\($0)") }
        #expect(paths(folder / "files").isEmpty)
        vault.close()
        #expect(queue.counters.stored == 0)
    }

    @Test func `count among the next run's`() throws {
        let folder = TemporaryFolder()
        let queue = room()
        var vault = try FileVault(folder: folder / "files", queue: queue, floor: 0) { Issue.record("\($0)") }
        queue.put(.end(1, Array("abc".utf8)))
        _ = vault.drain()
        let later = room()
        _ = try FileVault(folder: folder / "files", queue: later, floor: 0) { Issue.record("\($0)") }
        #expect(later.kept.files == 1)
        #expect(later.kept.bytes == 3)
    }

    @Test func `that the disk does not take are said once, counted, and leave nothing`() throws {
        let folder = TemporaryFolder()
        let queue = room()
        var said: [String] = []
        var vault = try FileVault(folder: folder / "files", queue: queue, floor: .max / 2) { said.append($0) }
        for number in UInt64(1)...3 {
            queue.put(.bytes(number, [1, 2]))
            queue.put(.end(number, [UInt8(number)]))
        }
        _ = vault.drain()
        #expect(said.count == 1)
        #expect(said.first?.contains("no room") == true, "\(said)")
        #expect(queue.counters.failed == 3)
        #expect(paths(folder / "files").isEmpty)
    }

    @Test func `do not follow links that wait in their place`() throws {
        let folder = TemporaryFolder()
        let queue = room()
        var said = 0
        var vault = try FileVault(folder: folder / "files", queue: queue, floor: 0) { _ in said += 1 }
        let target = try folder.write([], to: "target")
        try FileManager.default.createSymbolicLink(
            atPath: folder / "files/incoming/1",
            withDestinationPath: target
        )
        queue.put(.end(1, [1]))
        _ = vault.drain()
        #expect(said == 1)
        #expect(FileManager.default.contents(atPath: target) == Data())
    }
}
