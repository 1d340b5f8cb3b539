// SPDX-License-Identifier: Apache-2.0
public import BeltwayFlow
import BeltwayWire

/// A flow as a query returns it.
public struct FlowRow: Sendable {
    /// The record as it was inserted.
    public var record: FlowRecord
    /// Name of the interface of the flow's first packet; empty if it was never given.
    public var interface: String
}

/// An alert as a query returns it.
public struct AlertRow: Sendable {
    /// The record as it was inserted.
    public var alert: AlertRecord
    /// The signature that its number stood for.
    public var signature: SignatureInfo
    /// Name of the packet's interface; empty if it was never given.
    public var interface: String
}

/// A transaction as a query returns it.
public struct TransactionRow: Sendable {
    /// The head as it was inserted; its marks are gone.
    public var record: TransactionRecord
    /// What EVE shows of it, as an object: `{"dns":{..}}`.
    public var body: String
    /// Name of the packet's interface; empty if it was never given.
    public var interface: String
    /// Values of the kind's columns, in their order; empty where there is none.
    public var columns: [String]
}

/// Where rows of a kind are, and how they are asked for.
struct RowShape {
    var table: String
    /// The column that rows are ordered by.
    var timeColumn: String
    var columns: [String]
    /// SQL for "no part of the row lies outside these times": the two arguments are until and since.
    var windowSQL: String

    static let flows = RowShape(
        table: "flows",
        timeColumn: "start",
        columns: PartitionSchema.flowColumns,
        windowSQL: "start < ? AND start + duration >= ?"
    )

    static let alerts = RowShape(
        table: "alerts",
        timeColumn: "time",
        columns: PartitionSchema.alertColumns,
        windowSQL: "time < ? AND time >= ?"
    )

    static func transactions(_ kind: TransactionKind) -> RowShape {
        let table = TransactionTable(kind)
        return RowShape(
            table: table.name,
            timeColumn: "time",
            columns: table.columns,
            windowSQL: "time < ? AND time >= ?"
        )
    }
}

/// What a partition reader must know of a kind of row.
protocol StoredRow {
    static func read(_ row: RowReader, names: PartitionNames) -> Self
}

extension FlowRow: StoredRow {
    static func read(_ row: RowReader, names: PartitionNames) -> FlowRow {
        var record = FlowRecord()
        record.flowID = row.unsigned(0)
        record.start = row.time(1)
        record.end = Timestamp(nanoseconds: row.unsigned(1) &+ row.unsigned(2))
        record.originator = row.address(3)
        record.responder = row.address(4)
        record.originatorPort = UInt16(truncatingIfNeeded: row.integer(5))
        record.responderPort = UInt16(truncatingIfNeeded: row.integer(6))
        record.transportProtocol = UInt8(truncatingIfNeeded: row.integer(7))
        record.unpack(bits: row.integer(8))
        (record.vlan, record.vlanCount) = PackedVLAN.unpack(row.integer(9))
        let source = names.source(row.integer(10))
        (record.buffer, record.interface) = (source.buffer, source.interface)
        record.packetsToResponder = row.unsigned(11)
        record.packetsToOriginator = row.unsigned(12)
        record.bytesToResponder = row.unsigned(13)
        record.bytesToOriginator = row.unsigned(14)
        record.history = FlowHistory(row.text(15))
        record.ipBytesToResponder = row.unsigned(16)
        record.ipBytesToOriginator = row.unsigned(17)
        record.payloadBytesToResponder = row.unsigned(18)
        record.payloadBytesToOriginator = row.unsigned(19)
        record.tunnelID = UInt32(truncatingIfNeeded: row.integer(20))
        record.parentID = row.unsigned(21)
        record.metered = (side(row, 22), side(row, 23))
        return FlowRow(record: record, interface: source.name)
    }
}

/// What was measured of one side, whose columns stand at every second place from `first` on.
private func side(_ row: RowReader, _ first: Int32) -> FlowRecord.Side {
    var side = FlowRecord.Side()
    side.handshakeTime = UInt32(exactly: row.integer(first))
    side.dataTime = UInt32(exactly: row.integer(first + 2))
    side.retransmissions = UInt32(truncatingIfNeeded: row.integer(first + 4))
    side.outOfOrder = UInt32(truncatingIfNeeded: row.integer(first + 6))
    side.zeroWindows = UInt32(truncatingIfNeeded: row.integer(first + 8))
    side.missedBytes = row.unsigned(first + 10)
    return side
}

extension AlertRow: StoredRow {
    static func read(_ row: RowReader, names: PartitionNames) -> AlertRow {
        var alert = AlertRecord()
        alert.time = row.time(0)
        alert.flowID = row.unsigned(1)
        let (number, signature) = names.signature(row.integer(2))
        alert.signature = number
        alert.ordinal = UInt32(truncatingIfNeeded: row.integer(3))
        alert.source = row.address(4)
        alert.destination = row.address(5)
        alert.sourcePort = UInt16(truncatingIfNeeded: row.integer(6))
        alert.destinationPort = UInt16(truncatingIfNeeded: row.integer(7))
        alert.transportProtocol = UInt8(truncatingIfNeeded: row.integer(8))
        alert.unpack(bits: row.integer(9))
        (alert.vlan, alert.vlanCount) = PackedVLAN.unpack(row.integer(10))
        let source = names.source(row.integer(11))
        (alert.buffer, alert.interface) = (source.buffer, source.interface)
        alert.flowStart = row.time(12)
        alert.packetsToResponder = row.unsigned(13)
        alert.packetsToOriginator = row.unsigned(14)
        alert.bytesToResponder = row.unsigned(15)
        alert.bytesToOriginator = row.unsigned(16)
        return AlertRow(alert: alert, signature: signature, interface: source.name)
    }
}

extension TransactionRow: StoredRow {
    static func read(_ row: RowReader, names: PartitionNames) -> TransactionRow {
        var record = TransactionRecord()
        record.time = row.time(0)
        record.flowID = row.unsigned(1)
        record.number = UInt32(truncatingIfNeeded: row.integer(2))
        record.packet = row.unsigned(3)
        record.source = row.address(4)
        record.destination = row.address(5)
        record.sourcePort = UInt16(truncatingIfNeeded: row.integer(6))
        record.destinationPort = UInt16(truncatingIfNeeded: row.integer(7))
        record.transportProtocol = UInt8(truncatingIfNeeded: row.integer(8))
        record.unpack(bits: row.integer(9))
        (record.vlan, record.vlanCount) = PackedVLAN.unpack(row.integer(10))
        let source = names.source(row.integer(11))
        (record.buffer, record.interface) = (source.buffer, source.interface)
        let first = Int32(TransactionTable.common.count)
        let columns = (first..<max(row.count, first)).map { row.text($0) }
        return TransactionRow(
            record: record,
            body: row.text(first - 1),
            interface: source.name,
            columns: columns
        )
    }
}
