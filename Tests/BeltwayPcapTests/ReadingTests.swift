// SPDX-License-Identifier: Apache-2.0
// What a program of libpcap's sees of a ring.
import BeltwayTestSupport
import Foundation
import Testing

@Suite(
    .serialized,
    .enabled(if: PcapLibrary.isBuilt && PcapLibrary.compiler != nil, PcapLibrary.absence),
    .timeLimit(.minutes(4))
)
struct `A program of libpcap's on a ring` {
    @Test func `finds the ring and its interface among the devices`() throws {
        let ring = try PcapRing("eth7.0")
        let outcome = try PreloadedReader().start(["list", "beltway"], on: ring).wait()
        let names = outcome.output.split(separator: "\n").compactMap { $0.split(separator: " ").first }
        #expect(names == ["beltway:eth7:", "beltway:eth7.0:"], "\(outcome.output) \(outcome.errors)")
    }

    @Test(arguments: ["loop", "next", "dispatch", "poll"])
    func `gets every packet whole and in order, and the end of the capture as the end of a file`(way: String)
        throws
    {
        let ring = try PcapRing(capacity: 8 << 20)
        let program = try PreloadedReader().reading([way, "beltway:test"], on: ring)
        ring.publishSlowly(5_000)
        ring.end()
        let outcome = program.wait()
        let numbers = outcome.numbers
        #expect(numbers["seen"] == 5_000 && numbers["wrong"] == 0, "\(outcome.output)")
        #expect(numbers["received"] == 5_000 && numbers["dropped"] == 0, "\(outcome.output)")
        #expect(numbers["result"] == (way == "loop" ? 0 : -2), "\(outcome.output)")
        #expect(numbers["link"] == 1 && numbers["snap"] == 65_535 && numbers["sent"] == -1)
    }

    @Test func `is called a few times for many packets when it polls`() throws {
        let ring = try PcapRing(capacity: 1 << 23)
        let program = try PreloadedReader().reading(["poll", "beltway:test.0"], on: ring)
        ring.publish(5_000)
        usleep(500_000)
        ring.end()
        let outcome = program.wait()
        #expect(outcome.numbers["seen"] == 5_000 && outcome.numbers["dropped"] == 0, "\(outcome.output)")
        // Ten ticks a second, and one for the end.
        #expect((outcome.numbers["calls"] ?? .max) < 500, "\(outcome.output)")
    }

    @Test func `gets as many packets as it asks for`() throws {
        let ring = try PcapRing()
        let program = try PreloadedReader().reading(["loop", "beltway:test.0", "10"], on: ring)
        ring.publish(100)
        let outcome = program.wait()
        #expect(outcome.numbers["result"] == 0 && outcome.numbers["seen"] == 10, "\(outcome.output)")
        #expect(outcome.numbers["received"] == 10, "\(outcome.output)")
    }

    @Test func `gets what its own filter accepts`() throws {
        let ring = try PcapRing()
        // The packet's number is in its first eight bytes: every 256th has a 3 in the first.
        let program = try PreloadedReader().reading(
            ["loop", "beltway:test.0", "-1", "ether[0] == 3"],
            on: ring
        )
        ring.publishSlowly(5_000)
        ring.end()
        let outcome = program.wait()
        let expected = (0..<5_000).count { $0 % 256 == 3 }
        #expect(outcome.numbers["seen"] == expected && outcome.numbers["wrong"] == 0, "\(outcome.output)")
        #expect(
            outcome.numbers["received"] == expected && outcome.numbers["dropped"] == 0,
            "\(outcome.output)"
        )
    }

    @Test func `is told of a filter that makes no sense`() throws {
        let ring = try PcapRing()
        let outcome = try PreloadedReader().start(["loop", "beltway:test.0", "-1", "prot 80"], on: ring)
            .wait()
        #expect(outcome.status == 1 && outcome.output.contains("compile "), "\(outcome.output)")
    }

    @Test func `counts exactly what it lost while it stood still`() throws {
        let ring = try PcapRing(capacity: 1 << 18)
        let program = try PreloadedReader().reading(["pause", "beltway:test.0"], on: ring)
        ring.publish(50)
        try #require(program.waitFor("paused"), "\(program.errors)")
        // Many times around the ring.
        ring.publish(20_000)
        ring.end()
        program.signal(SIGCONT)
        let numbers = program.wait().numbers
        let (seen, dropped) = (numbers["seen"] ?? 0, numbers["dropped"] ?? 0)
        #expect(dropped > 0 && seen > 0 && numbers["wrong"] == 0, "\(numbers)")
        #expect(
            UInt64(seen + dropped) == ring.published && numbers["received"] == seen + dropped,
            "\(numbers)"
        )
    }

    @Test func `is called from a long sleep by pcap_breakloop in a signal handler`() throws {
        let ring = try PcapRing()
        let program = try PreloadedReader().reading(["signal", "beltway:test.0"], on: ring)
        // Its time-out is a minute.
        program.signal(SIGINT)
        let outcome = program.wait(seconds: 30)
        #expect(outcome.numbers["result"] == -2 && !outcome.ranTooLong, "\(outcome.output)")
    }

    @Test func `is told that there is no such ring`() throws {
        let outcome = try PreloadedReader().start(["loop", "beltway:none"], on: nil).wait()
        #expect(outcome.output.hasPrefix("activate -5 no ring none is shared in"), "\(outcome.output)")
    }

    @Test func `reads files, and knows real interfaces, as without the library`() throws {
        let folder = TemporaryFolder()
        var capture = PcapBuilder()
        for number in 0..<20 { capture.add(PcapRing.packet(UInt64(number)), seconds: 1) }
        let file = try folder.write(capture.bytes, to: "file.pcap")
        let reader = try PreloadedReader()
        let read = try reader.start(["file", file], on: nil).wait()
        #expect(read.output == "result 0 seen 20\n", "\(read.output) \(read.errors)")
        let absent = try reader.start(["loop", "absent0"], on: nil).wait()
        #expect(absent.output.hasPrefix("activate -") && !absent.output.contains("ring"), "\(absent.output)")
    }
}

@Suite(.enabled(if: PcapLibrary.isBuilt && isInstalled("nm"), PcapLibrary.absence)) struct `The pcap library`
{
    @Test func `shows the functions that it stands in front of, and no other name`() throws {
        let map = try String(
            contentsOfFile: PcapLibrary.root + "/Sources/BeltwayPcap/pcap.map",
            encoding: .utf8
        )
        let wanted = Set(map.matches(of: #/(pcap_[a-z_]+);/#).map { String($0.output.1) })
        let outcome = try RunningProgram(["nm", "-D", "--defined-only", PcapLibrary.path]).wait()
        let shown = outcome.output.split(separator: "\n").compactMap { $0.split(separator: " ").last }
        #expect(Set(shown.map(String.init)) == wanted && wanted.count > 30)
    }

    @Test func `needs neither Swift nor a name that would keep the real library out`() throws {
        let outcome = try RunningProgram(["objdump", "-p", PcapLibrary.path]).wait()
        #expect(outcome.output.contains("NEEDED") && !outcome.output.contains("libswift"))
        #expect(!outcome.output.contains("SONAME"))
    }
}
