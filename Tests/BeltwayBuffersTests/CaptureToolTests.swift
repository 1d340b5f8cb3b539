// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Foundation
import Testing

/// The ring is the file: its bytes, behind a section header and an interface, open in every tool.
@Suite struct `Bytes of a ring behind a section header` {
    static let packets = 500

    private static func tool(_ name: String) -> String? {
        ["/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/bin/", "/sbin/"].map { $0 + name }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static func lines(_ tool: String, _ arguments: [String]) throws -> (
        status: Int32, lines: [String]
    ) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text.split(separator: "\n").map(String.init))
    }

    /// A file of 500 packets of all lengths and flags, statistics and padding of every kind.
    private static func write() throws -> URL {
        let buffer = try makeBuffer(1 << 20, .fastReader)
        var producer = buffer.makeProducer()
        for ordinal in 0..<UInt64(packets) {
            if ordinal == 100 {
                producer.setStatistics(received: 100, dropped: 3, interface: 0, time: Timestamp(seconds: 1))
            }
            if ordinal % 50 == 49 { producer.padToPage() }
            // Ethernet, an unknown type: nothing inside that a tool could object to.
            let length = 14 + Int(ordinal * 5 % 1400)
            var frame = Array(PacketText.bytes(ordinal: ordinal, length: length))
            frame.replaceSubrange(12..<14, with: [0x88, 0xB5])
            _ = producer.append(
                frame.span.bytes,
                time: Timestamp(seconds: 1_700_000_000 + ordinal, nanoseconds: 123_456_789),
                originalLength: UInt32(length + 100),
                interface: 0,
                flags: RecordFlags(rawValue: UInt16(ordinal % 5))
            )
        }
        producer.close()
        func little(_ words: [UInt32]) -> [UInt8] {
            words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
        }
        // Section header; Ethernet interface with if_tsresol 9.
        var file = little([0x0A0D_0D0A, 28, 0x1A2B_3C4D, 1, 0xFFFF_FFFF, 0xFFFF_FFFF, 28])
        file += little([1, 32, 1, 262_144, 9 | 1 << 16, 9, 0, 32])
        let length = buffer.memory.tail - .zero
        buffer.memory.withBytes(at: .zero, offset: 0, length: length) { span in
            span.withUnsafeBytes { file += $0 }
        }
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("beltway-ring-\(getpid())-\(UUID().uuidString).pcapng")
        try Data(file).write(to: url)
        return url
    }

    @Test(.enabled(if: tool("capinfos") != nil, "capinfos is not installed"))
    func `open in capinfos with all packets`() throws {
        let file = try Self.write()
        defer { try? FileManager.default.removeItem(at: file) }
        let path = try #require(Self.tool("capinfos"))
        let (status, lines) = try Self.lines(path, ["-T", "-r", "-M", "-c", file.path])
        #expect(status == 0)
        #expect(lines.first?.split(separator: "\t").last == "\(Self.packets)")
    }

    @Test(.enabled(if: tool("tshark") != nil, "tshark is not installed"))
    func `open in tshark, which shows packets and nothing else`() throws {
        let file = try Self.write()
        defer { try? FileManager.default.removeItem(at: file) }
        let path = try #require(Self.tool("tshark"))
        let (status, lines) = try Self.lines(
            path,
            [
                "-r", file.path, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len", "-e",
                "frame.len",
            ]
        )
        #expect(status == 0)
        #expect(lines.count == Self.packets)
        for (ordinal, line) in lines.enumerated() {
            let fields = line.split(separator: "\t")
            let length = 14 + ordinal * 5 % 1400
            #expect(fields.first.map { $0.hasPrefix("\(1_700_000_000 + ordinal).123456789") } == true)
            #expect(fields.dropFirst() == ["\(length)", "\(length + 100)"])
        }
    }

    @Test(.enabled(if: tool("tcpdump") != nil, "tcpdump is not installed"))
    func `open in tcpdump, which shows packets and nothing else`() throws {
        let file = try Self.write()
        defer { try? FileManager.default.removeItem(at: file) }
        let path = try #require(Self.tool("tcpdump"))
        let (status, lines) = try Self.lines(path, ["-nn", "-tt", "-q", "-r", file.path])
        #expect(status == 0)
        #expect(lines.filter { $0.hasPrefix("17000") }.count == Self.packets)
    }
}
