// SPDX-License-Identifier: Apache-2.0
// SMB 2 and 3: what a request makes wait, and what its answer completes.
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

    /// Takes an answer.
    mutating func answer2(_ message: RawSpan, _ flow: inout ApplicationFlow, _ output: inout TransactionStage)
    {
        guard let header = try? SMB2Header(message) else { return }
        let status = SMBStatus(value: header.status)
        switch SMB2Command(rawValue: header.command) {
        case .read: return readAnswer(message, header, status, &flow, &output)
        case .ioctl:
            if let control = SMB2Control(message, isAnswer: true),
                control.function == SMB2Control.pipeTransceive, DCERPCMessage(control.data) != nil
            {
                return response(control.data, key: header.messageID, nil, status, &output)
            }
            if let index = calls.firstIndex(where: { $0.request.key == header.messageID }) {
                calls[index].request.status = status
                if status != .pending {
                    let call = takeCall(at: index)
                    write(call, status: status, isAnswered: true, &output)
                }
                return
            }
        default: break
        }
        guard let index = index(of: header.messageID, isSMB2: true), pending[index].command == header.command
        else {
            negotiatedAnew(message, header, status, &output)
            return
        }
        if status == .pending {
            pending[index].status = status
            return
        }
        var request = take(at: index)
        if request.kind != .create, request.treeID == 0 { request.treeID = header.treeID }
        if request.kind == .sessionSetup || request.kind == .treeConnect {
            request.sessionID = header.sessionID
        }
        complete(request, message, header, status, &flow, &output)
    }

    /// A client that speaks both asks in SMB 1, and is answered in SMB 2 ([MS-SMB2], 3.3.5.3).
    private mutating func negotiatedAnew(
        _ message: RawSpan,
        _ header: borrowing SMB2Header,
        _ status: SMBStatus,
        _ output: inout TransactionStage
    ) {
        guard header.command == SMB2Command.negotiate.rawValue,
            let index = pending.firstIndex(where: { !$0.isSMB2 && $0.kind == .negotiate })
        else { return }
        let request = take(at: index)
        negotiated(request, message, status, &output)
    }

    private mutating func negotiated(
        _ request: SMBRequest,
        _ message: RawSpan,
        _ status: SMBStatus,
        _ output: inout TransactionStage
    ) {
        let answer = SMB2NegotiateAnswer(message)
        if let answer, status == .success {
            dialect = answer.dialect
            maximum = (answer.maximumRead, answer.maximumWrite)
        }
        open(request, status: status, &output)
        if let answer {
            output.text.member("server_guid")
            output.text.append(identifier: answer.server)
            output.text.member("max_read_size", UInt64(answer.maximumRead))
            output.text.member("max_write_size", UInt64(answer.maximumWrite))
        }
        end(request, isAnswered: true, &output)
    }

    private mutating func complete(
        _ request: SMBRequest,
        _ message: RawSpan,
        _ header: borrowing SMB2Header,
        _ status: SMBStatus,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        switch request.kind {
        case .negotiate: return negotiated(request, message, status, &output)
        case .treeConnect:
            var request = request
            request.treeID = header.treeID
            let answer = status == .success ? SMB2TreeConnectAnswer(message) : nil
            if let answer {
                let key = SMBTreeKey(sessionID: header.sessionID, treeID: header.treeID)
                connect(key, SMBTree(share: request.name, isPipe: answer.shareType == 2))
            }
            open(request, status: status, &output)
            writeTree(request, shareType: answer?.shareType ?? 0, &output)
            return end(request, isAnswered: true, &output)
        case .create:
            open(request, status: status, &output)
            if status == .success, let answer = SMB2CreateAnswer(message) {
                var file = SMBFile(name: request.name)
                let key = SMBTreeKey(sessionID: request.sessionID, treeID: request.treeID)
                file.share = trees[key]?.share ?? []
                file.size = answer.size
                open(answer.file, file)
                openedLast = answer.file
                writeOpened(answer.times, size: answer.size, &output)
                output.text.member("fuid")
                output.text.append(identifier: answer.file)
            }
            return end(request, isAnswered: true, &output)
        default: break
        }
        if request.command == SMB2Command.close.rawValue, request.file.isUnset {
            closeFile(openedLast, &output)
        }
        open(request, status: status, &output)
        end(request, isAnswered: true, &output)
    }

    private mutating func readAnswer(
        _ message: RawSpan,
        _ header: borrowing SMB2Header,
        _ status: SMBStatus,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard status != .pending else { return }
        let asked = reads.removeValue(forKey: header.messageID)
        guard let asked, status == .success || status == .bufferOverflow,
            let answer = SMB2ReadAnswer(message)
        else { return }
        let file = asked.file.isUnset ? openedLast : asked.file
        if isPipe(header.sessionID, header.treeID, answer.data) {
            response(answer.data, key: nil, file, status, &output)
        } else {
            transfer(of: file, isWrite: false, header, &flow, output.packet.time)
            take(
                answer.data,
                of: SMBContentKey(file: file, isWrite: false),
                at: asked.offset,
                count: answer.count,
                skip: max(0, answer.dataOffset - message.byteCount),
                output.files
            )
        }
    }

    private mutating func transfer(
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
