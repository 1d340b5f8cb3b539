// SPDX-License-Identifier: Apache-2.0
// SMB 2 and 3: what an answer completes: the request of the same message number.
internal import BeltwayWire

extension SMBSession {
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
}
