// SPDX-License-Identifier: Apache-2.0
internal import BeltwayStore

extension RunSession {
    func checkTrace() throws(ApplianceError) {
        guard configuration.trace != nil else { return }
        throw .usage("the tracer is not built into this version")
    }

    func startTracer(lanes: consuming OwnedArray<WorkerLane>, isLive: Bool) throws(ApplianceError) {}
}
