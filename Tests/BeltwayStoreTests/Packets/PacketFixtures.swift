// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire
import Foundation
import Glibc

@testable import BeltwayStore

/// A packet as a test expects to find it again.
struct SamplePacket: Equatable {
    var time: Timestamp
    var originalLength: UInt32
    var flags: UInt32 = 0
    var bytes: [UInt8]

    /// `number` decides everything: times with odd nanoseconds, lengths of every remainder, bytes all
    /// different.
    static func number(_ number: Int, length: Int? = nil) -> SamplePacket {
        let length = length ?? (number * 37) % 1600
        return SamplePacket(
            time: Sample.noon.advanced(byNanoseconds: UInt64(number) * 1_000_003),
            originalLength: UInt32(length + number % 3),
            flags: number % 5 == 0 ? 0x201 : 0,
            bytes: (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number &* 13) }
        )
    }

    var recordFlags: RecordFlags { flags == 0 ? [] : [.inbound, .checksumNotReady] }
}

/// A ring with its producer, fed packet by packet.
struct TestRing: ~Copyable {
    let buffer: DataBuffer
    var producer: DataBufferProducer

    init(
        _ name: String = "test.0",
        capacity: Int = 1 << 20,
        policy: BufferPolicy = .fastReader,
        linkType: LinkType = .ethernet,
        interfaces: [String] = ["eth0"]
    ) throws {
        let buffer = try DataBuffer(
            name: name,
            number: 1,
            linkType: linkType,
            capacity: capacity,
            policy: policy
        )
        var producer = buffer.makeProducer()
        for interface in interfaces { _ = try producer.addInterface(named: interface) }
        self.buffer = buffer
        self.producer = producer
    }

    mutating func append(_ packet: SamplePacket, interface: UInt16 = 0) {
        while !producer.append(
            packet.bytes.span.bytes,
            time: packet.time,
            originalLength: packet.originalLength,
            interface: interface,
            flags: packet.recordFlags
        ) {
            producer.publish()
            producer.waitForRoom()
        }
    }

    /// Ends the region here.
    mutating func flush() {
        producer.padToPage()
        producer.publish()
    }
}

/// What a segment or capture file holds, read by the walker under test.
func packets(of path: String) throws -> [SamplePacket] {
    var reader = try SegmentReader.open(path)
    var found: [SamplePacket] = []
    while reader.advance() {
        found.append(
            SamplePacket(
                time: reader.current.time,
                originalLength: reader.current.originalLength,
                flags: reader.current.flags,
                bytes: reader.withPacket(bytes)
            )
        )
    }
    if let damage = reader.damage { throw damage }
    return found
}

func bytes(_ span: RawSpan) -> [UInt8] { (0..<span.byteCount).map { span.byte(at: $0) } }

/// The segments of all rings below a folder, in order of their paths.
func segmentFiles(_ folder: String) -> [String] {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".pcapng") || $0.hasSuffix(".partial") }.sorted().map {
        "\(folder)/\($0)"
    }
}

func fileLength(_ path: String) -> UInt64 { FileSystem.status(path)?.length ?? 0 }

/// Other people's tools.
enum Tool {
    static func isInstalled(_ name: String) -> Bool {
        ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"].contains { access($0 + name, X_OK) == 0 }
    }

    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    static func run(_ arguments: [String]) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaints = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus,
            output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: complaints, as: UTF8.self)
        )
    }

    static let readers = ["tcpdump", "tshark", "capinfos"]
    static let haveReaders = readers.allSatisfy(isInstalled)

    /// How many packets each of the three sees in a file; nil from one that complains.
    static func counts(_ path: String) throws -> [String: Int?] {
        let dump = try run(["tcpdump", "-r", path, "-nn", "-tt", "-e", "-q"])
        let lines = dump.output.split(separator: "\n").filter { !$0.hasPrefix("\t") && !$0.hasPrefix(" ") }
        let complaints = dump.errors.split(separator: "\n").filter { !$0.hasPrefix("reading from file") }
        let shark = try run(["tshark", "-r", path, "-T", "fields", "-e", "frame.number"])
        let sharkComplaints = shark.errors.split(separator: "\n").filter { !$0.contains("Running as user") }
        let infos = try run(["capinfos", "-c", "-M", "-T", "-r", path])
        let count = infos.output.split(separator: "\t").last.flatMap {
            Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        return [
            "tcpdump": dump.status == 0 && complaints.isEmpty ? lines.count : nil,
            "tshark": shark.status == 0 && sharkComplaints.isEmpty
                ? shark.output.split(separator: "\n").count : nil,
            "capinfos": infos.status == 0 && infos.errors.isEmpty ? count : nil,
        ]
    }
}
