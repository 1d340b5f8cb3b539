// SPDX-License-Identifier: Apache-2.0
// Programs that know nothing of Beltway, as tests start them on the rings of a capture.
import BeltwayTestSupport
import Foundation
import Testing

/// What `deployments/build-pcap` has built, and how programs are started with it.
enum UnmodifiedTools {
    static let library =
        URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().standardizedFileURL.path + "/.build-c/pcap/libbeltway-pcap.so"
    static let isBuilt = FileManager.default.fileExists(atPath: library)
    static let absence: Comment = "The pcap library is not built; run ./deployments/build-pcap first."

    /// Each ring's readers in other processes, as the instance shows them.
    static func readers(of data: String) throws -> [[[String: Any]]] {
        let status = try BeltwayProgram.run(["status", "--data", data, "--format", "json"])
        let rings = status.json["rings"] as? [[String: Any]] ?? []
        return rings.map { $0["readers"] as? [[String: Any]] ?? [] }
    }

    /// Starts a tool and waits until it reads: every ring of the instance then has so many readers elsewhere.
    static func start(
        _ command: [String],
        on data: String,
        readers: Int,
        options: [String] = []
    ) throws -> RunningProgram {
        let exec = [LiveProgram.path, "exec", "--data", data] + options + ["--"]
        let tool = try RunningProgram(["env", "BELTWAY_PCAP=" + library] + exec + command)
        let end = Date().addingTimeInterval(20)
        while Date() < end, tool.isRunning {
            let counts = try self.readers(of: data).map(\.count)
            if !counts.isEmpty, counts.allSatisfy({ $0 >= readers }) { return tool }
            usleep(50_000)
        }
        try #require(Bool(false), "\(command) did not attach: \(tool.output) \(tool.errors)")
        return tool
    }

    /// Waits until every reader elsewhere has taken so many packets, rings added up.
    static func wait(until count: Int, on data: String) throws {
        let end = Date().addingTimeInterval(20)
        while Date() < end {
            var read: [Int: Int] = [:]
            for reader in try readers(of: data).joined() {
                read[reader["pid"] as? Int ?? 0, default: 0] += reader["read"] as? Int ?? 0
            }
            if read.values.allSatisfy({ $0 >= count }) { return }
            usleep(50_000)
        }
    }

    /// A capture's packets without times, as text (-S: by themselves, not by what came before), in the file's order.
    static func packets(_ capture: String) throws -> [Substring] {
        try LiveProgram.tool(["tcpdump", "-Z", "root", "-n", "-t", "-S", "-xx", "-r", capture])
            .output.replacing("\n\t", with: " ").split(separator: "\n")
    }

    /// A capture's times to the nanosecond, in the file's order.
    static func times(_ capture: String) throws -> [Substring] {
        let command = [
            "tcpdump", "-Z", "root", "-n", "-q", "-tt", "--time-stamp-precision=nano", "-r", capture,
        ]
        return try LiveProgram.tool(command).output.split(separator: "\n").map { $0.prefix { $0 != " " } }
    }
}
