// SPDX-License-Identifier: Apache-2.0
// The example analyzer beside a running `beltway run`.
import BeltwayTestSupport
import Foundation
import Testing

@Suite(
    .enabled(if: Tree.isBuilt && Tree.compiler != nil, Tree.absence),
    .enabled(if: BeltwayProgram.path != nil, "\(BeltwayProgram.absence)"),
    .timeLimit(.minutes(4))
)
struct `A program in C beside beltway run` {
    @Test func `counts what the run has read from where it attached, and is in its summary`() throws {
        let folder = TemporaryFolder()
        let pipe = folder / "input.pcap"
        try #require(mkfifo(pipe, 0o600) == 0)
        let data = folder / "data"
        let instance = try RunningProgram([
            BeltwayProgram.path ?? "", "run", "-r", pipe, "--data", data, "--no-packets", "--no-eve",
        ])
        // Both ends, so that opening does not wait; the capture ends when this is closed.
        let input = open(pipe, O_RDWR | O_CLOEXEC)
        try #require(input >= 0)
        var capture = PcapBuilder()
        for number in 0..<5 { capture.add(Self.packet(number), seconds: 1) }
        var written = 0
        func writeOn() {
            let rest = Array(capture.bytes[written...])
            #expect(rest.withUnsafeBytes { write(input, $0.baseAddress, rest.count) } == rest.count)
            written = capture.bytes.count
        }
        writeOn()
        let socket = data + "/run/file.0"
        let end = ContinuousClock.now + .seconds(20)
        while !FileManager.default.fileExists(atPath: socket), ContinuousClock.now < end { usleep(5_000) }
        try #require(FileManager.default.fileExists(atPath: socket), "\(instance.errors)")
        // What was read before is published by then, or soon.
        usleep(300_000)
        let program = try CProgram(Tree.examples + "/protocols.c").start([data, "file.0"])
        try #require(program.waitFor("attached"))
        for number in 0..<400 { capture.add(Self.packet(number), seconds: 2) }
        writeOn()
        close(input)
        let outcome = program.wait()
        let run = instance.wait()
        #expect(outcome.status == 0 && run.status == 0, "\(outcome.errors) \(run.errors)")
        #expect(outcome.output.contains("published 400 read 400 lost 0\n"), "\(outcome.output)")
        let bytes = (0..<400).filter { $0 % 4 == 0 }.reduce(0) { $0 + Self.packet($1).count }
        #expect(outcome.output.contains("udp 100 packets \(bytes) bytes\n"), "\(outcome.output)")
        #expect((run.output + run.errors).contains("400 read, 0 lost"), "\(run.output) \(run.errors)")
    }

    private static func packet(_ number: Int) -> [UInt8] {
        let text = String(repeating: "x", count: number % 90)
        return number % 4 == 0
            ? PacketBuilder().ethernet().ipv4().udp().payload(text).bytes
            : PacketBuilder().ethernet().ipv4().tcp().payload(text).bytes
    }
}
