// SPDX-License-Identifier: Apache-2.0
// SMB 2 and 3: what a request makes wait; what its answer completes is in SMBParser+SMB2Answers.
//
// As in Suricata, reading and writing of files, and questions about them, are no transactions of their own.
internal import BeltwayWire

extension SMBSession {
    /// Takes a request.
    mutating func request2(
        _ message: RawSpan,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard let header = try? SMB2Header(message) else { return }
        switch SMB2Command(rawValue: header.command) {
        case .read:
            if let read = SMB2Transfer(message) {
                remember(read.file, at: read.fileOffset, readBy: header.messageID)
            }
            return
        case .write:
            guard let write = SMB2Transfer(message) else { return }
            let isPipe = isPipe(header.sessionID, header.treeID, write.data)
            if isPipe {
                call(write.data, header, write.file, &flow, &output)
            } else {
                transfer(of: write.file, isWrite: true, header, &flow, output.packet.time)
                take(
                    write.data,
                    of: SMBContentKey(file: write.file, isWrite: true),
                    at: write.fileOffset,
                    count: write.count,
                    skip: max(0, write.dataOffset - message.byteCount),
                    output.files
                )
            }
            return
        case .queryInfo: return
        case .setInfo: return setInfo(message, header, &flow, &output)
        case .ioctl:
            if let control = SMB2Control(message, isAnswer: false),
                control.function == SMB2Control.pipeTransceive, DCERPCMessage(control.data) != nil
            {
                return call(control.data, header, control.file, &flow, &output)
            }
        default: break
        }
        var request = make(.plain, &flow, at: output.packet.time)
        describe(&request, header)
        describe(&request, message)
        if request.command == SMB2Command.close.rawValue { closeFile(request.file, &output) }
        if let oldest = wait(request) { writeUnanswered(oldest, &output) }
    }

    private func describe(_ request: inout SMBRequest, _ header: borrowing SMB2Header) {
        request.command = header.command
        request.key = header.messageID
        request.sessionID = header.sessionID
        request.treeID = header.treeID
    }

    /// Notes what a request says, by its command.
    private mutating func describe(_ request: inout SMBRequest, _ message: RawSpan) {
        var writer = FragmentWriter()
        switch SMB2Command(rawValue: request.command) {
        case .negotiate:
            guard let negotiate = SMB2NegotiateRequest(message) else { return }
            request.kind = .negotiate
            writer.text.openArray("client_dialects")
            for index in 0..<min(negotiate.dialectCount, 64) {
                writer.text.separate()
                writer.text.append(0x22)
                writer.text.append(dialect: negotiate.dialect(index))
                writer.text.append(0x22)
            }
            writer.text.closeArray()
            writer.text.member("client_guid")
            writer.text.append(identifier: negotiate.client)
        case .sessionSetup:
            guard let setup = SMB2SessionSetup(message, isAnswer: false) else { return }
            request.kind = .sessionSetup
            writer.append(token: setup.token)
        case .treeConnect:
            guard let connect = SMB2TreeConnectRequest(message) else { return }
            request.kind = .treeConnect
            request.name.append(utf16: connect.path)
        case .treeDisconnect:
            disconnect(SMBTreeKey(sessionID: request.sessionID, treeID: request.treeID))
        case .create:
            guard let create = SMB2CreateRequest(message) else { return }
            request.kind = .create
            request.name.append(utf16: create.name)
            writer.append(
                opened: request.name.rawBytes,
                disposition: create.disposition,
                options: create.options
            )
        case .close:
            if let close = SMB2CloseRequest(message) { request.file = close.file }
        case .ioctl:
            guard let control = SMB2Control(message, isAnswer: false) else { return }
            writer.text.member("function")
            writer.text.append(0x22)
            writer.text.append(control: control.function)
            writer.text.append(0x22)
        default: break
        }
        request.members = writer.end()
    }

    /// Renaming and deleting are transactions; other properties are not.
    private mutating func setInfo(
        _ message: RawSpan,
        _ header: borrowing SMB2Header,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard let change = SMB2SetInfoRequest(message), change.type == 1,
            change.property == 10 || change.property == 13
        else { return }
        var request = make(.plain, &flow, at: output.packet.time)
        describe(&request, header)
        var name = files[change.file]?.name ?? []
        if change.file.isUnset, let create = pending.last(where: { $0.kind == .create }) {
            name = create.name
        }
        if name.isEmpty { name = Array("<unknown>".utf8) }
        var writer = FragmentWriter()
        if change.property == 10 {
            request.kind = .rename
            var newName: [UInt8] = []
            newName.append(utf16: change.newName)
            writer.text.openObject("set_info")
            writer.text.member("class", literal: "FILE_INFO")
            writer.text.member("info_level", literal: "SMB2_FILE_RENAME_INFO")
            writer.text.closeObject()
            writer.append(renamed: name.rawBytes, newName.rawBytes)
        } else {
            request.kind = .setInformation
            let isDeleted = change.data.byteCount > 0 && change.data.byte(at: 0) != 0
            writer.append(deleted: name.rawBytes, isDeleted: isDeleted)
        }
        if !change.file.isUnset {
            writer.text.member("fuid")
            writer.text.append(identifier: change.file)
        }
        request.members = writer.end()
        if let oldest = wait(request) { writeUnanswered(oldest, &output) }
    }

    mutating func transfer(
        of file: SMBIdentifier,
        isWrite: Bool,
        _ header: borrowing SMB2Header,
        _ flow: inout ApplicationFlow,
        _ time: Timestamp
    ) {
        guard !file.isUnset else { return }
        var origin = SMBRequest()
        describe(&origin, header)
        transfer(of: file, isWrite: isWrite, by: origin, &flow, time)
    }

    /// Notes which file the answer to a READ will bring data of.
    mutating func remember(_ file: SMBIdentifier, at offset: UInt64, readBy key: UInt64) {
        // Answers that never come would pile up.
        if reads.count >= SMBSession.mostPending { reads.removeAll(keepingCapacity: true) }
        reads[key] = SMBRead(file: file, offset: offset)
    }

    /// Whether what is written or read goes over a pipe; told from the bytes if the tree is not known.
    func isPipe(_ sessionID: UInt64, _ treeID: UInt32, _ data: RawSpan) -> Bool {
        if let tree = trees[SMBTreeKey(sessionID: sessionID, treeID: treeID)] { return tree.isPipe }
        guard let message = DCERPCMessage(data) else { return false }
        return message.length == data.byteCount
    }

    private mutating func call(
        _ data: RawSpan,
        _ header: borrowing SMB2Header,
        _ file: SMBIdentifier,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        var request = SMBRequest()
        describe(&request, header)
        request.file = file
        call(data, request, &flow, &output)
    }
}
