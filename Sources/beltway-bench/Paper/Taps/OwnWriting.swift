// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// What tcpdump takes for a packet when nobody has to bring it: from a file in memory to /dev/null.
enum OwnWriting {
    private static let packets = 400_000

    /// Measures it: a long file less an empty one.
    ///
    /// - Parameters:
    ///   - length: Bytes of a packet.
    ///   - folder: Where the files are made.
    /// - Returns: Microseconds per packet.
    /// - Throws: ``FigureTrouble``, or when the files cannot be written.
    static func microseconds(length: Int, in folder: String) throws -> Double {
        let (long, empty) = ("\(folder)/long.pcap", "\(folder)/empty.pcap")
        let head: [UInt32] = [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 262_144, 1]
        let record = bytes([1, 0, UInt32(length), UInt32(length)]) + [UInt8](repeating: 0x45, count: length)
        var block: [UInt8] = []
        for _ in 0..<1000 { block += record }
        _ = FileManager.default.createFile(atPath: empty, contents: Data(bytes(head)))
        _ = FileManager.default.createFile(atPath: long, contents: Data(bytes(head)))
        guard let file = FileHandle(forWritingAtPath: long) else {
            throw FigureTrouble(description: "cannot write to \(folder)")
        }
        try file.seekToEnd()
        for _ in 0..<packets / 1000 { try file.write(contentsOf: Data(block)) }
        try file.close()
        let costs = try (0..<3).map { _ in try cost(long) - cost(empty) }
        try FileManager.default.removeItem(atPath: long)
        return median(costs) * 1e6 / Double(packets)
    }

    private static func cost(_ file: String) throws -> Double {
        let command = ["tcpdump", "-Z", "root", "-nn", "-q", "-r", file, "-w", "/dev/null"]
        guard let cost = MeasuredProcess.run(command, limit: 60), cost.status == 0 else {
            throw FigureTrouble(description: "tcpdump does not read a file")
        }
        return cost.cpu
    }

    private static func bytes(_ words: [UInt32]) -> [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }
}
