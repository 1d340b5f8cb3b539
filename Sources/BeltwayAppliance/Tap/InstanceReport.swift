// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire
internal import Foundation

/// What `beltway rings` and `beltway status` are asked about a running instance.
public struct InstanceReport: Sendable {
    /// Data directory; nil to look for an instance that runs.
    public var data: String?
    /// Whether to print one JSON object.
    public var asJSON = false

    /// Asks about the instance that runs here.
    public init() {}

    /// Prints the rings of the instance.
    ///
    /// - Returns: Exit status.
    /// - Throws: ``ApplianceError`` if no instance runs, or it does not answer.
    public func printRings() throws(ApplianceError) -> Int32 {
        let rings = try RunningInstance.find(data).describe(nil)
        let console = Console()
        guard !asJSON else {
            console.print(json(["rings": rings.map(ringObject)]))
            return 0
        }
        if rings.isEmpty { console.note("the instance shares no ring") }
        var rows = [
            [
                "RING", "LINK", "CAPACITY", "POLICY", "GENERATION", "ACCESS", "PACKETS", "BYTES", "READERS",
                "STATE",
            ]
        ]
        for ring in rings {
            rows.append([
                ring.name, isOfPackets(ring) ? linkName(ring) : kindName(ring),
                "\(ByteSize(bytes: Int(clamping: ring.capacity)))",
                policyName(ring),
                String(ring.generation), ring.access, String(ring.packets), String(ring.tail),
                String(attached(ring).count), ring.isClosed ? "ended" : "running",
            ])
        }
        console.print(table(rows))
        return 0
    }

    /// Prints who reads the rings, how far behind, and what was lost.
    ///
    /// - Returns: Exit status.
    /// - Throws: ``ApplianceError`` if no instance runs, or it does not answer.
    public func printStatus() throws(ApplianceError) -> Int32 {
        let instance = try RunningInstance.find(data)
        let rings = try instance.describe(nil)
        let console = Console()
        let local = localReaders(rings)
        guard !asJSON else {
            let all = rings.map { ring in
                var object = ringObject(ring)
                object["readers"] = attached(ring).map(readerObject)
                return object
            }
            var object: [String: Any] = [
                "rings": all, "consumers": local.map(readerObject), "data": instance.data,
            ]
            if let ring = rings.first(where: isOfPackets) ?? rings.first {
                object["process"] = Int(ring.process)
                object["sockets"] = countersObject(ring.counters)
            }
            console.print(json(object))
            return 0
        }
        // Programs that index these packets may share rings of their own in the same folder.
        guard let first = rings.first(where: isOfPackets) ?? rings.first else {
            console.print("instance in \(instance.data): it shares no ring")
            return 0
        }
        console.print("instance in \(instance.data), process \(first.process)")
        var rows = [["READER", "RING", "PID", "USER", "SINCE", "PUBLISHED", "READ", "LOST", "BEHIND"]]
        for reader in local { rows.append(row(reader, ring: "all")) }
        for ring in rings { for reader in attached(ring) { rows.append(row(reader, ring: ring.name)) } }
        console.print(table(rows))
        for ring in rings {
            console.print(
                "ring \(ring.name): \(grouped(ring.packets)) packets published, \(grouped(ring.dropped)) dropped before, "
                    + "\(attached(ring).count) readers attached, \(ring.isClosed ? "ended" : "running")"
            )
        }
        let counters = first.counters
        console.print(
            "sockets: \(counters.accepted) connections, \(counters.attached) readers attached so far, "
                + "\(counters.notAllowed) not allowed, \(counters.malformed) malformed, "
                + "\(counters.tooLate + counters.tooMany + counters.notTaken + counters.unavailable) given up"
        )
        return 0
    }

    // MARK: Parts

    private func isOfPackets(_ ring: RingDescription) -> Bool {
        UInt64(ring.kind) == BufferKind.described.rawValue
    }

    /// Readers in the process that owns the rings; each ring names them all.
    private func localReaders(_ rings: [RingDescription]) -> [ReaderStatus] {
        var seen: Set<Int32> = []
        return rings.flatMap { ring in
            seen.insert(ring.process).inserted ? ring.readers.filter { $0.process == ring.process } : []
        }
    }

    /// Readers in other processes.
    private func attached(_ ring: RingDescription) -> [ReaderStatus] {
        ring.readers.filter { $0.process != ring.process }
    }

    private func row(_ reader: ReaderStatus, ring: String) -> [String] {
        [
            reader.name, ring, String(reader.process), String(reader.user),
            reader.since == 0 ? "the start" : time(reader.since), String(reader.published),
            String(reader.read),
            String(reader.lost), "\(reader.lag) packets, \(humanBytes(reader.lagInBytes))",
        ]
    }

    private func time(_ nanoseconds: UInt64) -> String {
        let formatter = ISO8601DateFormatter()
        return formatter.string(from: Date(timeIntervalSince1970: Double(nanoseconds) / 1e9))
    }

    private func linkName(_ ring: RingDescription) -> String {
        switch LinkType(rawValue: ring.linkType) {
        case .ethernet: "ethernet"
        case .raw, .ipv4, .ipv6: "raw ip"
        case .linuxCooked: "linux cooked"
        case .linuxCooked2: "linux cooked 2"
        case .null, .loop: "loopback"
        case .ppp, .pppHDLC: "ppp"
        default: String(ring.linkType)
        }
    }

    /// What a ring that holds no packets is made of.
    private func kindName(_ ring: RingDescription) -> String {
        BufferKind(rawValue: UInt64(ring.kind)).map { "\($0)" } ?? String(ring.kind)
    }

    private func policyName(_ ring: RingDescription) -> String {
        switch BufferPolicy(rawValue: UInt64(ring.policy)) {
        case .fastReader: "fast-reader"
        case .blocking: "blocking"
        case .slowReader: "slow-reader"
        case .mediumReader: "medium-reader"
        case nil: String(ring.policy)
        }
    }

    private func ringObject(_ ring: RingDescription) -> [String: Any] {
        [
            "name": ring.name, "link_type": Int(ring.linkType), "capacity": ring.capacity,
            "policy": policyName(ring), "generation": ring.generation, "access": ring.access,
            "packets": ring.packets, "dropped": ring.dropped, "bytes": ring.tail,
            "readers": attached(ring).count, "ended": ring.isClosed, "process": Int(ring.process),
        ]
    }

    private func readerObject(_ reader: ReaderStatus) -> [String: Any] {
        [
            "name": reader.name, "pid": Int(reader.process), "uid": Int(reader.user),
            "since": Double(reader.since) / 1e9, "published": reader.published, "read": reader.read,
            "lost": reader.lost, "behind_packets": reader.lag, "behind_bytes": reader.lagInBytes,
        ]
    }

    private func countersObject(_ counters: SharingCounters) -> [String: Any] {
        [
            "accepted": counters.accepted, "attached": counters.attached, "not_allowed": counters.notAllowed,
            "malformed": counters.malformed, "too_late": counters.tooLate, "too_many": counters.tooMany,
            "not_taken": counters.notTaken, "unavailable": counters.unavailable,
        ]
    }

    private func json(_ object: [String: Any]) -> String {
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? JSONSerialization.data(withJSONObject: object, options: options) else {
            return "{}"
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// Columns as wide as their widest cell, two spaces between them.
    private func table(_ rows: [[String]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.count)
            }
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 {
                    line += String(repeating: " ", count: widths[column] - cell.count + 2)
                }
            }
            return line
        }.joined(separator: "\n")
    }
}
