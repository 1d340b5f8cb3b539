// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import BeltwayAppliance

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Capture, analyse and store, until the files end or somebody stops it."
    )

    @Option(
        name: .customShort("c"),
        help: ArgumentHelp("Configuration file (YAML); options given here win.", valueName: "file")
    )
    var config: String?
    @Option(
        name: .customShort("i"),
        help: ArgumentHelp("Interface to capture from; may be repeated.", valueName: "interface")
    )
    var interfaces: [String] = []
    @Option(
        name: .customShort("r"),
        help: ArgumentHelp(
            "Capture file to read (pcap, pcapng, gzip of either; - is standard input); may be repeated.",
            valueName: "capture"
        )
    )
    var captures: [String] = []
    @Option(
        help: ArgumentHelp(
            "Rule file or folder; may be repeated. Default: the rules installed beside the program.",
            valueName: "path"
        )
    )
    var rules: [String] = []
    @Option(help: ArgumentHelp("Data directory; what was chosen is printed.", valueName: "folder"))
    var data: String?
    @Option(help: ArgumentHelp("BPF expression; what it rejects is not captured.", valueName: "bpf"))
    var filter: String?
    @Option(help: ArgumentHelp("Queues per interface, a number or auto. Default: 1.", valueName: "number"))
    var queues: String?
    @Option(
        help: ArgumentHelp(
            "Size of each ring, a power of two. Default: 64MiB, for files 16MiB.",
            valueName: "size"
        )
    )
    var ring: String?
    @Option(help: ArgumentHelp("Worker threads. Default: processors - 1, at least 1.", valueName: "number"))
    var workers: String?
    @Option(help: ArgumentHelp("Address of the HTTP API; only `off` in this version.", valueName: "address"))
    var api: String?
    @Option(help: ArgumentHelp("Form of the summary at the end: text or json.", valueName: "form"))
    var summary: String?
    @Option(
        help: ArgumentHelp(
            "Follow the flows that this expression selects, packet by packet.",
            valueName: "expression"
        )
    )
    var trace: String?
    @Option(
        defaultAsFlag: "all",
        help: ArgumentHelp(
            "Print the pipeline and do not run it: all, text or dot (for Graphviz).",
            valueName: "form"
        )
    )
    var explain: String?
    @Flag(help: "Do not store packets.")
    var noPackets = false
    @Flag(help: "Do not write flows and alerts to SQLite.")
    var noFlows = false
    @Flag(help: "Do not write eve.json.")
    var noEve = false
    @Option(help: ArgumentHelp("Write Zeek's logs (conn, dns, ssl, ssh): tsv or json.", valueName: "form"))
    var zeek: String?
    @Flag(help: "Do not parse application protocols: flows and alerts only.")
    var noProtocols = false

    func run() throws {
        let configuration: RunConfiguration
        do throws(ApplianceError) {
            configuration = try merged()
        } catch {
            complain(error.description)
            throw ExitCode(error.exitStatus)
        }
        if configuration.interfaces.isEmpty && configuration.captures.isEmpty {
            complain("nothing to capture: name a capture file (-r FILE) or an interface (-i IFACE)")
            print(Beltway.helpMessage(for: Run.self))
            throw ExitCode(2)
        }
        throw ExitCode(RunSession.run(configuration))
    }

    /// The configuration file, with what was given on the command line laid over it.
    private func merged() throws(ApplianceError) -> RunConfiguration {
        var result = RunConfiguration()
        if let config { result = try ConfigurationFile.read(config) }
        if !interfaces.isEmpty || !captures.isEmpty {
            result.interfaces = interfaces
            result.captures = captures
        }
        if !rules.isEmpty { result.rules = rules }
        if let data { result.data = data }
        if let filter { result.filter = filter }
        if let queues {
            if queues == "auto" {
                result.queues = nil
            } else {
                guard let number = Int(queues) else {
                    throw .usage("--queues takes a number or auto, not `\(queues)`")
                }
                result.queues = number
            }
        }
        if let ring {
            guard let size = ByteSize(ring) else {
                throw .usage("--ring takes a size such as 64MiB, not `\(ring)`")
            }
            result.ring = size.bytes
        }
        if let workers {
            guard let number = Int(workers) else {
                throw .usage("--workers takes a number, not `\(workers)`")
            }
            result.workers = number
        }
        if let api, api != "off" {
            throw .usage("--api \(api): the API is not built into this version; use --api off")
        }
        switch summary {
        case nil: break
        case "json": result.summaryAsJSON = true
        case "text": result.summaryAsJSON = false
        case .some(let other): throw .usage("--summary takes text or json, not `\(other)`")
        }
        if let trace { result.trace = trace }
        if let explain {
            guard let form = Explanation(rawValue: explain) else {
                throw .usage("--explain takes all, text or dot, not `\(explain)`")
            }
            result.explanation = form
        }
        if noPackets { result.storesPackets = false }
        if noFlows { result.storesFlows = false }
        if noEve { result.writesEvents = false }
        if let zeek {
            guard let form = ZeekFormat(rawValue: zeek) else {
                throw .usage("--zeek takes tsv or json, not `\(zeek)`")
            }
            result.zeek = form
        }
        if noProtocols { result.parsesProtocols = false }
        return result
    }
}
