// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import Synchronization

/// What all producers of packets did with compressed datagrams: added once per batch that had some.
final class CompressionCounters: Sendable {
    private let sum = Mutex(CompressionStatistics())

    func add(_ statistics: CompressionStatistics) { sum.withLock { $0.add(statistics) } }

    var statistics: CompressionStatistics { sum.withLock { $0 } }
}
