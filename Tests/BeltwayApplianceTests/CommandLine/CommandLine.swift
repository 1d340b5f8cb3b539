// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// Tests that run the program as people and scripts do.
@Suite(.enabled(if: BeltwayProgram.path != nil, "\(BeltwayProgram.absence)"), .timeLimit(.minutes(4)))
struct `The command line` {}

/// What these tests feed it.
enum Samples {
    /// The capture that ships with the tests: 692 packets of several protocols.
    static let sample: String = {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return package.deletingLastPathComponent().appendingPathComponent("Fixtures/sample.pcapng").path
    }()

    /// Ten packets of five flows, one second apart, from 2026-01-05T10:00:00Z.
    static let frames: [[UInt8]] = (0..<10).map { number in
        let flow = number / 2
        let builder = PacketBuilder().ethernet()
        let (client, server) = ("10.0.0.\(flow + 1)", "10.0.1.1")
        return number % 2 == 0
            ? builder.ipv4(from: client, to: server).udp(from: 40_000, to: 53).payload("question").bytes
            : builder.ipv4(from: server, to: client).udp(from: 53, to: 40_000).payload("a longer answer")
                .bytes
    }

    /// Time of the first of `frames`.
    static let start: UInt32 = 1_767_607_200

    /// The bytes of a pcap file with `frames`.
    static var pcap: [UInt8] {
        var file = PcapBuilder()
        for (number, frame) in frames.enumerated() { file.add(frame, seconds: start + UInt32(number)) }
        return file.bytes
    }

    /// A data directory that holds `frames`.
    static func analysed(in folder: TemporaryFolder, _ arguments: [String] = []) throws -> String {
        let capture = try folder.write(pcap, to: "ten.pcap")
        let outcome = try BeltwayProgram.run(["run", "-r", capture, "--data", folder / "data"] + arguments)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return folder / "data"
    }
}

/// Expects one line on standard error that says this, nothing on standard output, and an exit status.
func expectRefusal(
    _ arguments: [String],
    status: Int32,
    says texts: String...,
    in folder: TemporaryFolder? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let place = folder ?? TemporaryFolder()
    let outcome = try BeltwayProgram.run(arguments, in: place.path, seconds: 20)
    #expect(outcome.status == status, "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
    #expect(outcome.output.isEmpty, "\(arguments): \(outcome.output)", sourceLocation: sourceLocation)
    #expect(outcome.errorLines.count == 1, "\(arguments): \(outcome.errors)", sourceLocation: sourceLocation)
    let line = outcome.errorLines.first ?? ""
    #expect(line.hasPrefix("beltway: "), "\(arguments): \(line)", sourceLocation: sourceLocation)
    for text in texts {
        #expect(line.contains(text), "\(arguments): \(line)", sourceLocation: sourceLocation)
    }
}
