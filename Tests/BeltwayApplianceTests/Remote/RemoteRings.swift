// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// Certificates as README.md says that they are made.
enum Certificates {
    /// A folder with `ca.pem`, `server.pem`, `client.pem` and their keys, or nil if openssl is not there.
    static let folder: TemporaryFolder? = make()
    /// Certificates of an authority that nobody else knows.
    static let strangers: TemporaryFolder? = make()

    private static func make() -> TemporaryFolder? {
        guard isInstalled("openssl"), let commands else { return nil }
        let folder = TemporaryFolder()
        let outcome = try? RunningProgram(["bash", "-ec", commands], in: folder.path).wait()
        return outcome?.status == 0 ? folder : nil
    }

    /// The commands of README.md's section, as they stand there; its host is the one of these tests.
    static let commands: String? = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        guard let text = try? String(contentsOf: root.appending(path: "README.md"), encoding: .utf8),
            let start = text.range(of: "## From another host\n")
        else { return nil }
        let section =
            text[start.upperBound...].prefix { _ in true }.components(separatedBy: "\n#").first ?? ""
        let lines = section.split(separator: "\n").filter {
            $0.hasPrefix("    openssl") || $0.hasPrefix("        -")
        }
        guard !lines.isEmpty else { return nil }
        return lines.joined(separator: "\n").replacingOccurrences(
            of: "DNS:box.example.org,IP:192.0.2.7",
            with: "DNS:localhost,IP:127.0.0.1"
        )
    }()

    /// A certificate for the server's key that ends the second it begins.
    static func expired(in folder: TemporaryFolder) throws -> String {
        let outcome = try RunningProgram(
            [
                "bash", "-ec",
                """
                openssl req -new -key server.key -subj /CN=old -out old.csr
                openssl x509 -req -in old.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 0 -out old.pem
                """,
            ],
            in: folder.path
        ).wait()
        guard outcome.status == 0 else { throw NotReady(description: outcome.errors) }
        return folder / "old.pem"
    }
}

/// What a test needs could not be had, in a sentence.
struct NotReady: Error, CustomStringConvertible {
    var description: String
}

/// A run over a capture file that comes through a pipe: so that taps can attach before the packets come.
final class PipedCapture {
    let folder = TemporaryFolder()
    let run: RunningProgram
    private let pipe: FileHandle

    init() throws {
        let path = folder / "pipe"
        guard mkfifo(path, 0o600) == 0 else { throw NotReady(description: "mkfifo") }
        run = try RunningProgram(
            [
                BeltwayProgram.path ?? "beltway", "run", "-r", path, "--data", folder / "data", "--no-flows",
                "--no-eve",
                "--no-packets",
            ]
        )
        pipe = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        // Programs that are started later must not hold the pipe open.
        _ = fcntl(pipe.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try pipe.write(contentsOf: Data(Self.header))
        // The first packet opens the ring.
        try send(0..<1)
        for _ in 0..<1_000 where !FileManager.default.fileExists(atPath: folder / "data/run/file.0") {
            usleep(10_000)
        }
    }

    private static var header: [UInt8] {
        words([0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, 1])
    }

    private static func words(_ values: [UInt32]) -> [UInt8] {
        values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) } }
    }

    /// Sends packets of 1,400 bytes that follow from their number.
    func send(_ numbers: Range<UInt32>) throws {
        var bytes: [UInt8] = []
        for number in numbers {
            bytes += Self.words([1_700_000_000 + number / 1_000, number % 1_000 * 1_000, 1_400, 1_400])
            // Ethernet and IPv4 for any decoder, then a text of the packet's own.
            bytes += [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]
            bytes += [0x45, 0, 5, 0x6a, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
            bytes += [0, 7, 0, 9, 5, 0x56, 0, 0]
            bytes += (0..<1_358).map { UInt8(truncatingIfNeeded: UInt32($0) &* 31 &+ number) }
        }
        try pipe.write(contentsOf: Data(bytes))
    }

    /// Ends the file.
    func finish() { try? pipe.close() }
}

extension TemporaryFolder {
    /// Options that name the certificate of one end, and who signed the other's.
    func identity(_ end: String, authority option: String, of others: TemporaryFolder? = nil) -> [String] {
        [
            "--certificate", self / "\(end).pem", "--key", self / "\(end).key", option,
            (others ?? self) / "ca.pem",
        ]
    }
}

/// `beltway serve` of a capture, and taps of it.
final class ServedCapture {
    let capture: PipedCapture
    let server: RunningProgram
    let certificates: TemporaryFolder
    let port: Int

    init(clients: Int = 16) throws {
        certificates = try #require(Certificates.folder)
        capture = try PipedCapture()
        server = try RunningProgram(
            [
                BeltwayProgram.path ?? "beltway", "serve", "127.0.0.1:0", "--data", capture.folder / "data",
                "--clients",
                "\(clients)",
            ] + certificates.identity("server", authority: "--clients-ca")
        )
        guard server.waitFor("; Ctrl-C"),
            let text = server.errors.split(separator: ":").compactMap({ part in
                Int(part.prefix { $0.isNumber })
            }).first
        else { throw NotReady(description: server.errors) }
        port = text
    }

    /// Starts a tap and waits until it is attached, or has ended.
    func tap(_ arguments: [String], host: String = "localhost", identity: [String]? = nil) throws
        -> RunningProgram
    {
        let tap = try RunningProgram(
            [BeltwayProgram.path ?? "beltway", "tap", "--from", "\(host):\(port)"] + arguments
                + (identity ?? certificates.identity("client", authority: "--ca"))
        )
        tap.waitFor("tapping", seconds: 30)
        return tap
    }
}
