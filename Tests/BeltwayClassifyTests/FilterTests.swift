// SPDX-License-Identifier: Apache-2.0
import BeltwayClassify
import BeltwayTestSupport
import BeltwayWire
import Foundation
import Testing

@Suite struct `A filter` {
    func matches(_ expression: String, _ bytes: [UInt8], linkType: LinkType = .ethernet) throws -> Bool {
        let filter = try Filter(expression: expression, linkType: linkType)
        return filter.matches(bytes.span.bytes, originalLength: UInt32(bytes.count))
    }

    @Test func `matches what its expression says`() throws {
        let packet = PacketBuilder().ethernet().ipv4(from: "10.0.0.1", to: "10.0.0.2").tcp(
            from: 50_000,
            to: 443
        )
        .bytes
        #expect(try matches("tcp port 443", packet))
        #expect(try matches("host 10.0.0.1 and dst host 10.0.0.2", packet))
        #expect(try !matches("udp", packet))
        #expect(try !matches("tcp port 80 or host 10.0.0.3", packet))
        #expect(try matches("", packet))
        let tagged = PacketBuilder().ethernet().vlan(7).ipv6().udp().bytes
        #expect(try matches("vlan 7 and ip6 and udp", tagged))
        #expect(try !matches("udp", tagged))
    }

    @Test func `knows each link type`() throws {
        #expect(try matches("tcp port 80", PacketBuilder().ipv4().tcp().bytes, linkType: .raw))
        #expect(try matches("ip6", PacketBuilder().ipv6().tcp().bytes, linkType: .ipv6))
        #expect(try matches("tcp", PacketBuilder().linuxCooked().ipv4().tcp().bytes, linkType: .linuxCooked))
        #expect(
            try matches("tcp", PacketBuilder().linuxCooked2().ipv4().tcp().bytes, linkType: .linuxCooked2)
        )
        #expect(try matches("tcp", PacketBuilder().loopback(family: 2).ipv4().tcp().bytes, linkType: .null))
        #expect(
            try matches(
                "tcp",
                PacketBuilder().loopback(family: 2, bigEndian: true).ipv4().tcp().bytes,
                linkType: .loop
            )
        )
        #expect(try matches("tcp", PacketBuilder().ppp(hdlc: true).ipv4().tcp().bytes, linkType: .ppp))
    }

    @Test func `takes the length on the wire, not the captured one`() throws {
        let filter = try Filter(expression: "greater 1000", linkType: .ethernet)
        let bytes = PacketBuilder().ethernet().ipv4().tcp().bytes
        let longer = filter.matches(bytes.span.bytes, originalLength: 1_000)
        let shorter = filter.matches(bytes.span.bytes, originalLength: 999)
        #expect(longer && !shorter)
    }

    @Test func `says no to packets that end before what it looks at`() throws {
        let filter = try Filter(expression: "tcp port 80", linkType: .ethernet)
        let bytes = PacketBuilder().ethernet().ipv4().tcp(to: 80).bytes
        for count in 0...bytes.count {
            let matches = withExactCopy(of: bytes, count: count) { filter.matches($0, originalLength: 54) }
            #expect(matches == (count >= 38), "\(count) bytes")
        }
    }

    @Test(arguments: [
        "tcp prot 80", "host", "port 99999", "vlan and and", "inbound or (", "ether[0:3] = 1", "tcp\u{0}",
    ])
    func `refuses what libpcap refuses, with the expression and the reason`(expression: String) {
        do {
            _ = try Filter(expression: expression, linkType: .ethernet)
            Issue.record("\(expression) was compiled")
        } catch {
            #expect(error.expression == expression)
            #expect(!error.message.isEmpty)
            #expect(error.description.contains(error.message))
            #expect(error.description.split(separator: "\n", omittingEmptySubsequences: false).count == 1)
        }
    }

    @Test func `refuses an expression that is too long to optimise`() {
        let expression = (0..<2_000).map { "host 10.0.\($0 / 256).\($0 % 256)" }.joined(separator: " or ")
        #expect(throws: FilterError.self) { _ = try Filter(expression: expression, linkType: .ethernet) }
    }

    @Test func `gives its program in a form that a socket takes`() throws {
        let filter = try Filter(expression: "ip", linkType: .ethernet, snapLength: 96)
        let instructions = filter.instructions
        #expect(
            instructions == [
                FilterInstruction(code: 0x28, jt: 0, jf: 0, k: 12),
                FilterInstruction(code: 0x15, jt: 0, jf: 1, k: 0x800),
                FilterInstruction(code: 0x06, jt: 0, jf: 0, k: 96),
                FilterInstruction(code: 0x06, jt: 0, jf: 0, k: 0),
            ]
        )
        let count = filter.withInstructions { $0.count }
        #expect(count == 4)
        #expect(MemoryLayout<FilterInstruction>.size == 8)
        #expect(MemoryLayout<FilterInstruction>.offset(of: \.k) == 4)
    }

    @Test func `is compiled by several threads at once`() async {
        await withTaskGroup(of: Bool.self) { group in
            for port in 1...32 {
                group.addTask {
                    let bytes = PacketBuilder().ethernet().ipv4().udp(to: UInt16(port)).bytes
                    guard let filter = try? Filter(expression: "udp port \(port)", linkType: .ethernet) else {
                        return false
                    }
                    return filter.matches(bytes.span.bytes, originalLength: 42)
                }
            }
            for await matched in group { #expect(matched) }
        }
    }

    static let tcpdump = ["/usr/bin/tcpdump", "/usr/sbin/tcpdump"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    @Test(
        .enabled(if: Corpus.root != nil, "\(Corpus.absence)"),
        .enabled(if: tcpdump != nil, "tcpdump is not installed"),
        arguments: [
            "tcp port 80", "udp and not port 53", "ip6", "icmp or arp", "greater 500",
            "tcp[tcpflags] & tcp-syn != 0",
        ]
    )
    func `agrees with tcpdump on captures`(expression: String) throws {
        let tcpdump = try #require(Self.tcpdump)
        let captures = Corpus.captures.filter {
            ["ether", "rawip", "linux-sll", "null"].contains($0.linkType) && ($0.packets ?? 0) > 50
                && ($0.packets ?? 0) < 2_000 && $0.name.hasSuffix("pcap")
        }
        var compared = 0
        for capture in captures.enumerated().filter({ $0.offset % 60 == 0 }).map(\.element) {
            let packets = Corpus.packets(ofPcap: capture.path)
            guard let linkType = packets.first?.linkType, packets.count == capture.packets else { continue }
            let filter = try Filter(expression: expression, linkType: linkType)
            let ours = packets.count {
                filter.matches($0.bytes.span.bytes, originalLength: $0.originalLength)
            }
            let process = Process()
            process.executableURL = URL(fileURLWithPath: tcpdump)
            process.arguments = ["-n", "-r", capture.path, "-w", "-", expression]
            let output = Pipe()
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            let data = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else { continue }
            #expect(ours == countRecords(in: [UInt8](data)), "\(capture.name)")
            compared += 1
        }
        #expect(compared >= 5)
    }

    /// Records of a pcap file as tcpdump writes it.
    func countRecords(in file: [UInt8]) -> Int {
        let bytes = file.span.bytes
        guard let header = try? PcapFileHeader(bytes) else { return -1 }
        var (position, count) = (PcapFileHeader.length, 0)
        while position + header.recordHeaderLength <= file.count,
            let record = try? PcapRecordHeader(bytes.extracting(droppingFirst: position), in: header)
        {
            position += header.recordHeaderLength + Int(record.capturedLength)
            count += 1
        }
        return count
    }
}
