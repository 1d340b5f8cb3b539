// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire
import GRDB
import GRDBSQLite

// Rows to and from SQLite without GRDB's boxing: the one file of the flow store that handles raw pointers.
//
// Why the interface is safe. Both types keep the GRDB statement that owns the pointer for as long as they
// hold it, and are used only inside an access to that statement's connection. Blobs and texts are bound from
// memory that `RowWriter` owns (no copy by SQLite) and that changes only once the row is inserted. Column reads
// ask SQLite for the type and the length first, so a damaged file gives wrong values but no wrong access.
// Budget: 3 us a row, commit included (FlowStoreSpeed in the tests; beltway-bench).

/// Binds one row after the other to an INSERT statement.
@safe final class RowWriter {
    private let statement: Statement
    private let pointer: OpaquePointer
    private let blobs: UnsafeMutableRawPointer
    /// Texts of the row that is being bound, one behind the other; a body and the values of its columns fit.
    private let texts: UnsafeMutableRawPointer
    private static let mostText = 192 << 10
    private var textBytes = 0
    /// Whether the columns that only TCP has are bound as another protocol's: bindings outlive a step.
    private var isBoundAsOther = false

    /// Takes a prepared INSERT of ``PartitionSchema``.
    init(_ statement: Statement) {
        self.statement = statement
        unsafe pointer = statement.sqliteStatement
        unsafe blobs = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 16)
        unsafe texts = UnsafeMutableRawPointer.allocate(byteCount: RowWriter.mostText, alignment: 16)
    }

    deinit {
        unsafe blobs.deallocate()
        unsafe texts.deallocate()
    }

    /// Inserts a flow; columns as in ``PartitionSchema/flowColumns``.
    func insert(_ record: FlowRecord, source: Int64, path: String) throws(StoreError) {
        bind(1, Int64(bitPattern: record.flowID))
        bind(2, Int64(bitPattern: record.start.nanoseconds))
        bind(3, Int64(bitPattern: record.end.nanoseconds &- record.start.nanoseconds))
        bind(4, record.originator, version: record.ipVersion, blob: 0)
        bind(5, record.responder, version: record.ipVersion, blob: 16)
        bind(6, Int64(record.originatorPort))
        bind(7, Int64(record.responderPort))
        bind(8, Int64(record.transportProtocol))
        bind(9, record.packedBits)
        bind(10, PackedVLAN.pack(record.vlan, count: record.vlanCount))
        bind(11, source)
        bind(12, Int64(bitPattern: record.packetsToResponder))
        bind(13, Int64(bitPattern: record.packetsToOriginator))
        bind(14, Int64(bitPattern: record.bytesToResponder))
        bind(15, Int64(bitPattern: record.bytesToOriginator))
        bind(16, record.history)
        bind(17, Int64(bitPattern: record.ipBytesToResponder))
        bind(18, Int64(bitPattern: record.ipBytesToOriginator))
        bind(19, Int64(bitPattern: record.payloadBytesToResponder))
        bind(20, Int64(bitPattern: record.payloadBytesToOriginator))
        bind(21, Int64(record.tunnelID))
        bind(22, Int64(bitPattern: record.parentID))
        let isTCP = record.transportProtocol == IPProtocol.tcp
        if isTCP || !isBoundAsOther { bind(measures: record.metered.originator, record.metered.responder) }
        isBoundAsOther = !isTCP
        try step(path)
    }

    /// Binds what only TCP has: of the originator's segments, and of the responder's.
    private func bind(measures sent: FlowRecord.Side, _ answered: FlowRecord.Side) {
        bind(23, sent.handshakeTime.map(Int64.init) ?? -1)
        bind(24, answered.handshakeTime.map(Int64.init) ?? -1)
        bind(25, sent.dataTime.map(Int64.init) ?? -1)
        bind(26, answered.dataTime.map(Int64.init) ?? -1)
        bind(27, Int64(sent.retransmissions))
        bind(28, Int64(answered.retransmissions))
        bind(29, Int64(sent.outOfOrder))
        bind(30, Int64(answered.outOfOrder))
        bind(31, Int64(sent.zeroWindows))
        bind(32, Int64(answered.zeroWindows))
        bind(33, Int64(bitPattern: sent.missedBytes))
        bind(34, Int64(bitPattern: answered.missedBytes))
    }

    /// Binds a history as text, from memory behind the two addresses.
    private func bind(_ index: Int32, _ history: FlowHistory) {
        let text = unsafe (blobs + 32).assumingMemoryBound(to: CChar.self)
        // 32 bytes are there, and a history has at most 31 letters.
        let count = min(Int(history.count), 31)
        for place in 0..<count { unsafe text[place] = CChar(bitPattern: history.letter(place)) }
        unsafe sqlite3_bind_text(pointer, index, text, Int32(count), nil)
    }

    /// Inserts an alert; columns as in ``PartitionSchema/alertColumns``.
    func insert(_ alert: AlertRecord, signature: Int64, source: Int64, path: String) throws(StoreError) {
        bind(1, Int64(bitPattern: alert.time.nanoseconds))
        bind(2, Int64(bitPattern: alert.flowID))
        bind(3, signature)
        bind(4, Int64(alert.ordinal))
        bind(5, alert.source, version: alert.ipVersion, blob: 0)
        bind(6, alert.destination, version: alert.ipVersion, blob: 16)
        bind(7, Int64(alert.sourcePort))
        bind(8, Int64(alert.destinationPort))
        bind(9, Int64(alert.transportProtocol))
        bind(10, alert.packedBits)
        bind(11, PackedVLAN.pack(alert.vlan, count: alert.vlanCount))
        bind(12, source)
        bind(13, Int64(bitPattern: alert.flowStart.nanoseconds))
        bind(14, Int64(bitPattern: alert.packetsToResponder))
        bind(15, Int64(bitPattern: alert.packetsToOriginator))
        bind(16, Int64(bitPattern: alert.bytesToResponder))
        bind(17, Int64(bitPattern: alert.bytesToOriginator))
        try step(path)
    }

    /// Binds the columns that every kind of transaction has, but the last, as in ``TransactionTable/common``.
    func bindHead(_ record: TransactionRecord, source: Int64) {
        bind(1, Int64(bitPattern: record.time.nanoseconds))
        bind(2, Int64(bitPattern: record.flowID))
        bind(3, Int64(record.number))
        bind(4, Int64(bitPattern: record.packet))
        bind(5, record.source, version: record.ipVersion, blob: 0)
        bind(6, record.destination, version: record.ipVersion, blob: 16)
        bind(7, Int64(record.sourcePort))
        bind(8, Int64(record.destinationPort))
        bind(9, Int64(record.transportProtocol))
        bind(10, record.packedBits)
        bind(11, PackedVLAN.pack(record.vlan, count: record.vlanCount))
        bind(12, source)
    }

    /// Binds a number.
    func bind(number: Int64, at index: Int32) { bind(index, number) }

    /// Binds a text, of which a copy is kept until the row is inserted; SQLite takes it whatever its bytes are.
    ///
    /// Safe: the copy lies within `texts`; a text for which there is no room is cut.
    func bind(text: ArraySlice<UInt8>, at index: Int32) {
        let count = min(text.count, RowWriter.mostText - textBytes)
        let copy = unsafe texts + textBytes
        unsafe text.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { unsafe copy.copyMemory(from: start, byteCount: count) }
        }
        unsafe sqlite3_bind_text(pointer, index, copy.assumingMemoryBound(to: CChar.self), Int32(count), nil)
        textBytes += count
    }

    @inline(__always) private func bind(_ index: Int32, _ value: Int64) {
        unsafe sqlite3_bind_int64(pointer, index, value)
    }

    @inline(__always) private func bind(_ index: Int32, _ address: IPAddress, version: UInt8, blob: Int) {
        if version == 4, address.isMappedV4 {
            bind(index, Int64(address.v4))
        } else {
            unsafe blobs.storeBytes(of: address.high.bigEndian, toByteOffset: blob, as: UInt64.self)
            unsafe blobs.storeBytes(of: address.low.bigEndian, toByteOffset: blob + 8, as: UInt64.self)
            unsafe sqlite3_bind_blob(pointer, index, blobs + blob, 16, nil)
        }
    }

    /// Inserts the row that was bound.
    func step(_ path: String) throws(StoreError) {
        let stepped = unsafe sqlite3_step(pointer)
        let code = unsafe sqlite3_reset(pointer)
        textBytes = 0
        if stepped != SQLITE_DONE {
            let message = unsafe String(cString: sqlite3_errmsg(sqlite3_db_handle(pointer)))
            throw StoreError(path: path, operation: .insertRows, code: code, reason: message)
        }
    }
}

extension [UInt8] {
    /// Appends a copy of bytes; they are read during the call, and no pointer is kept.
    mutating func append(copyOf bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}

/// Reads the columns of the row at which a statement stands.
@safe struct RowReader {
    private let statement: Statement
    private let pointer: OpaquePointer

    /// Takes a statement that a GRDB cursor steps through.
    init(_ statement: Statement) {
        self.statement = statement
        unsafe pointer = statement.sqliteStatement
    }

    /// Binds `row` to the statement's only argument and goes to its row.
    ///
    /// - Returns: Whether there is one.
    func find(_ row: Int64, path: String) throws(StoreError) -> Bool {
        unsafe sqlite3_reset(pointer)
        unsafe sqlite3_bind_int64(pointer, 1, row)
        let stepped = unsafe sqlite3_step(pointer)
        if stepped == SQLITE_ROW { return true }
        if stepped == SQLITE_DONE { return false }
        let message = unsafe String(cString: sqlite3_errmsg(sqlite3_db_handle(pointer)))
        throw StoreError(path: path, operation: .query, code: stepped, reason: message)
    }

    /// Ends a series of `find`s, so that the statement holds no lock.
    func reset() {
        unsafe sqlite3_reset(pointer)
    }

    /// Columns of the row.
    var count: Int32 { unsafe sqlite3_column_count(pointer) }

    /// The column as an integer; 0 if it is none.
    func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(pointer, column) }

    /// The column's bits as an unsigned integer.
    func unsigned(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }

    /// The column as a time.
    func time(_ column: Int32) -> Timestamp { Timestamp(nanoseconds: unsigned(column)) }

    /// The column as text; invalid UTF-8 is repaired.
    func text(_ column: Int32) -> String {
        guard let bytes = unsafe sqlite3_column_text(pointer, column) else { return "" }
        let length = unsafe Int(sqlite3_column_bytes(pointer, column))
        return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: length), as: UTF8.self)
    }

    /// The column as an address: a blob of 16 bytes, or an integer.
    func address(_ column: Int32) -> IPAddress {
        guard unsafe sqlite3_column_type(pointer, column) == SQLITE_BLOB else {
            return IPAddress(v4: UInt32(truncatingIfNeeded: integer(column)))
        }
        guard unsafe sqlite3_column_bytes(pointer, column) == 16,
            let bytes = unsafe sqlite3_column_blob(pointer, column)
        else { return .zero }
        return unsafe IPAddress(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }
}
