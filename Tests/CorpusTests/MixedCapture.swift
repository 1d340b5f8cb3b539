// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// A capture of 100 MB that the corpus's `make-big` mixes, with the truth about every flow; made once.
final class MixedCapture: Sendable {
    static let shared: MixedCapture? = MixedCapture()

    /// The capture file.
    let path: String
    /// Where it and its truth lie.
    let folder: String
    /// Packets in it.
    let packets: Int
    /// Every flow: packets and bytes per direction.
    let truth: TrafficTable

    private struct Totals: Decodable {
        var packets: Int
    }

    private init?() {
        guard let root = Corpus.root, let python = Program.installed("python3") else { return nil }
        folder =
            FileManager.default.temporaryDirectory.appendingPathComponent(
                "beltway-mixed-\(UUID().uuidString)"
            ).path
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        path = folder + "/mixed.pcap"
        let ending = Program.run(
            python,
            [root + "/make-big", "--out", path, "--size-mb", "100"],
            within: 240,
            in: folder
        )
        guard ending.status == 0,
            let totals = try? JSONDecoder().decode(
                Totals.self,
                from: Data(contentsOf: URL(fileURLWithPath: path + ".json"))
            )
        else {
            Issue.record("make-big: \(ending.description)")
            try? FileManager.default.removeItem(atPath: folder)
            return nil
        }
        packets = totals.packets
        var truth = TrafficTable()
        for row in tableRows(path + ".flows.tsv") where row.count > 9 {
            guard let client = Tuple.End(row[2], Int(row[3]) ?? 0),
                let server = Tuple.End(row[4], Int(row[5]) ?? 0)
            else { continue }
            let n = row[6...9].map { Int($0) ?? -1 }
            truth.add(
                row[1].uppercased(),
                from: client,
                to: server,
                packets: n[0],
                bytes: n[1],
                packetsBack: n[2],
                bytesBack: n[3]
            )
        }
        self.truth = truth
        // Static values are never freed, and the capture is too large to be left behind.
        MixedCapture.remains.append(folder)
        atexit { MixedCapture.remains.removeAll() }
    }

    private static let remains = Remains()

    private final class Remains: @unchecked Sendable {
        private let lock = NSLock()
        private var folders: [String] = []

        func append(_ folder: String) { lock.withLock { folders.append(folder) } }

        func removeAll() {
            lock.withLock {
                for folder in folders { try? FileManager.default.removeItem(atPath: folder) }
                folders = []
            }
        }
    }
}
