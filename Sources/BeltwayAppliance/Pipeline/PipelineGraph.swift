// SPDX-License-Identifier: Apache-2.0

// The pipeline as data (paper, 5.3): a directed acyclic graph of stages and of how each edge is crossed. It is built
// from the plan that `RunSession` starts its threads by, so what is printed is what runs; `CallCodeTests` looks at the
// program's machine code and checks that what is said to be inlined or called is.

/// Stages and edges of a plan, for people and for Graphviz.
public struct PipelineGraph: Equatable, Sendable {
    /// Where a stage runs.
    public enum Space: Hashable, Sendable, CustomStringConvertible {
        /// In the kernel, attached to the socket.
        case kernel
        /// In a producer's thread.
        case captureThread(String)
        /// In a thread of its own.
        case thread(String)
        /// Shared memory, read in place.
        case memory
        /// In processes of other people, which come and go.
        case processes
        /// On disk.
        case disk

        /// The space as `--explain` prints it.
        public var description: String {
            switch self {
            case .kernel: "kernel"
            case .captureThread(let name): "capture thread \(name)"
            case .thread(let name): "thread \(name)"
            case .memory: "shared memory"
            case .processes: "other processes"
            case .disk: "disk"
            }
        }
    }

    /// How an edge is crossed, from the cheapest way for a packet to the dearest, then what is no call.
    public enum Crossing: String, CaseIterable, Sendable {
        /// Nothing is left of the call.
        case inlined = "inlined"
        /// A direct call in the same thread; no index buffer exists.
        case called = "called"
        /// A call through the protocol that Capture knows its stage by.
        case calledPerBatch = "called per batch"
        /// A call per packet through the protocol that Capture knows its filter by.
        case calledIndirectly = "called indirectly"
        /// The reader walks the ring's descriptors.
        case descriptors = "descriptors"
        /// An index buffer between two threads.
        case indexBuffer = "index buffer"
        /// The one copy of the packet.
        case copy = "the one copy"
        /// Blocks of memory that the kernel shares with the process.
        case socketRing = "packet socket"
        /// Whole chunks of the ring.
        case chunks = "chunks"
        /// A bounded queue of facts.
        case queue = "bounded queue"
        /// Written to disk.
        case written = "written"

        /// What crossing costs.
        public var cost: String {
            switch self {
            case .inlined: "no call"
            case .called: "a direct call per packet"
            case .calledPerBatch: "an indirect call per batch"
            case .calledIndirectly: "an indirect call per packet"
            case .descriptors: "32 bytes read per packet; for the capture thread nothing per packet"
            case .indexBuffer: "32 bytes per packet, a system call per batch for a reader that sleeps"
            case .copy: "all bytes, once"
            case .socketRing: "nothing per packet"
            case .chunks: "nothing per packet, a system call per chunk"
            case .queue: "one copy of a fact"
            case .written: "a system call per block"
            }
        }
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
        /// Why it is crossed so, for people: part of a sentence.
        public var reason: String
    }

    /// Stages in the order in which packets reach them.
    public private(set) var stages: [Stage] = []
    /// Edges.
    public private(set) var edges: [Edge] = []

    /// Builds the graph of a plan.
    public init(_ plan: PipelinePlan) {
        for producer in plan.producers { addProducer(producer, plan) }
        for worker in 0..<plan.workers { addWorker("worker.\(worker)", plan) }
        let captureThread = Space.captureThread(plan.producers.first ?? "")
        add("statistics", plan.statistics.isCalled ? captureThread : .thread("statistics"))
        if plan.hasTracer {
            add("tracer", .thread("tracer"))
        }
        if plan.isShared { add("taps", .processes) }
        add("writer", .thread("writer"))
        if plan.hasStore {
            add("flows/ (SQLite)", .disk)
            connect("writer", "flows/ (SQLite)", .written, "rows, a transaction for many")
        }
        if plan.hasEvents {
            add("eve.json", .disk)
            connect("writer", "eve.json", .written, "events become text here, once")
        }
    }

    private mutating func add(_ name: String, _ space: Space) {
        stages.append(Stage(name: name, space: space))
    }

    private mutating func connect(_ from: String, _ to: String, _ crossing: Crossing, _ reason: String) {
        edges.append(Edge(from: from, to: to, crossing: crossing, reason: reason))
    }

    /// What runs in a producer's thread, and its ring.
    private mutating func addProducer(_ producer: String, _ plan: PipelinePlan) {
        let thread = Space.captureThread(producer)
        let (capture, ring, filter) = ("capture \(producer)", "ring \(producer)", "filter \(producer)")
        let (decode, classify) = ("decode \(producer)", "classify \(producer)")
        if plan.filter != nil, plan.filterIsInKernel {
            add(filter, .kernel)
            connect(
                filter,
                capture,
                .socketRing,
                "the kernel filters on the socket; a packet with a VLAN tag, which it does not see, is asked again here"
            )
        }
        add(capture, thread)
        let copying =
            plan.isOffline
            ? "everything else reads it there; a second link type has a ring of its own behind the same thread"
            : "everything else reads it there"
        if plan.filter != nil, !plan.filterIsInKernel {
            add(filter, thread)
            connect(
                capture,
                filter,
                .calledIndirectly,
                "the kernel cannot; Capture does not know how its filter decides"
            )
            connect(filter, ring, .copy, copying)
        } else {
            connect(capture, ring, .copy, copying)
        }
        add(ring, .memory)
        add(decode, thread)
        connect(
            ring,
            decode,
            .calledPerBatch,
            "Capture does not know what follows it; the loop over the batch is behind it"
        )
        add(classify, thread)
        connect(decode, classify, .inlined, "a few lines that every packet passes")
        if plan.worker.isCalled {
            connect(classify, "worker.0 flow tracker", .called, plan.worker.reason)
        } else {
            for worker in 0..<plan.workers {
                connect(classify, "worker.\(worker) decode", .indexBuffer, plan.worker.reason)
            }
        }
        if plan.hasTracer {
            connect(
                classify,
                "tracer",
                .indexBuffer,
                "it prints, and standard output may stand still; has a thread of its own always"
            )
        }
        if plan.statistics.isCalled {
            connect(classify, "statistics", .called, plan.statistics.reason)
        } else {
            connect(ring, "statistics", .descriptors, plan.statistics.reason)
        }
        if plan.isShared {
            connect(
                ring,
                "taps",
                .descriptors,
                "who attaches by the socket run/\(producer) reads in place, read-only; nobody waits for strangers"
            )
        }
        if plan.hasLogger {
            let (logger, packets) = ("logger \(producer)", "packets/\(producer)")
            add(logger, .thread("log \(producer)"))
            connect(ring, logger, .chunks, "the ring is the file: whole pages go to disk as they stand")
            add(packets, .disk)
            connect(logger, packets, .written, "O_DIRECT where the file system takes it")
        }
    }

    /// What is done for one share of the flows.
    private mutating func addWorker(_ worker: String, _ plan: PipelinePlan) {
        let space = plan.worker.isCalled ? Space.captureThread(plan.producers.first ?? "") : .thread(worker)
        let (decode, tracker, detector) = ("\(worker) decode", "\(worker) flow tracker", "\(worker) detector")
        if !plan.worker.isCalled {
            add(decode, space)
            connect(
                decode,
                tracker,
                .called,
                "same thread; specialised for its facts, and too large to inline"
            )
        }
        add(tracker, space)
        connect(
            tracker,
            "writer",
            .queue,
            plan.isOffline
                ? "another thread; when it is full the worker waits"
                : "another thread; when it is full the fact is dropped, and counted"
        )
        if plan.hasDetector {
            add(detector, space)
            connect(
                tracker,
                detector,
                .called,
                "same thread: payload in place, flow in registers; too large to inline"
            )
            connect(detector, "writer", .queue, "alerts, by the same queue")
        }
    }
}
