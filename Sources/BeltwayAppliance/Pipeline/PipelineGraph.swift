// SPDX-License-Identifier: Apache-2.0

// The pipeline as data (paper, 5.3): a directed acyclic graph of stages, built from the configuration. What is run
// is built from the same decisions (`PipelinePlan`), so what is printed is what runs.

/// Decisions that the configuration leads to; both the graph and the running pipeline are built from them.
public struct PipelinePlan: Equatable, Sendable {
    /// Producer threads, by the name of their first ring.
    public var producers: [String]
    /// Whether packets come from capture files.
    public var isOffline: Bool
    /// Worker threads, or 1 for a worker that the producer's thread calls.
    public var workers: Int
    /// Whether the one worker is called directly by the one producer's thread.
    public var workerIsCalled: Bool
    /// Whether the statistics are called directly by the producers' threads.
    public var statisticsAreCalled: Bool
    /// Whether packets are stored.
    public var hasLogger: Bool
    /// Whether the tracer follows flows.
    public var hasTracer: Bool
    /// Whether rules are loaded.
    public var hasDetector: Bool
    /// Whether rows are written.
    public var hasStore: Bool
    /// Whether events are written.
    public var hasEvents: Bool
    /// The BPF expression, if any.
    public var filter: String?
    /// Whether the kernel runs the filter, on the socket; else the producers' threads do.
    public var filterIsInKernel: Bool

    /// Decides how a configuration runs.
    ///
    /// - Parameters:
    ///   - configuration: What was asked for.
    ///   - hasDetector: Whether any rule was loaded.
    public init(_ configuration: RunConfiguration, hasDetector: Bool) {
        isOffline = configuration.isOffline
        producers =
            isOffline
            ? ["file.0"]
            : configuration.interfaces.flatMap { name in
                (0..<configuration.queueCount).map { "\(name).\($0)" }
            }
        workers = configuration.workerCount
        workerIsCalled = isOffline && workers == 1
        statisticsAreCalled = isOffline
        hasLogger = configuration.storesPackets
        hasTracer = configuration.trace != nil
        self.hasDetector = hasDetector
        hasStore = configuration.storesFlows
        hasEvents = configuration.writesEvents
        filter = configuration.filter
        filterIsInKernel = !isOffline && !configuration.usesLibpcap
    }
}

/// Stages and edges of a plan, for people and for Graphviz.
public struct PipelineGraph: Equatable, Sendable {
    /// Where a stage runs.
    public enum Space: Equatable, Sendable, CustomStringConvertible {
        /// In the kernel, attached to the socket.
        case kernel
        /// In a producer's thread.
        case captureThread(String)
        /// In a thread of its own.
        case thread(String)
        /// Shared memory, read in place.
        case memory
        /// On disk.
        case disk

        /// The space as `--explain` prints it.
        public var description: String {
            switch self {
            case .kernel: "kernel"
            case .captureThread(let name): "capture thread \(name)"
            case .thread(let name): "thread \(name)"
            case .memory: "shared memory"
            case .disk: "disk"
            }
        }
    }

    /// How an edge is crossed.
    public enum Crossing: String, Sendable {
        /// The one copy of the packet.
        case copy = "the one copy"
        /// Blocks of memory that the kernel shares with the process.
        case socketRing = "packet socket"
        /// Specialised into the caller: no call remains.
        case inlined = "inlined"
        /// A direct call in the same thread; no index buffer exists.
        case called = "called"
        /// An index buffer between two threads.
        case indexBuffer = "index buffer"
        /// The reader walks the ring's descriptors.
        case descriptors = "descriptors"
        /// Whole chunks of the ring.
        case chunks = "chunks"
        /// A bounded queue of facts.
        case queue = "bounded queue"
        /// Written to disk.
        case written = "written"
    }

    /// A stage.
    public struct Stage: Equatable, Sendable {
        /// Unique within the graph.
        public var name: String
        /// Where it runs.
        public var space: Space
    }

    /// An edge.
    public struct Edge: Equatable, Sendable {
        /// Name of the stage it leaves.
        public var from: String
        /// Name of the stage it reaches.
        public var to: String
        /// How it is crossed.
        public var crossing: Crossing
    }

    /// Stages in the order in which packets reach them.
    public private(set) var stages: [Stage] = []
    /// Edges.
    public private(set) var edges: [Edge] = []

    /// Builds the graph of a plan.
    public init(_ plan: PipelinePlan) {
        let workerNames = (0..<plan.workers).map { "worker.\($0)" }
        for producer in plan.producers {
            let thread = Space.captureThread(producer)
            let capture = "capture \(producer)"
            let ring = "ring \(producer)"
            let classify = "classify \(producer)"
            if plan.filter != nil {
                stages.append(
                    Stage(name: "filter \(producer)", space: plan.filterIsInKernel ? .kernel : thread)
                )
                edges.append(
                    Edge(
                        from: "filter \(producer)",
                        to: capture,
                        crossing: plan.filterIsInKernel ? .socketRing : .called
                    )
                )
            }
            stages.append(Stage(name: capture, space: thread))
            stages.append(Stage(name: ring, space: .memory))
            stages.append(Stage(name: classify, space: thread))
            edges.append(Edge(from: capture, to: ring, crossing: .copy))
            edges.append(Edge(from: ring, to: classify, crossing: .inlined))
            for worker in workerNames {
                edges.append(
                    Edge(
                        from: classify,
                        to: "\(worker) flow tracker",
                        crossing: plan.workerIsCalled ? .inlined : .indexBuffer
                    )
                )
            }
            if plan.hasTracer { edges.append(Edge(from: classify, to: "tracer", crossing: .indexBuffer)) }
            edges.append(
                plan.statisticsAreCalled
                    ? Edge(from: classify, to: "statistics", crossing: .called)
                    : Edge(from: ring, to: "statistics", crossing: .descriptors)
            )
            if plan.hasLogger {
                stages.append(Stage(name: "logger \(producer)", space: .thread("logger \(producer)")))
                edges.append(Edge(from: ring, to: "logger \(producer)", crossing: .chunks))
                edges.append(Edge(from: "logger \(producer)", to: "packets/\(producer)", crossing: .written))
                stages.append(Stage(name: "packets/\(producer)", space: .disk))
            }
        }
        for worker in workerNames {
            let space =
                plan.workerIsCalled ? Space.captureThread(plan.producers[0]) : .thread(worker)
            stages.append(Stage(name: "\(worker) flow tracker", space: space))
            edges.append(Edge(from: "\(worker) flow tracker", to: "writer", crossing: .queue))
            if plan.hasDetector {
                stages.append(Stage(name: "\(worker) detector", space: space))
                edges.append(
                    Edge(from: "\(worker) flow tracker", to: "\(worker) detector", crossing: .called)
                )
                edges.append(Edge(from: "\(worker) detector", to: "writer", crossing: .queue))
            }
        }
        stages.append(
            Stage(
                name: "statistics",
                space: plan.statisticsAreCalled ? .captureThread(plan.producers[0]) : .thread("statistics")
            )
        )
        if plan.hasTracer { stages.append(Stage(name: "tracer", space: .thread("tracer"))) }
        stages.append(Stage(name: "writer", space: .thread("writer")))
        if plan.hasStore {
            stages.append(Stage(name: "flows/ (SQLite)", space: .disk))
            edges.append(Edge(from: "writer", to: "flows/ (SQLite)", crossing: .written))
        }
        if plan.hasEvents {
            stages.append(Stage(name: "eve.json", space: .disk))
            edges.append(Edge(from: "writer", to: "eve.json", crossing: .written))
        }
    }

    /// One line per stage, and below it one per edge that leaves it.
    public var text: String {
        var lines: [String] = []
        for stage in stages {
            lines.append("\(stage.name)  [\(stage.space)]")
            for edge in edges where edge.from == stage.name {
                lines.append("    -> \(edge.to)  (\(edge.crossing.rawValue))")
            }
        }
        return lines.joined(separator: "\n")
    }

    /// The same as a Graphviz digraph.
    public var dot: String {
        func quoted(_ text: String) -> String {
            "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        /// Two lines: `\n` is Graphviz's own escape, so it must not be escaped again.
        func label(_ stage: Stage) -> String {
            let (name, space) = (quoted(stage.name), quoted(stage.space.description))
            return name.dropLast() + "\\n" + space.dropFirst()
        }
        var lines = ["digraph beltway {", "    rankdir=LR; node [shape=box, fontname=\"sans-serif\"];"]
        for stage in stages {
            lines.append("    \(quoted(stage.name)) [label=\(label(stage))];")
        }
        for edge in edges {
            lines.append(
                "    \(quoted(edge.from)) -> \(quoted(edge.to)) [label=\(quoted(edge.crossing.rawValue))];"
            )
        }
        lines.append("}")
        return lines.joined(separator: "\n")
    }
}
