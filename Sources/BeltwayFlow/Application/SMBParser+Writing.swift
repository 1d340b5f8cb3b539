// SPDX-License-Identifier: Apache-2.0
// What Suricata's `smb` shows, in its order; and `response_us`, from the request's packet to the answer's.
internal import BeltwayWire

extension SMBSession {
    /// Begins the transaction of a request: what all of them have, and what the request said.
    func open(_ request: SMBRequest, status: SMBStatus?, _ output: inout TransactionStage) {
        output.begin(.smb, number: request.id &- 1, object: "smb")
        writeHead(request, status: status, marks: true, &output)
        output.append(request.members)
    }

    /// Writes what all transactions have.
    func writeHead(
        _ request: SMBRequest,
        status: SMBStatus?,
        marks: Bool,
        _ output: inout TransactionStage
    ) {
        output.text.member("id", UInt64(request.id))
        output.text.member("dialect")
        if dialect != 0 {
            output.text.append(0x22)
            output.text.append(dialect: dialect)
            output.text.append(0x22)
        } else if dialectName.isEmpty {
            output.text.append("\"unknown\"")
        } else {
            output.text.append(wireString: dialectName.rawBytes, most: 64)
        }
        output.text.member("command")
        output.beginValue()
        output.text.append(0x22)
        if request.kind == .encrypted {
            output.text.append("SMB3_TRANSFORM")
        } else if request.isSMB2 {
            output.text.append(command2: request.command)
        } else {
            output.text.append(command1: UInt8(truncatingIfNeeded: request.command))
        }
        output.text.append(0x22)
        if marks { output.mark(SMBParser.Column.command) }
        if let status {
            output.text.member("status")
            output.beginValue()
            output.text.append(0x22)
            output.text.append(status: status)
            output.text.append(0x22)
            if marks { output.mark(SMBParser.Column.status) }
            output.text.member("status_code")
            output.text.append("\"0x")
            if status.isDOS {
                output.text.append(hexadecimal: UInt8(truncatingIfNeeded: status.value >> 24))
                output.text.append(hexadecimal: UInt8(truncatingIfNeeded: status.value >> 16))
            } else {
                output.text.append(shortHexadecimal: status.value)
            }
            output.text.append(0x22)
        }
        output.text.member("session_id")
        output.beginValue()
        output.text.append(decimal: request.sessionID)
        if marks { output.mark(SMBParser.Column.sessionID) }
        output.text.member("tree_id", UInt64(request.treeID))
    }

    /// Ends the transaction of a request; one that nobody wants an event of is taken back.
    func end(_ request: SMBRequest, isAnswered: Bool, _ output: inout TransactionStage) {
        if let wanted = output.events.smbKinds, !wanted.contains(request.kindName) {
            output.cancel()
            return
        }
        let now = output.packet.time.nanoseconds
        if isAnswered, now >= request.time.nanoseconds {
            output.member(
                "response_us",
                (now - request.time.nanoseconds) / 1000,
                column: SMBParser.Column.responseTime
            )
        }
        output.end()
    }

    /// Writes a request whose answer did not come.
    func writeUnanswered(_ request: SMBRequest, _ output: inout TransactionStage) {
        open(request, status: request.status, &output)
        if request.kind == .treeConnect { writeTree(request, shareType: 0, &output) }
        end(request, isAnswered: false, &output)
    }

    /// Writes what is known of a tree.
    func writeTree(_ request: SMBRequest, shareType: UInt8, _ output: inout TransactionStage) {
        if shareType == 2 {
            output.member("named_pipe", request.name.rawBytes, column: SMBParser.Column.share)
        } else {
            output.member("share", request.name.rawBytes, column: SMBParser.Column.share)
        }
        guard request.isSMB2 else { return }
        output.text.member("share_type")
        switch shareType {
        case 1: output.text.append("\"FILE\"")
        case 2: output.text.append("\"PIPE\"")
        case 3: output.text.append("\"PRINT\"")
        default: output.text.append("\"UNKNOWN\"")
        }
    }

    /// Writes what an answer says of a file that was opened.
    func writeOpened(_ times: SMBFileTimes, size: UInt64, _ output: inout TransactionStage) {
        output.text.member("created", SMBFileTimes.unix(times.created))
        output.text.member("accessed", SMBFileTimes.unix(times.accessed))
        output.text.member("modified", SMBFileTimes.unix(times.modified))
        output.text.member("changed", SMBFileTimes.unix(times.changed))
        output.text.member("size", size)
    }

    /// Notes that data of a file was read or written: its transaction begins with the first of it.
    mutating func transfer(
        of id: SMBIdentifier,
        isWrite: Bool,
        by origin: SMBRequest,
        _ flow: inout ApplicationFlow,
        _ time: Timestamp
    ) {
        if files[id] == nil {
            var file = SMBFile()
            let key = SMBTreeKey(sessionID: origin.sessionID, treeID: origin.treeID)
            file.share = trees[key]?.share ?? []
            open(id, file)
        }
        guard let file = files[id], (isWrite ? file.written : file.read) == nil else { return }
        var request = make(.transfer, &flow, at: time)
        request.file = id
        request.sessionID = origin.sessionID
        request.treeID = origin.treeID
        request.isSMB2 = origin.isSMB2
        request.command = origin.command
        request.isWrite = isWrite
        if isWrite { files[id]?.written = request } else { files[id]?.read = request }
    }

    /// A file is closed: what was read of it and written to it is written, in the order in which that began.
    mutating func closeFile(_ id: SMBIdentifier, _ output: inout TransactionStage) {
        guard let file = close(id) else { return }
        let both = [file.read, file.written].compactMap { $0 }.sorted { $0.id < $1.id }
        for request in both { writeTransfer(request, file, status: .success, &output) }
    }

    /// Writes what was read of a file, or written to it.
    mutating func writeTransfer(
        _ request: SMBRequest,
        _ file: SMBFile?,
        status: SMBStatus?,
        _ output: inout TransactionStage
    ) {
        writeFile(request, file, status: status, &output)
        open(request, status: status, &output)
        writeNames(request, file, marks: true, &output)
        end(request, isAnswered: false, &output)
    }

    /// Writes which file was read or written.
    func writeNames(
        _ request: SMBRequest,
        _ file: SMBFile?,
        marks: Bool,
        _ output: inout TransactionStage
    ) {
        let name = file?.name ?? []
        if name.isEmpty {
            output.text.member("filename", literal: "<unknown>")
        } else {
            output.member("filename", name.rawBytes, column: marks ? SMBParser.Column.filename : nil)
        }
        let share = file?.share ?? []
        output.member("share", share.rawBytes, column: marks ? SMBParser.Column.share : nil)
        output.text.member("fuid")
        if request.isSMB2 {
            output.text.append(identifier: request.file)
        } else {
            output.text.append(fileNumber: request.file)
        }
    }
}

extension SMBRequest {
    /// What Suricata's `types` of `smb` call it; all of them are in ``SMBParser/kindNames``.
    var kindName: String {
        switch kind {
        case .plain: command == 11 && isSMB2 ? "ioctl" : "generic"
        case .negotiate: "negotiate"
        case .treeConnect: "tree_connect"
        case .create: "create"
        case .sessionSetup: "session_setup"
        case .transfer: "file"
        case .call: "dcerpc"
        case .rename: "rename"
        case .setInformation: "set_file_path_info"
        case .encrypted: "encrypted"
        }
    }
}

extension SMBParser {
    /// Kinds of transactions that can be chosen among.
    public static let kindNames = [
        "file", "tree_connect", "negotiate", "dcerpc", "create", "session_setup", "ioctl", "rename",
        "set_file_path_info", "generic", "encrypted",
    ]
}
