// SPDX-License-Identifier: Apache-2.0
// A ring in the tests' own process, and programs of libpcap's that read it through the preloaded library.
import BeltwayBuffers
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

/// What `deployments/build-pcap` has built, in the tree that the tests were built from.
enum PcapLibrary {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .standardizedFileURL.path
    static let path = root + "/.build-c/pcap/libbeltway-pcap.so"
    static let isBuilt = FileManager.default.fileExists(atPath: path)
    static let absence: Comment = "The pcap library is not built; run ./deployments/build-pcap first."
    static let compiler = ["gcc", "cc", "clang"].first(where: isInstalled)
}

/// A data directory with a ring behind its socket.
final class PcapRing {
    let folder = TemporaryFolder()
    let buffer: DataBuffer
    private let server: BufferServer
    private var producer: DataBufferProducer?
    private(set) var published: UInt64 = 0

    init(_ name: String = "test.0", capacity: Int = 1 << 20) throws {
        try FileManager.default.createDirectory(atPath: folder / "run", withIntermediateDirectories: true)
        buffer = try DataBuffer(
            name: name,
            number: 1,
            linkType: .ethernet,
            capacity: capacity,
            policy: .fastReader
        )
        var producer = buffer.makeProducer()
        _ = try producer.addInterface(named: "test")
        self.producer = consume producer
        server = try BufferServer(folder: folder / "run")
        try server.share(buffer, policy: AccessPolicy(owner: geteuid(), group: getegid()))
    }

    deinit { server.stop() }

    /// The packet of a number, as Programs/reader.c wants it.
    static func packet(_ number: UInt64) -> [UInt8] {
        var bytes = (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
        for index in 8..<(60 + number % 1_000) {
            bytes.append(UInt8(truncatingIfNeeded: number &* 31 &+ index))
        }
        return bytes
    }

    /// Publishes so many more packets, in batches of 50.
    func publish(_ count: Int) {
        guard var producer = producer.take() else { return }
        for index in 1...count {
            let bytes = Self.packet(published)
            let isAppended = producer.append(
                bytes.span.bytes,
                time: Timestamp(nanoseconds: 1_000_000_000 + published),
                originalLength: UInt32(bytes.count),
                interface: 0,
                flags: .inbound
            )
            precondition(isAppended, "a ring of fast readers always has room")
            published += 1
            if index % 50 == 0 || index == count { producer.publish() }
        }
        self.producer = consume producer
    }

    /// Publishes no faster than a reader can follow.
    func publishSlowly(_ count: Int) {
        for _ in 0..<count / 100 {
            publish(100)
            usleep(2_000)
        }
    }

    func end() {
        guard var producer = producer.take() else { return }
        producer.close()
    }
}

/// Programs/reader.c, built against the system's libpcap.
struct PreloadedReader {
    /// Stays until the tests' process ends: what was started may not have been loaded yet when its maker is gone.
    private static let folder = TemporaryFolder()
    private let program: String

    init() throws {
        program = Self.folder / "reader-\(UUID().uuidString)"
        let compiler = try #require(PcapLibrary.compiler, "no C compiler is installed")
        let outcome = try RunningProgram([
            compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", program,
            PcapLibrary.root + "/Tests/BeltwayPcapTests/Programs/reader.c", "-lpcap",
        ]).wait(seconds: 60)
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    /// Starts it with an environment in which there is no Swift.
    func start(_ arguments: [String], on ring: PcapRing?) throws -> RunningProgram {
        try RunningProgram(
            [
                "env", "-i", "PATH=/usr/bin:/bin", "LD_PRELOAD=" + PcapLibrary.path,
                "BELTWAY_DATA=" + (ring?.folder.path ?? "/nowhere"), program,
            ] + arguments
        )
    }

    /// Starts it and waits until it reads.
    func reading(_ arguments: [String], on ring: PcapRing) throws -> RunningProgram {
        let program = try start(arguments, on: ring)
        try #require(program.waitFor("reading"), "\(program.output) \(program.errors)")
        return program
    }
}

extension ProgramOutcome {
    /// Numbers of the program's line, by the word before each.
    var numbers: [String: Int] {
        let words = output.split(whereSeparator: \.isWhitespace)
        var found: [String: Int] = [:]
        for (word, next) in zip(words, words.dropFirst()) {
            if let number = Int(next) { found[String(word)] = number }
        }
        return found
    }
}
