// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

private let tools = ["tcpdump", "tshark", "capinfos"]

extension `The corpus` {
    @Suite struct `Stored packets` {
        /// One capture of every link type that the index knows, and others up to 40; the same ones every time.
        static let sample: [Corpus.Capture] = {
            let usable = Corpus.captures.filter {
                Oddity.all[$0.name] == nil && (1...3000).contains($0.packets ?? 0)
                    && !$0.name.hasPrefix("malformed/")
            }
            var seen: Set<String> = []
            let oneOfEach = usable.filter { seen.insert($0.linkType).inserted }
            let rest = usable.filter { ($0.packets ?? 0) > 50 }
            let step = max(1, rest.count / (40 - oneOfEach.count))
            return oneOfEach
                + stride(from: step / 2, to: rest.count, by: step).prefix(40 - oneOfEach.count).map {
                    rest[$0]
                }
        }()

        @Test(
            .enabled(
                if: tools.allSatisfy { Program.installed($0) != nil },
                "tcpdump, tshark and capinfos, which judge the files, are not all installed."
            )
        )
        func `are files that other tools open without a complaint, with as many packets`() throws {
            #expect(Self.sample.count == 40)
            let problems = try withTemporaryFolder { folder in
                twoAtATime(Self.sample) { capture -> [String] in
                    Self.whileStored(capture, in: folder) { run, segments in
                        var problems: [String] = []
                        var packets = 0
                        for segment in segments {
                            let count = Self.packets(in: segment, folder, &problems)
                            packets += count ?? 0
                        }
                        if packets != run.summary?.packets {
                            problems.append("\(packets) packets on disk of \(run.summary?.packets ?? -1)")
                        }
                        return problems
                    }
                }
            }
            for (capture, found) in zip(Self.sample, problems) where !found.isEmpty {
                Issue.record("\(capture.name): \(found)")
            }
        }

        @Test
        func
            `are the packets of the capture, to the byte and the nanosecond, in files no longer than need be`()
            throws
        {
            let problems = try withTemporaryFolder { folder in
                twoAtATime(Self.sample) { capture -> [String] in
                    Self.whileStored(capture, in: folder) { _, segments in
                        var problems: [String] = []
                        let original = try CaptureFile(capture.path).packets
                        var stored: [CapturedPacket] = []
                        for segment in segments {
                            let packets = try CaptureFile(segment).packets
                            let size =
                                try FileManager.default.attributesOfItem(atPath: segment)[.size] as? Int ?? 0
                            // Head, records with 48 bytes around them, the last page and the closing block.
                            let need = packets.reduce(0) { $0 + $1.bytes.count + 64 }
                            if size > 4096 * 3 + need + 4096 {
                                problems.append(
                                    "\(size) bytes for \(packets.count) packets that need \(need)"
                                )
                            }
                            stored += packets
                        }
                        for linkType in Set(original.map(\.linkType)) {
                            let was = original.filter { $0.linkType == linkType }
                            let now = stored.filter { $0.linkType == linkType }
                            if let problem = Self.difference(was, now) {
                                problems.append("link type \(linkType): \(problem)")
                            }
                        }
                        if stored.count != original.count {
                            problems.append("\(original.count) packets, \(stored.count) stored")
                        }
                        return problems
                    }
                }
            }
            for (capture, found) in zip(Self.sample, problems) where !found.isEmpty {
                Issue.record("\(capture.name): \(found)")
            }
        }

        /// Where two lists of packets differ first, or nil.
        static func difference(_ was: [CapturedPacket], _ now: [CapturedPacket]) -> String? {
            if was == now { return nil }
            guard
                let index = zip(was, now).enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset
            else {
                return "\(was.count) packets became \(now.count)"
            }
            let (a, b) = (was[index], now[index])
            let bytes = a.bytes == b.bytes ? "the same bytes" : "other bytes"
            return
                "packet \(index + 1) of \(was.count)/\(now.count): \(a.time) became \(b.time), original length "
                + "\(a.originalLength) became \(b.originalLength), \(a.bytes.count) became \(b.bytes.count) \(bytes)"
        }

        /// Runs a capture with its packets stored, and hands out the segments.
        private static func whileStored(
            _ capture: Corpus.Capture,
            in folder: String,
            _ look: (Run, [String]) throws -> [String]
        ) -> [String] {
            let run = Run.of(capture.path, in: folder, ["--ring", "8MiB"], keepsData: true)
            defer { try? FileManager.default.removeItem(atPath: run.data) }
            guard run.ending.status == 0 else { return [run.ending.description] }
            let segments = FileManager.default.enumerator(atPath: run.data + "/packets")?.compactMap {
                $0 as? String
            }
            .filter { $0.hasSuffix(".pcapng") }.sorted().map { run.data + "/packets/" + $0 }
            do {
                return try look(run, segments ?? [])
            } catch {
                return ["\(error)"]
            }
        }

        /// The packets of a file as all three tools count them, nil if they do not agree.
        private static func packets(in file: String, _ folder: String, _ problems: inout [String]) -> Int? {
            func ask(_ tool: String, _ arguments: [String]) -> String {
                let ending = Program.run(Program.installed(tool) ?? "", arguments, within: 60, in: folder)
                // What the tools say of every file, or of every file of a link type, is no complaint.
                let complaints = ending.errors.split(separator: "\n").filter {
                    !$0.hasPrefix("reading from file") && !$0.hasPrefix("Running as user")
                        && $0 != "Warning: interface names might be incorrect"
                }
                if ending.status != 0 || !complaints.isEmpty {
                    problems.append("\(tool): \(ending.description) \(complaints)")
                }
                return String(decoding: ending.output, as: UTF8.self)
            }
            let tcpdump = Int(ask("tcpdump", ["-n", "--count", "-r", file]).prefix { $0.isNumber })
            let capinfos = Int(
                ask("capinfos", ["-T", "-r", "-c", "-M", file]).split(separator: "\t").last.map {
                    $0.trimmingCharacters(in: .whitespacesAndNewlines)
                } ?? ""
            )
            let tshark = ask("tshark", ["-n", "-r", file, "-T", "fields", "-e", "frame.number"]).split(
                separator: "\n"
            ).count
            guard let tcpdump, tcpdump == capinfos, tcpdump == tshark else {
                problems.append("tcpdump \(tcpdump ?? -1), capinfos \(capinfos ?? -1), tshark \(tshark)")
                return nil
            }
            return tcpdump
        }
    }
}
