// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow

// Where each stage runs and how it is reached, decided once (paper, 5.3): the graph that `--explain` prints and the
// threads that `RunSession` starts are both built from this.
//
//     inlined      nothing is left of the call       a few lines that every packet passes: the classifier
//     called       a direct call in the same thread  the stage has the thread to itself, and may take its time
//     signalled    an index buffer, or the descriptors, to a thread of its own
//
// Which stages are inlined is settled when the program is compiled. What is left to decide, and what a configuration
// may wish otherwise, is who is called and who is signalled.

/// How a configuration wants a stage to be reached.
public enum CallWish: String, CaseIterable, Sendable {
    /// As the plan sees fit.
    case automatic = "auto"
    /// Called by the thread that captures.
    case called
    /// In a thread of its own.
    case signalled
}

/// Whether a stage is called by the capture thread or has a thread of its own, and why.
public struct CallChoice: Equatable, Sendable {
    /// Called in the capture thread; else signalled, in a thread of its own.
    public var isCalled: Bool
    /// Why, for people: part of a sentence.
    public var reason: String
}

/// Decisions that the configuration leads to; both the graph and the running pipeline are built from them.
public struct PipelinePlan: Equatable, Sendable {
    /// Producer threads, by the name of their first ring.
    public var producers: [String]
    /// Whether packets come from capture files.
    public var isOffline: Bool
    /// Workers: threads of their own, or the one that the capture thread calls; none where nobody would get their facts.
    public var workers: Int
    /// How the workers are reached.
    public var worker: CallChoice
    /// How the statistics are reached.
    public var statistics: CallChoice
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
    /// Whether other processes can attach to the rings.
    public var isShared: Bool
    /// The BPF expression, if any.
    public var filter: String?
    /// Whether the kernel runs the filter, on the socket; else the producers' threads do.
    public var filterIsInKernel: Bool

    /// Decides how a configuration runs.
    ///
    /// - Parameters:
    ///   - configuration: What was asked for.
    ///   - hasDetector: Whether any rule was loaded.
    /// - Throws: ``ApplianceError/usage(_:)`` if a stage cannot be reached as was wished.
    public init(_ configuration: RunConfiguration, hasDetector: Bool) throws(ApplianceError) {
        isOffline = configuration.isOffline
        producers =
            isOffline
            ? ["file.0"]
            : configuration.interfaces.flatMap { name in
                (0..<configuration.queueCount).map { "\(name).\($0)" }
            }
        // Live, with no rules and nobody who would get a fact, the capture is all that was asked for.
        let isCaptureAlone =
            !isOffline && !hasDetector && !configuration.storesFlows && !configuration.writesEvents
            && configuration.zeek == nil && configuration.files.extraction == nil
            && configuration.workers == nil && configuration.workerWish == .automatic
        workers = isCaptureAlone ? 0 : configuration.workerCount
        worker = try Self.chooseWorker(configuration, threads: producers)
        statistics = try Self.chooseStatistics(configuration, threads: producers)
        hasLogger = configuration.storesPackets
        hasTracer = configuration.trace != nil
        self.hasDetector = hasDetector
        hasStore = configuration.storesFlows
        hasEvents = configuration.writesEvents
        // Where there is a data directory, there are sockets in it.
        isShared =
            configuration.sharing.isOn
            && (hasLogger || hasStore || hasEvents || !isOffline || configuration.data != nil)
        filter = configuration.filter
        filterIsInKernel = !isOffline && !configuration.usesLibpcap
    }

    private static func chooseWorker(
        _ configuration: RunConfiguration,
        threads: [String]
    ) throws(ApplianceError) -> CallChoice {
        let workers = configuration.workerCount
        switch configuration.workerWish {
        case .called:
            guard workers == 1 else {
                throw .usage(
                    "pipeline.worker: `called` needs one worker, not \(workers): several share the flows, each in a thread of its own"
                )
            }
            guard threads.count == 1 else {
                throw .usage(
                    "pipeline.worker: `called` needs one capture thread, not \(threads.count) (\(listed(threads))): two threads cannot share a flow table"
                )
            }
            return CallChoice(
                isCalled: true,
                reason: "the configuration wants it; one worker, one capture thread"
            )
        case .signalled:
            return CallChoice(isCalled: false, reason: "the configuration wants a thread of its own for it")
        case .automatic: break
        }
        if !configuration.isOffline {
            return CallChoice(
                isCalled: false,
                reason: "a slow worker must not keep the capture thread from emptying the kernel's ring"
            )
        }
        return workers == 1
            ? CallChoice(
                isCalled: true,
                reason: "one worker and one thread that reads files: nobody to wait for"
            )
            : CallChoice(
                isCalled: false,
                reason: "\(workers) workers share the flows, each in a thread of its own"
            )
    }

    private static func chooseStatistics(
        _ configuration: RunConfiguration,
        threads: [String]
    ) throws(ApplianceError) -> CallChoice {
        switch configuration.statisticsWish {
        case .called:
            guard threads.count == 1 else {
                throw .usage(
                    "pipeline.statistics: `called` needs one capture thread, not \(threads.count) (\(listed(threads))): they count all packets in one place"
                )
            }
            return CallChoice(isCalled: true, reason: "the configuration wants it; one capture thread")
        case .signalled:
            return CallChoice(isCalled: false, reason: "the configuration wants a thread of its own for them")
        case .automatic: break
        }
        return configuration.isOffline
            ? CallChoice(
                isCalled: true,
                reason: "the headers are decoded there already, and no packet is late"
            )
            : CallChoice(
                isCalled: false,
                reason: "they want every packet, and the capture thread owes them nothing"
            )
    }

    private static func listed(_ threads: [String]) -> String {
        threads.prefix(3).joined(separator: ", ") + (threads.count > 3 ? ", ..." : "")
    }
}
