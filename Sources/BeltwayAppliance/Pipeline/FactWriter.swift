// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayStore
internal import BeltwayTrace
internal import Glibc
internal import Synchronization

// The one writer: takes facts from every worker's queue and turns them into rows and events.
//
//     queue of worker 0 --+
//     queue of worker 1 --+--> FactWriter --> FlowStore (SQLite)
//     outbox (stats)    --+               `-> EVEFile (eve.json)
//
// A full disk or a read-only directory is noted once and counted; the capture goes on.

/// Snapshots of the statistics on their way to the writer, which alone appends to eve.json.
final class EventOutbox: Sendable {
    private let pending = Mutex<[StatisticsSnapshot]>([])
    private let closed = Atomic<Bool>(false)

    /// Says that nothing more will be sent: the writer may end.
    func close() { closed.store(true, ordering: .releasing) }

    /// Loaded before ``take()``, so that nothing sent earlier is missed.
    var isClosed: Bool { closed.load(ordering: .acquiring) }

    /// Hands over a snapshot; what piles up beyond 64 is dropped, since nobody drains it.
    func send(_ snapshot: StatisticsSnapshot) {
        pending.withLock { if $0.count < 64 { $0.append(snapshot) } }
    }

    func take() -> [StatisticsSnapshot] {
        pending.withLock { pending in
            defer { pending = [] }
            return pending
        }
    }
}

/// What the writer shows of itself.
final class WriterProgress: Sendable {
    let flows = Atomic<UInt64>(0)
    let alerts = Atomic<UInt64>(0)
    let transactions = Atomic<UInt64>(0)
    let rowsLost = Atomic<UInt64>(0)
    let eventsLost = Atomic<UInt64>(0)
    let events = Atomic<UInt64>(0)
    private let problems = Mutex<[String]>([])

    func note(_ problem: String) {
        problems.withLock { if $0.count < 16, !$0.contains(problem) { $0.append(problem) } }
    }

    /// What went wrong, each thing once.
    var notedProblems: [String] { problems.withLock { $0 } }
}

/// Takes facts from every queue until all are closed; lives in one thread.
struct FactWriter: ~Copyable {
    private var queues: OwnedArray<FactConsumer>
    private var output: FactOutput

    init(queues: consuming OwnedArray<FactConsumer>, output: consuming FactOutput) {
        self.queues = queues
        self.output = output
    }

    /// Runs until every queue is closed and empty; then everything is on its way to the disk.
    ///
    /// It looks every 2 ms while facts come, and less often, at last every 16 ms, while none do.
    mutating func run() {
        var pause: UInt32 = 2000
        while true {
            var taken = 0
            var isFinished = output.outbox.isClosed
            for index in 0..<queues.count {
                taken += queues[index].drainWithBodies(limit: 4096) { output.write($0, body: $1) }
                if !queues[index].isFinished() { isFinished = false }
            }
            output.writeOut(all: taken == 0)
            if isFinished { break }
            pause = taken > 0 ? 2000 : min(16_000, pause * 2)
            if taken == 0 { usleep(pause) }
        }
        output.close()
    }
}

/// Turns facts into rows and events.
struct FactOutput: ~Copyable {
    let outbox: EventOutbox
    private let store: FlowStore?
    private var file: EVEFile?
    /// Zeek's logs, if they are written.
    private var zeek: ZeekLogs?
    private let writesEvents: Bool
    private let writesZeek: Bool
    private var events: EVEWriter
    private let rings: RingTable
    private let signatures: [EVESignature]
    private let progress: WriterProgress
    private var names: [[JSONText]] = []
    private var flows: UInt64 = 0
    private var alerts: UInt64 = 0
    private var transactions: UInt64 = 0

    init(
        store: FlowStore?,
        file: consuming EVEFile?,
        zeek: consuming ZeekLogs?,
        rings: RingTable,
        signatures: [SignatureInfo],
        outbox: EventOutbox,
        progress: WriterProgress,
        settings: EventSettings
    ) {
        self.store = store
        events = EVEWriter(seed: settings.communityIDSeed, isShort: settings.compressesIPv6)
        writesEvents = file != nil
        self.file = file
        writesZeek = zeek != nil
        self.zeek = zeek
        self.rings = rings
        self.signatures = signatures.map { EVESignature($0) }
        self.outbox = outbox
        self.progress = progress
        store?.setSignatures(signatures)
    }

    mutating func write(_ fact: Fact, body: Span<UInt8>) {
        switch fact {
        case .flow(let record):
            let name = name(record.buffer, record.interface)
            if writesEvents { events.append(flow: record, interface: name) }
            // What goes on is an event; the store and Zeek's log have one row for each flow, when it has ended.
            if record.goesOn { break }
            flows &+= 1
            if writesZeek { zeek?.append(record) }
            store?.insert(record)
        case .alert(let record):
            alerts &+= 1
            let name = name(record.buffer, record.interface)
            guard Int(record.signature) < signatures.count else { return }
            if writesEvents {
                events.append(alert: record, signature: signatures[Int(record.signature)], interface: name)
            }
            store?.insert(record)
        case .transaction(let record):
            if writesZeek { zeek?.append(record, body: body) }
            let body = body.extracting(0..<min(record.shownLength, body.count))
            if body.isEmpty { return }
            transactions &+= 1
            let name = name(record.buffer, record.interface)
            if writesEvents { events.append(transaction: record, body: body, interface: name) }
            store?.insert(record, body: body)
        }
    }

    /// Writes what has gathered: events once a buffer is full or nothing else is to do, rows once a second.
    mutating func writeOut(all: Bool) {
        if writesEvents {
            for snapshot in outbox.take() { events.append(stats: snapshot) }
            do {
                try file?.drain(&events, all: all)
            } catch {
                progress.note("\(error)")
            }
        }
        let progress = progress
        zeek?.drain(all: all) { progress.note($0) }
        store?.commitIfDue()
        show()
    }

    /// Writes everything and closes the store.
    mutating func close() {
        writeOut(all: true)
        let progress = progress
        zeek?.close { progress.note($0) }
        store?.close()
        show()
    }

    /// Name of an interface, escaped for JSON once, and told to the store when it is first seen.
    private mutating func name(_ buffer: UInt16, _ interface: UInt16) -> JSONText {
        if Int(buffer) < names.count, Int(interface) < names[Int(buffer)].count {
            return names[Int(buffer)][Int(interface)]
        }
        for ring in rings.all {
            while names.count <= Int(ring.number) { names.append([]) }
            for (number, name) in ring.interfaces.enumerated().dropFirst(names[Int(ring.number)].count) {
                names[Int(ring.number)].append(JSONText(name))
                store?.setInterface(buffer: ring.number, interface: UInt16(number), name: name)
            }
        }
        guard Int(buffer) < names.count, Int(interface) < names[Int(buffer)].count else {
            return JSONText("")
        }
        return names[Int(buffer)][Int(interface)]
    }

    private mutating func show() {
        progress.flows.store(flows, ordering: .relaxed)
        progress.alerts.store(alerts, ordering: .relaxed)
        progress.transactions.store(transactions, ordering: .relaxed)
        progress.events.store(events.events, ordering: .relaxed)
        if let store {
            progress.rowsLost.store(store.counters.rowsLost, ordering: .relaxed)
            for error in store.takeErrors() { progress.note("\(error)") }
        }
        var lost: UInt64 = 0
        switch file {
        case .some(let file): lost &+= file.eventsLost
        case .none: break
        }
        switch zeek {
        case .some(let logs): lost &+= logs.linesLost
        case .none: break
        }
        progress.eventsLost.store(lost, ordering: .relaxed)
    }
}
