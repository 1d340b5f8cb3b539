// SPDX-License-Identifier: Apache-2.0
// Where parsers write transactions, and where these wait until the packet they came from is known to be whole.
//
//     parser: begin(.dns) ; text.member(..) ; mark(column) ; end() --> staged --commit--> facts
//                                                                        `----discard--> nothing happened
//
// On memory that the producer may overwrite, a packet's transactions count only after the second check (DESIGN.md,
// section 2): so they are staged here, and committed or thrown away together.
//
// Invariant 1. `text` is the bodies of `staged`, one behind the other, and of the one that is being written.
// Invariant 2. A body has at most `TransactionRecord.mostBytes` bytes: parsers ask `hasRoom` before each element of
//              a list, and what is too long all the same is not recorded but counted.

/// The transactions of one packet, being written or waiting to be recorded.
public struct TransactionStage: ~Copyable {
    /// The body that is being written; use the members of ``TextBuffer`` that write JSON.
    public var text = TextBuffer(capacity: 1 << 16)
    /// For names that are put together before they are written.
    public var scratch = TextBuffer(capacity: 4096)
    /// Whether parsers add what no event shows, for logs of other forms.
    public var wantsDetails = false
    /// What no event shows of the transaction that is being written.
    var details = DetailWriter()
    /// What was recorded, by kind; and what else parsers did, by protocol.
    public internal(set) var tally = ApplicationTally()
    /// Head of the next transactions: the packet that is being looked at, from originator to responder.
    public var packet = TransactionRecord()
    /// What is done with files.
    public var files: FileSettings {
        get {
            var settings = fileSettings
            settings.time = packet.time
            settings.tellsUnnamedParts = wantsDetails
            return settings
        }
        set { fileSettings = newValue }
    }
    private var fileSettings = FileSettings()
    /// What events say.
    public var events = EventSettings()
    /// What was done with them.
    public internal(set) var fileCounters = FileCounters()
    /// What its worker's bodies grow to.
    let inflation = InflationAccount()
    /// Files of which ranges came by.
    let joinedRanges = JoinedRanges()
    /// Copies of files that ended with what is staged: they are kept only if it is.
    var endedCopies: [FileCopy] = []
    /// Anomalies that were not written, since there were too many of them in one second.
    public internal(set) var anomaliesLeftOut: UInt64 = 0
    var messageAnomalies = AnomalyBudget()
    var packetAnomalies = AnomalyBudget()
    var streamAnomalies = AnomalyBudget()
    /// Bodies that were too long, or values left out of lists, since the start.
    public private(set) var cut: UInt64 = 0
    @usableFromInline var staged: [TransactionRecord] = []
    private var start = 0
    private var valueStart = 0

    /// Makes an empty stage.
    public init() { staged.reserveCapacity(64) }

    /// Transactions that wait.
    @inlinable public var isEmpty: Bool { text.isEmpty }

    /// Bytes of the body that is being written.
    public var bodyCount: Int { text.count - start }

    /// Whether the body may take another element of a list; counts it as cut if not.
    public mutating func hasRoom(_ bytes: Int = 2048) -> Bool {
        if bodyCount + bytes <= TransactionRecord.mostBytes { return true }
        cut &+= 1
        return false
    }

    /// Appends a member that is a string off the wire, cut to what the body has room for, and marks its column.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - value: Any bytes; nothing is written if there are none.
    ///   - column: The column whose value it is, or nil.
    ///   - most: Bytes of `value` that are written at most.
    mutating func member(_ name: StaticString, _ value: RawSpan, column: Int? = nil, most: Int = 4096) {
        guard value.byteCount > 0 else { return }
        // A byte takes six at most (`\u00NN`); the name and what closes the body take less than is left here.
        let room = max(0, (TransactionRecord.mostBytes - bodyCount - 128) / 6)
        if min(value.byteCount, most) > room { cut &+= 1 }
        text.member(name)
        beginValue()
        text.append(wireString: value, most: min(most, room))
        if let column { mark(column) }
    }

    /// Appends a member that is an array whose elements are JSON already, if the body has room for it.
    mutating func member(_ name: StaticString, elements: [UInt8], column: Int? = nil) {
        guard !elements.isEmpty, hasRoom(elements.count + 128) else { return }
        text.member(name)
        beginValue()
        text.append(0x5b)
        text.append(elements.span)
        text.append(0x5d)
        if let column { mark(column) }
    }

    /// Begins a transaction of the packet that is being looked at, and opens its object.
    ///
    /// - Parameters:
    ///   - kind: What it is.
    ///   - number: Its number in the flow.
    ///   - object: Name of the object that is opened, nearly always that of the kind.
    ///   - showsNumber: Whether `tx_id` is written beside it.
    ///   - turned: Whether its source is the responder; else it is the originator.
    public mutating func begin(
        _ kind: TransactionKind,
        number: UInt32,
        object: StaticString,
        showsNumber: Bool = true,
        turned: Bool = false
    ) {
        start = text.count
        var record = packet
        record.kind = kind
        record.number = number
        record.showsNumber = showsNumber
        if turned { record.turn() }
        staged.append(record)
        text.append(",\"")
        text.append(object)
        text.append("\":{")
    }

    /// Notes that what is written from here to ``mark(_:)`` is the value of a column: call it before a value.
    @inlinable public mutating func beginValue() { noteValueStart() }

    @usableFromInline mutating func noteValueStart() { valueStart = text.count }

    /// Says that the JSON value written since ``beginValue()`` is that of column `column` of the kind.
    public mutating func mark(_ column: Int) {
        set(mark: column, offset: valueStart - start, length: text.count - valueStart)
    }

    /// Says where in the body the value of a column lies.
    mutating func set(mark column: Int, offset: Int, length: Int) {
        guard column < TransactionRecord.mostMarks, offset >= 0, offset + length <= 0xffff, length > 0 else {
            return
        }
        staged[staged.count - 1].marks[column] = UInt32(offset) | UInt32(length) << 16
    }

    /// Appends what was put together in `scratch` as a JSON string.
    public mutating func writeScratch() { text.append(wireStringOf: scratch) }

    /// Closes the transaction's object and the transaction.
    ///
    /// - Returns: False if it was too long, and taken back.
    @discardableResult
    public mutating func end() -> Bool {
        text.closeObject()
        return close()
    }

    /// Begins a transaction of details alone: it has no event.
    mutating func beginDetails(_ kind: TransactionKind) {
        start = text.count
        var record = packet
        record.kind = kind
        staged.append(record)
    }

    /// Closes a transaction of details alone.
    mutating func endDetails() { _ = close() }

    /// Says that no event tells of the transaction that is being written.
    mutating func keepForLogs() { staged[staged.count - 1].isForLogsOnly = true }

    private mutating func close() -> Bool {
        let length = details.text.count
        if length > 0 {
            details.move(into: &text)
            staged[staged.count - 1].detailLength = UInt16(clamping: length)
        }
        let count = text.count - start - length
        if count > TransactionRecord.mostBytes + 4096 || count + length > 0xffff {
            cancel()
            cut &+= 1
            return false
        }
        staged[staged.count - 1].bodyLength = UInt32(count + length)
        start = text.count
        return true
    }

    /// Takes back the transaction that is being written.
    public mutating func cancel() {
        details.text.removeAll()
        text.truncate(to: start)
        staged.removeLast()
    }

    /// Hands what waits to `facts`: the packet was whole.
    @inlinable public mutating func commit<Sink: FactSink & ~Copyable>(into facts: inout Sink) -> Int {
        if text.isEmpty { return 0 }
        return recordAll(into: &facts)
    }

    @inlinable @inline(never)
    mutating func recordAll<Sink: FactSink & ~Copyable>(into facts: inout Sink) -> Int {
        var offset = 0
        for record in staged {
            let end = offset + Int(record.bodyLength)
            facts.record(record, body: text.bytes.extracting(offset..<end))
            noteRecorded(record)
            offset = end
        }
        keepCopies()
        let count = staged.count(where: { $0.shownLength > 0 })
        discard()
        return count
    }

    @usableFromInline mutating func noteRecorded(_ record: TransactionRecord) {
        if record.shownLength > 0 { tally.add(record) }
    }

    @usableFromInline mutating func keepCopies() {
        for copy in endedCopies { copy.finish() }
    }

    /// Forgets what waits: the packet was overwritten while it was read.
    public mutating func discard() {
        text.removeAll()
        staged.removeAll(keepingCapacity: true)
        if !endedCopies.isEmpty { endedCopies = [] }
        start = 0
    }
}

extension TransactionRecord {
    /// Exchanges source and destination.
    mutating func turn() {
        swapEnds()
        toResponder.toggle()
    }

    /// Exchanges originator and responder, by what was said; and back.
    mutating func exchange() {
        swapEnds()
        isTurned.toggle()
    }

    private mutating func swapEnds() {
        (source, destination) = (destination, source)
        (sourcePort, destinationPort) = (destinationPort, sourcePort)
    }
}
