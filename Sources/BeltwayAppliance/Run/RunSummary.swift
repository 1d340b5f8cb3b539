// SPDX-License-Identifier: Apache-2.0
public import BeltwayFlow
public import BeltwayTrace

/// What a run has done: one JSON object for scripts, a short table for people.
public struct RunSummary: Equatable, Sendable {
    /// One consumer's ledger: `published == read + lost`.
    public struct Consumer: Equatable, Sendable {
        /// `worker.0`, `logger`, `statistics`, `tracer`.
        public var name: String
        /// Packets or entries offered to it.
        public var published: UInt64
        /// Packets or entries it took.
        public var read: UInt64
        /// Packets or entries that were overwritten before it could take them.
        public var lost: UInt64
        /// Packets whose payload was passed over.
        public var payloadSkipped: UInt64 = 0
    }

    /// What one queue of an interface has captured, live.
    public struct Queue: Equatable, Sendable {
        /// The ring's name: `eth0.1`.
        public var name: String
        /// Packets that went into its ring.
        public var received: UInt64
        /// Packets that the kernel refused.
        public var dropped: UInt64
        /// Packets that the filter declined in this process.
        public var filtered: UInt64
    }

    /// What one thread of the data plane has cost.
    public struct Thread: Equatable, Sendable {
        /// `file.0`, `eth0.1`, `worker.0`, `statistics`, `writer`.
        public var name: String
        /// User and system time.
        public var cpuSeconds: Double
    }

    /// Packets that went into a ring.
    public var packets: UInt64 = 0
    /// Their bytes on the wire.
    public var bytes: UInt64 = 0
    /// Packets that were cut at the snap length.
    public var truncated: UInt64 = 0
    /// Packets of link types or network protocols that are not decoded: stored and counted, in no flow.
    public var undecoded: UInt64 = 0
    /// Packets that the filter declined in this process.
    public var filtered: UInt64 = 0
    /// Flow records written.
    public var flows: UInt64 = 0
    /// Alerts raised.
    public var alerts: UInt64 = 0
    /// Facts that a full queue refused.
    public var factsDropped: UInt64 = 0
    /// Rows that could not be stored.
    public var rowsLost: UInt64 = 0
    /// Events that could not be written.
    public var eventsLost: UInt64 = 0
    /// Wall-clock seconds.
    public var seconds = 0.0
    /// Whether packets came from files, where nothing can be dropped.
    public var isOffline = false
    /// Packets that capture received.
    public var received: UInt64 = 0
    /// Packets that kernel or interface dropped.
    public var dropped: UInt64 = 0
    /// The same by queue; none over files.
    public var queues: [Queue] = []
    /// Ledgers of all consumers.
    public var consumers: [Consumer] = []
    /// User and system time of the process.
    public var cpuSeconds = 0.0
    /// The same by thread, without those that store packets or index what is stored.
    public var threads: [Thread] = []
    /// Greatest resident memory.
    public var peakRSSInBytes: UInt64 = 0
    /// What the parsers did, by protocol.
    public var applications = ApplicationTally()
    /// What became of files that were to be stored; nil if none are.
    public var fileStore: FileStoreCounters?
    /// Flows given up because a table was full; their records were written all the same.
    public var flowsEvicted: UInt64 = 0
    /// What putting fragments and TCP segments together did.
    public var reassembly = ReassemblyProgress()
    /// Compressed datagrams.
    public var compression = CompressionStatistics()
    /// Packets that the logger read and could not store, for want of room or of a disk that takes them.
    public var notStored: UInt64 = 0
    /// Bytes of packets stored on disk.
    public var storedBytes: UInt64 = 0
    /// Bytes that stored packets take, if older ones had to go; nil otherwise.
    public var remainingBytes: UInt64?
    /// Where everything is.
    public var data: String?

    /// Makes an empty summary.
    public init() {}

    /// One line; scripts rely on the names of its keys.
    public var json: String {
        let ledger = consumers.map { consumer in
            "\(quoted(consumer.name)):{\"published\":\(consumer.published),\"read\":\(consumer.read),"
                + "\"lost\":\(consumer.lost),\"payload_skipped\":\(consumer.payloadSkipped)}"
        }
        var fields = [
            "\"packets\":\(packets)", "\"bytes\":\(bytes)", "\"truncated\":\(truncated)",
            "\"flows\":\(flows)",
            "\"alerts\":\(alerts)", "\"facts_dropped\":\(factsDropped)", "\"seconds\":\(decimal(seconds))",
            "\"capture\":{\"received\":\(received),\"dropped\":\(dropped),\"filtered\":\(filtered)}",
            "\"consumers\":{\(ledger.joined(separator: ","))}", "\"cpu_seconds\":\(decimal(cpuSeconds))",
            "\"peak_rss_bytes\":\(peakRSSInBytes)", "\"stored_bytes\":\(storedBytes)",
            "\"not_stored\":\(notStored)",
            "\"flows_evicted\":\(flowsEvicted)",
            "\"fragments\":{\"seen\":\(reassembly.fragments),\"reassembled\":\(reassembly.datagrams),"
                + "\"timed_out\":\(reassembly.timedOut),\"evicted\":\(reassembly.evicted),"
                + "\"overlaps\":\(reassembly.overlappingFragments),\"invalid\":\(reassembly.invalid),"
                + "\"tunnels\":{\"reassembled\":\(reassembly.tunnels),"
                + "\"timed_out\":\(reassembly.tunnelsTimedOut),\"evicted\":\(reassembly.tunnelsEvicted)}}",
            "\"streams\":{\"flows\":\(reassembly.streams),\"bytes\":\(reassembly.bytes),"
                + "\"gaps\":\(reassembly.gaps),\"gap_bytes\":\(reassembly.gapBytes),"
                + "\"waited\":\(reassembly.waited),\"copied_bytes\":\(reassembly.copiedBytes),"
                + "\"overlaps\":\(reassembly.overlaps),\"lost\":\(reassembly.lost)}",
            "\"rows_lost\":\(rowsLost)",
            "\"events_lost\":\(eventsLost)",
        ]
        if let member = compression.json { fields.append(member) }
        if !queues.isEmpty {
            let numbers = queues.map {
                "\(quoted($0.name)):{\"received\":\($0.received),\"dropped\":\($0.dropped),"
                    + "\"filtered\":\($0.filtered)}"
            }
            fields.append("\"queues\":{\(numbers.joined(separator: ","))}")
        }
        if !threads.isEmpty {
            let costs = threads.map { "\(quoted($0.name)):{\"cpu_seconds\":\(decimal($0.cpuSeconds))}" }
            fields.append("\"threads\":{\(costs.joined(separator: ","))}")
        }
        fields.append("\"applications\":{\(applicationCounts.joined(separator: ","))}")
        fields.append("\"files\":\(object(applications.files.named))")
        if let fileStore { fields.append("\"file_store\":\(object(fileStore.named))") }
        fields.append("\"malformed\":\(applications.malformed)")
        fields.append("\"flows_cut\":\(applications.cut)")
        if let data { fields.append("\"data\":\(quoted(data))") }
        return "{\(fields.joined(separator: ","))}"
    }

    /// `"tls":{"flows":2,"malformed":0}` of each protocol that was seen.
    private var applicationCounts: [String] {
        ApplicationProtocol.allCases.filter { $0 != .unknown }.compactMap { application in
            let counts = ApplicationTally.Count.allCases.map { count in
                applications.count(count, application, isDatagram: false)
                    + applications.count(count, application, isDatagram: true)
            }
            guard counts != [0, 0] else { return nil }
            return "\(quoted("\(application.name)")):{\"flows\":\(counts[0]),\"malformed\":\(counts[1])}"
        }
    }

    /// A table for people.
    public var table: String {
        var rows = [
            ("packets", "\(grouped(packets))  (\(humanBytes(bytes)))"),
            ("flows", grouped(flows)),
            ("alerts", grouped(alerts)),
        ]
        if storedBytes > 0 {
            let remaining =
                remainingBytes.map { "; older packets were deleted, \(humanBytes($0)) remain" } ?? ""
            rows.append(("stored", humanBytes(storedBytes) + remaining))
        }
        if notStored > 0 { rows.append(("not stored", "\(grouped(notStored)) packets")) }
        if flowsEvicted > 0 { rows.append(("evicted", "\(grouped(flowsEvicted)) flows, the table was full")) }
        if let store = fileStore {
            let refused = store.overQuota &+ store.overPending &+ store.failed
            rows.append(
                (
                    "files",
                    "\(grouped(store.stored)) stored (\(humanBytes(store.bytes))), \(grouped(store.duplicates)) known, "
                        + "\(grouped(refused)) refused"
                )
            )
        }
        if truncated > 0 { rows.append(("truncated", grouped(truncated))) }
        if undecoded > 0 { rows.append(("not decoded", "\(grouped(undecoded)), in no flow")) }
        if filtered > 0 { rows.append(("filtered", grouped(filtered))) }
        if !isOffline { rows.append(("dropped", "\(grouped(dropped)) by kernel or interface")) }
        for queue in queues where queues.count > 1 {
            let text = "\(grouped(queue.received)) received, \(grouped(queue.dropped)) dropped"
            rows.append((queue.name, text))
        }
        for consumer in consumers {
            var text = "\(grouped(consumer.read)) read, \(grouped(consumer.lost)) lost"
            if consumer.payloadSkipped > 0 {
                text += ", \(grouped(consumer.payloadSkipped)) payloads passed over"
            }
            rows.append((consumer.name, text))
        }
        if factsDropped + rowsLost + eventsLost > 0 {
            rows.append(
                (
                    "facts",
                    "\(grouped(factsDropped)) dropped, \(grouped(rowsLost)) rows and \(grouped(eventsLost)) events lost"
                )
            )
        }
        let rate = seconds > 0 ? UInt64(Double(packets) / seconds) : 0
        rows.append(
            ("time", "\(decimal(seconds)) s, \(grouped(rate)) packets/s, CPU \(decimal(cpuSeconds)) s")
        )
        rows.append(("memory", "\(humanBytes(peakRSSInBytes)) at most"))
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { "  \($0.0)\(String(repeating: " ", count: width - $0.0.count))  \($0.1)" }
            .joined(separator: "\n")
    }

    /// Counters as an object: `{"seen":2,"bytes":100}`.
    private func object(_ counters: [(name: StaticString, value: UInt64)]) -> String {
        "{\(counters.map { "\(quoted("\($0.name)")):\($0.value)" }.joined(separator: ","))}"
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// A number with three decimals, without locale.
func decimal(_ value: Double) -> String {
    let thousandths = UInt64(max(0, value * 1000).rounded())
    let fraction = String(thousandths % 1000)
    return "\(thousandths / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
}

/// A count with thin groups of three: `1 842 514`.
func grouped(_ value: UInt64) -> String {
    let digits = Array(String(value))
    var result = ""
    for (index, digit) in digits.enumerated() {
        if index > 0 && (digits.count - index) % 3 == 0 { result += " " }
        result.append(digit)
    }
    return result
}

/// Bytes with one decimal and a decimal unit: `1.2 GB`.
func humanBytes(_ bytes: UInt64) -> String {
    for (unit, factor) in [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where Double(bytes) >= factor
    {
        let tenths = UInt64((Double(bytes) / factor * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }
    return "\(bytes) bytes"
}
