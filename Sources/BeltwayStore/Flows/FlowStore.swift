// SPDX-License-Identifier: Apache-2.0
public import BeltwayFlow
import Dispatch

// The flow store's writer: rows into the open partition, partitions into the folder `flows`.
//
//   insert -> rows waiting (512) -> transaction (50,000 rows or 1 s) -> partition (2,000,000 rows) -> sealed
//                array                open in SQLite                      000001.sqlite                indexes
//
// Invariant 1. A row is in `waiting`, in the open transaction, committed, or counted as lost; never in two.
// Invariant 2. Nothing here throws after `init`: the capture goes on, errors are counted and can be taken.
// Invariant 3. Only the last partition is without indexes, and only while it is open (or after a crash,
//              until the next start).

/// Writes flow and alert records to SQLite; used by one thread at a time, the appliance's writer.
///
/// A start always begins a new partition. What a crash left is sealed in the background first thing, so that
/// the directory needs no repair by hand: SQLite's log brings back everything committed.
public final class FlowStore: @unchecked Sendable {
    /// How much is gathered before something is done with it.
    public struct Configuration: Sendable {
        /// Rows after which a partition is closed and indexed.
        public var rowsPerPartition = 2_000_000
        /// Rows after which the transaction is committed.
        public var rowsPerTransaction = 50_000
        /// Age at which the transaction is committed, in nanoseconds.
        public var transactionNanoseconds: UInt64 = 1_000_000_000
        /// Bytes of a page of a partition.
        static let pageBytes = 16384
        /// Pages of 16 KiB in the write-ahead log after which it is folded into the file.
        public var walPages = 2048
        /// Most pages of 16 KiB in a partition, after which it counts as a full disk; nil for no such bound.
        public var maximumPages: Int?

        /// Makes the default configuration.
        public init() {}
    }

    /// What became of the rows.
    public struct Counters: Sendable, Equatable {
        /// Flow records committed.
        public var flows: UInt64 = 0
        /// Alert records committed.
        public var alerts: UInt64 = 0
        /// Transactions committed.
        public var transactions: UInt64 = 0
        /// Rows that an error kept from being stored.
        public var rowsLost: UInt64 = 0
        /// Transactions committed.
        public var commits: UInt64 = 0
        /// Partitions begun.
        public var partitions: UInt64 = 0
        /// Errors, of which ``FlowStore/takeErrors()`` gives the first few in words.
        public var errors: UInt64 = 0
    }

    /// Rows handed to SQLite in one access.
    private static let mostWaiting = 512
    /// Errors kept in words.
    private static let mostErrors = 16

    /// What became of the rows so far.
    public private(set) var counters = Counters()

    private let files: PartitionFiles
    private let configuration: Configuration
    private let sealer = Sealer()
    private var partition: OpenPartition?
    private var waitingFlows: [FlowRecord] = []
    private var waitingAlerts: [AlertRecord] = []
    private var waitingTransactions = WaitingTransactions()
    private var flowsInTransaction: UInt64 = 0
    private var alertsInTransaction: UInt64 = 0
    private var transactionStart: UInt64 = 0
    /// After an error rows are counted as lost until the next commit is due: no retry per row.
    private var isFailing = false
    private var nextNumber: Int
    private var names = InterfaceNames()
    private var signatures: [SignatureInfo] = []
    private var errors: [StoreError] = []

    /// Opens the store of a data directory, begins a partition, and has those that a crash left sealed.
    ///
    /// - Parameters:
    ///   - directory: The data directory; `flows` is made in it.
    ///   - configuration: Sizes; the defaults suit an appliance.
    /// - Throws: ``StoreError`` if the directory or the partition cannot be made (no permission, read-only file
    ///   system, no space).
    public init(directory: String, configuration: Configuration = Configuration()) throws(StoreError) {
        self.configuration = configuration
        files = PartitionFiles(dataDirectory: directory)
        try files.create()
        let existing = try files.list()
        nextNumber = (existing.last?.number ?? 0) + 1
        waitingFlows.reserveCapacity(FlowStore.mostWaiting)
        waitingAlerts.reserveCapacity(FlowStore.mostWaiting)
        partition = try beginPartition()
        for (_, path) in existing where PartitionFiles.header(path: path) != .finished {
            sealer.sealLater(path: path)
        }
        transactionStart = FlowStore.now()
    }

    deinit { close() }

    /// Names an interface of a data buffer; rows that carry these numbers are stored under this name.
    public func setInterface(buffer: UInt16, interface: UInt16, name: String) {
        flush()
        names[Int(buffer), Int(interface)] = name
        partition?.forgetNames()
    }

    /// Sets the table that `AlertRecord.signature` indexes, once the rules are loaded.
    public func setSignatures(_ signatures: [SignatureInfo]) {
        flush()
        self.signatures = signatures
        partition?.forgetNames()
    }

    /// Takes a flow record; stored at the next commit.
    public func insert(_ record: FlowRecord) {
        waitingFlows.append(record)
        if waitingFlows.count >= FlowStore.mostWaiting { flushAndCommitIfDue() }
    }

    /// Takes an alert record; stored at the next commit.
    public func insert(_ alert: AlertRecord) {
        waitingAlerts.append(alert)
        if waitingAlerts.count >= FlowStore.mostWaiting { flushAndCommitIfDue() }
    }

    /// Takes a transaction of an application protocol; stored at the next commit.
    ///
    /// - Parameters:
    ///   - transaction: Its head.
    ///   - body: What its parser wrote; copied.
    public func insert(_ transaction: TransactionRecord, body: Span<UInt8>) {
        waitingTransactions.append(transaction, body: body)
        if waitingTransactions.count >= FlowStore.mostWaiting { flushAndCommitIfDue() }
    }

    /// Commits if the oldest row has waited for a second; for the writer's idle moments.
    public func commitIfDue() {
        if FlowStore.now() &- transactionStart >= configuration.transactionNanoseconds { commit() }
    }

    /// Makes every row taken so far durable and visible to queries, or counts it as lost.
    public func commit() {
        isFailing = false
        transactionStart = FlowStore.now()
        flush()
        guard !isFailing, let open = partition, open.rowsInTransaction > 0 else { return }
        let rows = UInt64(open.rowsInTransaction)
        do {
            try open.commit()
            counters.flows += flowsInTransaction
            counters.alerts += alertsInTransaction
            counters.transactions += rows - flowsInTransaction - alertsInTransaction
            counters.commits += 1
            (flowsInTransaction, alertsInTransaction) = (0, 0)
        } catch {
            fail(error, alsoLost: 0)
        }
        if open.rows >= configuration.rowsPerPartition { rotate() }
    }

    /// Commits, seals the last partition, and returns when all sealing is done.
    ///
    /// A second call does nothing.
    public func close() {
        guard partition != nil else { return }
        commit()
        if let open = partition { retire(open) }
        partition = nil
        sealer.wait()
        collectProblems()
    }

    /// The errors since the last call, at most 16 of them; ``Counters/errors`` has their number.
    public func takeErrors() -> [StoreError] {
        collectProblems()
        defer { errors = [] }
        return errors
    }

    /// Bytes of all partitions with their logs, as the directory has them now.
    public func bytesOnDisk() -> UInt64 { files.bytes() }

    private func flushAndCommitIfDue() {
        flush()
        let age = FlowStore.now() &- transactionStart
        if partition?.rowsInTransaction ?? 0 >= configuration.rowsPerTransaction
            || age >= configuration.transactionNanoseconds
        {
            commit()
        }
    }

    private func flush() {
        let rows = waitingFlows.count + waitingAlerts.count + waitingTransactions.count
        guard rows > 0 else { return }
        if let open = partition, !isFailing {
            do {
                try open.append(
                    flows: waitingFlows,
                    alerts: waitingAlerts,
                    transactions: waitingTransactions,
                    names: names,
                    signatures: signatures
                )
                flowsInTransaction += UInt64(waitingFlows.count)
                alertsInTransaction += UInt64(waitingAlerts.count)
            } catch {
                fail(error, alsoLost: rows)
            }
        } else {
            counters.rowsLost += UInt64(rows)
        }
        waitingFlows.removeAll(keepingCapacity: true)
        waitingAlerts.removeAll(keepingCapacity: true)
        waitingTransactions.removeAll()
    }

    private func fail(_ error: StoreError, alsoLost rows: Int) {
        counters.rowsLost += UInt64(rows + (partition?.rollback() ?? 0))
        (flowsInTransaction, alertsInTransaction) = (0, 0)
        isFailing = true
        note(error)
    }

    private func rotate() {
        do {
            let next = try beginPartition()
            if let full = partition { retire(full) }
            partition = next
        } catch {
            // The full partition takes more rows until there is another; tried again at the next commit.
            note(error)
        }
    }

    private func retire(_ open: OpenPartition) {
        do {
            try open.close()
        } catch {
            note(error)
        }
        sealer.sealLater(path: open.path)
    }

    private func beginPartition() throws(StoreError) -> OpenPartition {
        let path = files.path(of: nextNumber)
        let begun = try OpenPartition(number: nextNumber, path: path, configuration: configuration)
        nextNumber += 1
        counters.partitions += 1
        return begun
    }

    private func note(_ error: StoreError) {
        counters.errors += 1
        if errors.count < FlowStore.mostErrors { errors.append(error) }
    }

    private func collectProblems() {
        for problem in sealer.takeProblems() { note(problem) }
    }

    private static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}
