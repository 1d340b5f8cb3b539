// SPDX-License-Identifier: Apache-2.0
public import BeltwayFlow
public import BeltwayWire
import GRDB

// One query over all partitions of a data directory, the open one included.
//
//   partition 1 ---places---.
//   partition 2 ---places---+-- merged by time, oldest first --> rows, 1,024 at a time --> the caller
//   partition 3 ---places---'                                    (with a limit: only the newest places)
//
// The order is that of a log: by time, then partition, then row. A limit keeps the newest rows, and these too
// come oldest first. A partition that cannot be read is reported in the answer; the others go on.

/// A question to the flow store of a data directory; any number may run beside the writer.
public struct FlowQuery: Sendable {
    /// Only rows from this time on: flows still alive then, alerts raised then or later.
    public var since: Timestamp?
    /// Only rows before this time: flows begun, alerts raised.
    public var until: Timestamp?
    /// At most this many rows, the newest ones; their places are held in memory, 32 bytes each.
    public var limit: Int?

    /// What a query did, beside the rows.
    public struct Outcome: Sendable {
        /// Rows handed to the caller.
        public var rows = 0
        /// Partitions that were opened.
        public var partitions = 0
        /// Partitions, or parts of them, that could not be read and are missing from the answer.
        public var problems: [StoreError] = []
    }

    /// Rows handed to the caller at once.
    static let batch = 1024
    /// Places asked of one partition at once: 4 MiB.
    static let placesAtOnce = 262_144

    private let files: PartitionFiles

    /// Asks the data directory's flow store; one without a store has no rows.
    public init(directory: String) {
        files = PartitionFiles(dataDirectory: directory)
    }

    /// Hands the flows that match to `body`, batch by batch, oldest first, until it answers false.
    ///
    /// - Parameters:
    ///   - expression: What flows must satisfy, parsed for ``QueryExpression/Subject/flows``; nil for all.
    ///   - body: Takes the next rows and answers whether it wants more.
    /// - Returns: How many there were, and what could not be read.
    /// - Throws: ``StoreError`` if the folder itself cannot be listed.
    public func flows(
        matching expression: QueryExpression? = nil,
        _ body: ([FlowRow]) -> Bool
    ) throws(StoreError) -> Outcome {
        try run(expression, of: FlowRow.self, shape: .flows, times: { $0.flowTimes }, body)
    }

    /// Hands the alerts that match to `body`, batch by batch, oldest first, until it answers false.
    ///
    /// - Parameters:
    ///   - expression: What alerts must satisfy, parsed for ``QueryExpression/Subject/alerts``; nil for all.
    ///   - body: Takes the next rows and answers whether it wants more.
    /// - Returns: How many there were, and what could not be read.
    /// - Throws: ``StoreError`` if the folder itself cannot be listed.
    public func alerts(
        matching expression: QueryExpression? = nil,
        _ body: ([AlertRow]) -> Bool
    ) throws(StoreError) -> Outcome {
        try run(expression, of: AlertRow.self, shape: .alerts, times: { $0.alertTimes }, body)
    }

    /// Hands the transactions of a kind that match to `body`, batch by batch, oldest first, until it answers false.
    ///
    /// - Parameters:
    ///   - kind: Which transactions.
    ///   - expression: What they must satisfy, parsed for ``QueryExpression/Subject/transactions(_:)``; nil for all.
    ///   - body: Takes the next rows and answers whether it wants more.
    /// - Returns: How many there were, and what could not be read.
    /// - Throws: ``StoreError`` if the folder itself cannot be listed.
    public func transactions(
        _ kind: TransactionKind,
        matching expression: QueryExpression? = nil,
        _ body: ([TransactionRow]) -> Bool
    ) throws(StoreError) -> Outcome {
        try run(
            expression,
            of: TransactionRow.self,
            shape: .transactions(kind),
            times: { $0.times(of: kind) }
        ) { rows in
            body(
                rows.map { row in
                    var row = row
                    row.record.kind = kind
                    return row
                }
            )
        }
    }

    private func run<Row: StoredRow>(
        _ expression: QueryExpression?,
        of type: Row.Type,
        shape: RowShape,
        times: (PartitionReader) -> ClosedRange<Int64>?,
        _ body: ([Row]) -> Bool
    ) throws(StoreError) -> Outcome {
        var outcome = Outcome()
        var readers: [PartitionReader] = []
        for (_, path) in try files.list() {
            do {
                guard let reader = try PartitionReader(path: path) else { continue }
                outcome.partitions += 1
                if let times = times(reader), overlapsWindow(times) { readers.append(reader) }
                // Opened again when its turn comes: a large store has more partitions than a process files.
                reader.disconnect()
            } catch {
                outcome.problems.append(error)
            }
        }
        let condition = SQLCondition.and([window(shape)] + (expression.map { [$0.condition] } ?? []))
        var merge = PartitionMerge<Row>(
            shape: shape,
            readers: readers,
            least: readers.map { times($0)?.lowerBound ?? .min },
            greatest: readers.map { times($0)?.upperBound ?? .max },
            condition: condition
        )
        merge.run(limit: limit, outcome: &outcome, body)
        return outcome
    }

    private func overlapsWindow(_ times: ClosedRange<Int64>) -> Bool {
        times.upperBound >= FlowQuery.column(since ?? .zero)
            && times.lowerBound <= FlowQuery.column(until ?? .distantFuture)
    }

    private func window(_ shape: RowShape) -> SQLCondition {
        guard since != nil || until != nil else { return .all }
        return SQLCondition(
            sql: shape.windowSQL,
            arguments: [
                FlowQuery.column(until ?? .distantFuture).databaseValue,
                FlowQuery.column(since ?? .zero).databaseValue,
            ]
        )
    }

    /// A time as columns hold it, at most the year 2262.
    static func column(_ time: Timestamp) -> Int64 { Int64(clamping: time.nanoseconds) }
}
