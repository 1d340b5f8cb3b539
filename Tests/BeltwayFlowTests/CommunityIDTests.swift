// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import Foundation
import Testing

/// The corpus, if this machine has it.
private let corpus: URL? = {
    let given = ProcessInfo.processInfo.environment["BELTWAY_CORPUS"].map { URL(fileURLWithPath: $0) }
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let folder = given ?? root.deletingLastPathComponent().appendingPathComponent("shared/corpus")
    return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
}()

private struct Vector: Decodable {
    var proto: UInt8
    var saddr: String
    var daddr: String
    var sport: UInt16?
    var dport: UInt16?
    var communityid: String

    var tuple: (source: IPAddress, destination: IPAddress, version: UInt8) {
        (address(saddr), address(daddr), saddr.contains(":") ? 6 : 4)
    }

    private func address(_ text: String) -> IPAddress {
        var v6 = in6_addr()
        if inet_pton(AF_INET6, text, &v6) == 1 {
            return withUnsafeBytes(of: v6) {
                IPAddress(
                    high: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
        }
        var v4 = in_addr()
        #expect(inet_pton(AF_INET, text, &v4) == 1)
        return IPAddress(v4: UInt32(bigEndian: v4.s_addr))
    }
}

private func vectors(_ name: String) throws -> [Vector] {
    guard let corpus else { return [] }
    let file = corpus.appendingPathComponent("expected/community-id/\(name).json")
    return try JSONDecoder().decode([Vector].self, from: Data(contentsOf: file))
}

@Suite struct CommunityIDTests {
    private func tcp(seed: UInt16, swapped: Bool) -> String {
        let ends = (IPAddress(v4: 0x80e8_6e78), IPAddress(v4: 0x4223_facc))
        return CommunityID.make(
            source: swapped ? ends.1 : ends.0,
            destination: swapped ? ends.0 : ends.1,
            sourcePort: swapped ? 80 : 34855,
            destinationPort: swapped ? 34855 : 80,
            protocol: 6,
            ipVersion: 4,
            seed: seed
        )
    }

    @Test(arguments: [false, true]) func `a TCP tuple gives the published value either way round`(
        swapped: Bool
    ) {
        #expect(tcp(seed: 0, swapped: swapped) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg=")
        #expect(tcp(seed: 1, swapped: swapped) == "1:3V71V58M3Ksw/yuFALMcW0LAHvc=")
    }

    @Test(.enabled(if: corpus != nil, "the corpus is not on this machine (BELTWAY_CORPUS)"))
    func `every vector of the baseline is met`() throws {
        let all = try vectors("baseline_deflt")
        #expect(all.count == 23)
        for vector in all {
            let id = CommunityID.make(
                source: vector.tuple.source,
                destination: vector.tuple.destination,
                sourcePort: vector.sport ?? 0,
                destinationPort: vector.dport ?? 0,
                protocol: vector.proto,
                ipVersion: vector.tuple.version
            )
            #expect(id == vector.communityid, "\(vector)")
        }
    }

    @Test(.enabled(if: corpus != nil, "the corpus is not on this machine (BELTWAY_CORPUS)"))
    func `every vector without base64 is the hash itself`() throws {
        let all = try vectors("baseline_nob64")
        #expect(all.count == 23)
        for vector in all {
            let digest = CommunityID.digest(
                source: vector.tuple.source,
                destination: vector.tuple.destination,
                sourcePort: vector.sport ?? 0,
                destinationPort: vector.dport ?? 0,
                protocol: vector.proto,
                ipVersion: vector.tuple.version
            )
            #expect("1:" + hex(digest) == vector.communityid, "\(vector)")
        }
    }

    @Test func `a flow record and an alert on its answer have the same Community ID`() throws {
        let bench = Bench()
        bench.track(.icmp(0xc0a8_0059, 0xc0a8_0001, type: 8))
        let reply = Packet.icmp(0xc0a8_0001, 0xc0a8_0059, type: 0)
        let view = bench.track(reply)
        let alert = AlertRecord(
            signature: 0,
            headers: reply.headers,
            flow: view,
            time: reply.timestamp,
            ordinal: 2,
            buffer: 0,
            interface: 0
        )
        let flow = try #require(bench.finish().first)
        #expect(flow.communityID() == "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=")
        #expect(alert.communityID() == flow.communityID())
        #expect(alert.flowID == flow.flowID && !alert.toResponder && alert.packetsToOriginator == 1)
        var bytes: [UInt8] = [0x20]
        flow.appendCommunityID(to: &bytes)
        alert.appendCommunityID(to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == " " + flow.communityID() + flow.communityID())
    }

    @Test func `an alert on a packet without a flow has the packet's fields alone`() {
        let packet = Packet.udp(1, 2, 3, 4, time: 5)
        let alert = AlertRecord(
            signature: 7,
            headers: packet.headers,
            flow: nil,
            time: packet.timestamp,
            ordinal: 1 << 32 + 9,
            buffer: 1,
            interface: 2
        )
        #expect(alert.flowID == 0 && alert.ordinal == 9 && alert.signature == 7 && alert.toResponder)
        #expect(alert.source == IPAddress(v4: 1) && alert.sourcePort == 2 && alert.destinationPort == 4)
        #expect(alert.buffer == 1 && alert.interface == 2 && alert.flowStart == .zero)
    }
}

private func hex(_ digest: InlineArray<20, UInt8>) -> String {
    digest.indices.map { String(format: "%02x", digest[$0]) }.joined()
}
