// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// What `make-big` says of one TCP flow that it made itself: every byte of it is known.
private struct MadeFlow {
    var client: Tuple.End
    var server: Tuple.End
    /// `BELTWAY-MARKER-` with the flow's number, if its request holds one.
    var marker: String?
    /// SHA-256 of what the client and the server sent; nil for nothing.
    var sent: String?
    var answered: String?

    /// Who asked whom.
    var ends: [Tuple.End] { [client, server] }

    /// - Parameter row: Of the table of flows; nil comes of flows of the corpus, whose payload has no digest there.
    init?(_ row: [String]) {
        guard row.count > 15, row[1] == "tcp", let number = Int(row[0]),
            let client = Tuple.End(row[2], Int(row[3]) ?? -1),
            let server = Tuple.End(row[4], Int(row[5]) ?? -1),
            !(row[14].isEmpty && row[15].isEmpty)
        else { return nil }
        (self.client, self.server) = (client, server)
        marker = row[13] == "1" ? MadeFlow.mark + String("0000000\(number)".suffix(8)) : nil
        (sent, answered) = (row[14] == "-" ? nil : row[14], row[15] == "-" ? nil : row[15])
    }

    static let mark = "BELTWAY-MARKER-"
}

/// An `http` event, as far as these tests look at it.
private struct Request: Decodable, Directed {
    struct HTTP: Decodable {
        var url: String?
    }
    var src_ip: String
    var src_port: Int
    var dest_ip: String
    var dest_port: Int
    var http: HTTP
}

extension `The corpus` {
    @Suite(
        .enabled(
            if: Program.installed("python3") != nil,
            "python3, which makes the capture, is not installed."
        )
    )
    struct `Flows of known bytes in a large mixed capture` {
        private static let flows: [MadeFlow] =
            tableRows((MixedCapture.shared?.path ?? "") + ".flows.tsv").compactMap(MadeFlow.init)

        @Test(.timeLimit(.minutes(6)))
        func `show their markers in HTTP events, also those that a segment's border cuts`() throws {
            let mixed = try #require(MixedCapture.shared)
            let expected = Self.flows.compactMap { flow in flow.marker.map { ($0, flow.ends) } }
            #expect(expected.count > 4)

            // Where the marker is in one packet, a search of the packets finds it; the others are in no packet.
            var inOnePacket: Set<String> = []
            let mark = Data(MadeFlow.mark.utf8)
            for packet in try CaptureFile(mixed.path).packets {
                guard let place = packet.bytes.range(of: mark) else { continue }
                let end = min(place.upperBound + 8, packet.bytes.endIndex)
                inOnePacket.insert(
                    String(decoding: packet.bytes[place.lowerBound..<end], as: UTF8.self)
                )
            }
            let cut = expected.count { !inOnePacket.contains($0.0) }
            #expect(cut * 4 >= expected.count)

            let run = try withTemporaryFolder { Run.of(mixed.path, in: $0, Run.lean, within: 60) }
            #expect(run.ending.status == 0)
            let isHTTP = Data("\"event_type\":\"http\"".utf8)
            var found: [String: [[Tuple.End]]] = [:]
            for line in run.lines where line.range(of: isHTTP) != nil && line.range(of: mark) != nil {
                let request = try JSONDecoder().decode(Request.self, from: line)
                found[request.http.url ?? "", default: []].append(request.ends)
            }
            for (marker, ends) in expected {
                let places = found.removeValue(forKey: "/beltway/" + marker)
                #expect(places == [ends], "\(marker)")
            }
            #expect(found.isEmpty, "markers of no flow")
            print("mixed: \(expected.count) markers, each in its flow; \(cut) of them in no single packet")
        }

        @Test(.timeLimit(.minutes(6)))
        func `have the bytes that were sent, by SHA-256 of both directions`() throws {
            let mixed = try #require(MixedCapture.shared)
            let streams = try withTemporaryFolder {
                Dictionary(grouping: try StreamDigest.of(mixed.path, in: $0), by: \.ends)
            }
            var (equal, bytes) = (0, 0)
            for flow in Self.flows {
                let name = "\(flow.client.text) to \(flow.server.text)"
                // No two flows of the truth have the same ends, and none of these begins anew between them.
                guard let stream = streams[flow.ends]?.first, streams[flow.ends]?.count == 1 else {
                    Issue.record("\(name): \(streams[flow.ends]?.count ?? 0) streams")
                    continue
                }
                bytes += stream.originator.bytes + stream.responder.bytes
                if stream.originator.holds(flow.sent), stream.responder.holds(flow.answered) {
                    equal += 1
                } else {
                    Issue.record("\(name): \(stream.originator) and \(stream.responder), expected \(flow)")
                }
            }
            #expect(equal > 100 && equal == Self.flows.count)
            print(
                "mixed: \(equal) of \(Self.flows.count) flows, \(bytes) bytes, have the SHA-256 of what was sent, "
                    + "both directions"
            )
        }
    }
}
