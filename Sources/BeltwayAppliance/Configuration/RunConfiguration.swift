// SPDX-License-Identifier: Apache-2.0
public import BeltwayClassify
public import BeltwayFlow
internal import Foundation

/// Everything that `beltway run` can be told, by options or by a configuration file.
public struct RunConfiguration: Sendable {
    /// Interfaces to capture from.
    public var interfaces: [String] = []
    /// Capture files to read, `-` for standard input.
    public var captures: [String] = []
    /// Rule files and folders; nil for those installed beside the program.
    public var rules: [String]?
    /// Data directory; nil to choose one.
    public var data: String?
    /// BPF expression; what it rejects is not captured.
    public var filter: String?
    /// Queues per interface; nil for one per processor, at most 8.
    public var queues: Int? = 1
    /// Bytes of each ring; nil for 16 MiB (files) or 64 MiB (live).
    public var ring: Int?
    /// Worker threads; nil for processors - 1, at least 1.
    public var workers: Int?
    /// What of a packet decides which worker gets it.
    public var share = SharePolicy.addressPair
    /// Whether equal addresses in different VLANs are different flows.
    public var vlansSeparateFlows = true
    /// Whether to print the summary as JSON.
    public var summaryAsJSON = false
    /// In which form to print the pipeline instead of running it; nil to run it.
    public var explanation: Explanation?
    /// Whether packets are stored.
    public var storesPackets = true
    /// Whether flows and alerts go to SQLite.
    public var storesFlows = true
    /// Whether events go to eve.json.
    public var writesEvents = true
    /// In which form Zeek's logs are written; nil for not at all.
    public var zeek: ZeekFormat?
    /// Whether payload is parsed for application protocols.
    public var parsesProtocols = true
    /// What is done with the files that flows carry.
    public var files = FileSettings()
    /// What events say, and which protocols are looked for.
    public var events = EventSettings()
    /// Flows that the tracer follows; nil for none.
    public var trace: String?
    /// Bytes that stored packets may take; nil for half of what is free.
    public var packetQuota: Int?
    /// Bytes that must stay free on the disk; nil for the default floor.
    public var freeFloor: Int?
    /// Bytes after which a new packet segment begins; nil for the logger's default.
    public var segmentLength: Int?
    /// Variables of the rule language, by name without `$`.
    public var variables: [String: String] = [:]
    /// Time-outs and limits of the flow table.
    public var flow = FlowConfiguration()
    /// How TCP streams are put in order.
    public var streams = StreamConfiguration()
    /// Overlap policies of networks that have one of their own, for streams and for fragments.
    public var hosts = HostPolicies()
    /// Processors that data-plane threads are pinned to, in order of start; empty for none.
    public var pinned: [Int] = []
    /// Whether the interface is put in promiscuous mode.
    public var promiscuous = true
    /// Who may attach to the rings.
    public var sharing = SharingConfiguration()
    /// Live capture by libpcap instead of AF_PACKET.
    public var usesLibpcap = false
    /// How the worker should be reached.
    public var workerWish = CallWish.automatic
    /// How the statistics should be reached.
    public var statisticsWish = CallWish.automatic

    /// Makes the defaults.
    public init() {}

    /// Whether packets come from files.
    public var isOffline: Bool { !captures.isEmpty }
    /// Worker threads, with the default filled in.
    public var workerCount: Int {
        // Whoever wants the worker called, and says no number, wants one.
        workers ?? (workerWish == .called ? 1 : max(1, ProcessInfo.processInfo.activeProcessorCount - 1))
    }
    /// Queues per interface, with `auto` filled in.
    public var queueCount: Int { queues ?? min(8, max(1, ProcessInfo.processInfo.activeProcessorCount)) }
    /// Bytes of each ring, with the default filled in.
    public var ringCapacity: Int { ring ?? (isOffline ? 16 << 20 : 64 << 20) }

    /// Checks what options and file together say.
    ///
    /// - Throws: ``ApplianceError/usage(_:)`` with one line that says what was expected and found.
    public func validate() throws(ApplianceError) {
        if interfaces.isEmpty && captures.isEmpty {
            throw .usage(
                "nothing to capture: name a capture file (beltway run -r FILE) or an interface (beltway run -i IFACE)"
            )
        }
        if !interfaces.isEmpty && !captures.isEmpty {
            throw .usage("-i and -r exclude each other: one run either captures live or reads files")
        }
        if captures.count(where: { $0 == "-" }) > 1 { throw .usage("standard input (-r -) can be read once") }
        if Set(interfaces).count != interfaces.count { throw .usage("an interface is named twice") }
        if let workers, !(1...60).contains(workers) {
            throw .usage("--workers takes 1 to 60, not \(workers)")
        }
        if let queues, !(1...64).contains(queues) {
            throw .usage("--queues takes 1 to 64 or auto, not \(queues)")
        }
        if isOffline && queueCount > 1 && queues != nil { throw .usage("--queues is for live capture (-i)") }
        let ring = ringCapacity
        if ring < 8 << 20 || ring > 1 << 36 || ring & (ring - 1) != 0 {
            var next = 8 << 20
            while next < ring && next < 1 << 36 { next *= 2 }
            throw .usage(
                "a ring's size is a power of two from 8 MiB to 64 GiB, not \(ByteSize(bytes: ring)); the next one is \(ByteSize(bytes: next))"
            )
        }
    }
}

/// What `--explain` prints.
public enum Explanation: String, CaseIterable, Sendable {
    /// Text for people, then the same for Graphviz.
    case all
    /// Text alone.
    case text
    /// Graphviz's language alone, so that it can be piped into `dot -Tsvg`.
    case dot
}

/// Why the appliance could not do what it was asked; one line for people.
public enum ApplianceError: Error, CustomStringConvertible, Sendable {
    /// What was asked for makes no sense: exit status 2.
    case usage(String)
    /// It could not be done: exit status 1.
    case failure(String)

    /// The one line.
    public var description: String {
        switch self {
        case .usage(let text), .failure(let text): text
        }
    }

    /// Exit status that a program ends with.
    public var exitStatus: Int32 {
        switch self {
        case .usage: 2
        case .failure: 1
        }
    }
}
