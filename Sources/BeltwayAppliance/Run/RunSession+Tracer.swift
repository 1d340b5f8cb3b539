// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayStore
internal import BeltwayTrace
internal import BeltwayWire
internal import Foundation

extension RunSession {
    /// Reads the expression of `--trace`, so that a bad one is told before anything starts.
    func checkTrace() throws(ApplianceError) {
        _ = try traceExpression()
    }

    private func traceExpression() throws(ApplianceError) -> QueryExpression? {
        guard let text = configuration.trace else { return nil }
        let now = Timestamp(seconds: UInt64(max(0, Date().timeIntervalSince1970)))
        do {
            return try QueryExpression(parsingTrace: text, now: now)
        } catch {
            throw .usage("--trace `\(text)`: \(error)")
        }
    }

    /// Starts the tracer in a thread of its own; its lines go to standard output.
    func startTracer(lanes: consuming OwnedArray<WorkerLane>, isLive: Bool) throws(ApplianceError) {
        guard let expression = try traceExpression() else { return }
        let progress = ConsumerCounters("tracer")
        consumerCounters.append(progress)
        let console = console
        let consumer = TracingConsumer(
            flow: flowConfiguration(share: 1),
            expression: expression,
            rings: rings
        ) {
            console.print($0.bytes)
        }
        let parcel = Parcel(
            WorkerThread(worker: consumer, lanes: lanes, progress: progress, flows: nil, isLive: isLive)
        )
        consumerThreads.append(
            try start("tracer") {
                var thread = parcel.open()
                thread.run()
            }
        )
    }
}
