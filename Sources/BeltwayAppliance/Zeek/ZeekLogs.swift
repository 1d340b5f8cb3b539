// SPDX-License-Identifier: Apache-2.0
// All logs of Zeek's that a run writes, from the facts that EVE and SQLite get too.
//
//     flow         --> conn.log, tunnel.log    and what waits for the flow's end in the others
//     transaction  --> dns.log, http.log, ssl.log, ssh.log; files.log, whose files http.log names; tunnel.log
//
// A full disk costs lines of the log that it hit, and no others.
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire

/// The logs and what is remembered between facts.
struct ZeekLogs: ~Copyable {
    private static var tables: [ZeekTable] {
        [
            ZeekConnections.table, ZeekDNS.table, ZeekTLS.table, ZeekSSH.table, ZeekHTTP.table,
            ZeekFiles.table, ZeekTunnels.table,
        ]
    }
    private static var connections: Int { 0 }
    private static var names: Int { 1 }
    private static var tls: Int { 2 }
    private static var ssh: Int { 3 }
    private static var http: Int { 4 }
    private static var files: Int { 5 }
    private static var tunnels: Int { 6 }

    private var logs: OwnedArray<ZeekLog>
    private var dns = ZeekDNS()
    private var quic = ZeekQUIC()
    private var files = ZeekFiles()

    /// Opens all logs in a folder.
    init(format: ZeekFormat, folder: String) throws(EVEFileError) {
        var logs = OwnedArray<ZeekLog>(capacity: ZeekLogs.tables.count)
        for table in ZeekLogs.tables { logs.append(try ZeekLog(table, format: format, folder: folder)) }
        self.logs = logs
    }

    /// Lines that were forgotten because they could not be written.
    var linesLost: UInt64 {
        var count: UInt64 = 0
        for index in 0..<logs.count { count &+= logs[index].linesLost }
        return count
    }

    /// Takes a flow that ended.
    mutating func append(_ flow: FlowRecord) {
        ZeekConnections.append(
            flow,
            isExchanged: ZeekRoles.areExchanged(flow) != dns.exchanges(flow),
            to: &logs[ZeekLogs.connections].writer
        )
        ZeekTunnels.append(flow, to: &logs[ZeekLogs.tunnels].writer)
        dns.ended(flow.flowID, to: &logs[ZeekLogs.names].writer)
        quic.ended(flow.flowID, to: &logs[ZeekLogs.tls].writer)
        files.ended(flow.flowID)
    }

    /// Takes a transaction.
    ///
    /// - Parameters:
    ///   - record: Its head.
    ///   - body: Its body, details at the end.
    mutating func append(_ record: TransactionRecord, body: Span<UInt8>) {
        guard record.detailLength > 0 else { return }
        let details = TransactionDetails(of: record, in: body)
        switch record.kind {
        case .dns, .mdns, .llmnr: dns.append(record, details, to: &logs[ZeekLogs.names].writer)
        case .tls: ZeekTLS.append(record, details, to: &logs[ZeekLogs.tls].writer)
        case .quic: quic.append(record, details, to: &logs[ZeekLogs.tls].writer)
        case .http:
            let files = files.take(of: record)
            ZeekHTTP.append(record, details, files, to: &logs[ZeekLogs.http].writer)
            ZeekTunnels.append(proxied: record, details, to: &logs[ZeekLogs.tunnels].writer)
        case .fileinfo: files.append(record, details, body: body, to: &logs[ZeekLogs.files].writer)
        case .ssh: ZeekSSH.append(record, details, to: &logs[ZeekLogs.ssh].writer)
        default: break
        }
    }

    /// Writes what there is, if it is a buffer's worth or `all` is true; says what failed.
    mutating func drain(all: Bool, _ note: (String) -> Void) {
        for index in 0..<logs.count {
            do { try logs[index].drain(all: all) } catch { note("\(error)") }
        }
    }

    /// Writes everything, and that the logs end.
    mutating func close(_ note: (String) -> Void) {
        dns.flushAll(to: &logs[ZeekLogs.names].writer)
        quic.flushAll(to: &logs[ZeekLogs.tls].writer)
        for index in 0..<logs.count {
            do { try logs[index].close() } catch { note("\(error)") }
        }
    }
}
