// SPDX-License-Identifier: Apache-2.0
// SMB 1: what the block of an answer completes: the request of the same process and multiplex number.
//
// Data of reading, and what a pipe answers, are no transactions: they go to the file, or to the call, that they belong to.
internal import BeltwayWire

extension SMBSession {
    mutating func answer1(
        _ command: UInt8,
        _ header: borrowing SMB1Header,
        _ block: SMB1Block?,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        let isDOS = !header.hasNTStatus && header.status != 0
        let status = SMBStatus(value: header.status, isDOS: isDOS)
        switch command {
        case SMB1Command.readAndX:
            guard let block, let read = reads.removeValue(forKey: key(header)), status == .success else {
                return
            }
            let id = read.file
            let count = Int(block.u16(14)) << 16 | Int(block.u16(10))
            let data = block.stretch(Int(block.u16(12)), count)
            if isPipe(UInt64(header.userID), UInt32(header.treeID), data) {
                return response(data, key: nil, id, status, &output)
            }
            var origin = SMBRequest()
            describe(&origin, command, header)
            transfer(of: id, isWrite: false, by: origin, &flow, output.packet.time)
            let content = SMBContentKey(file: id, isWrite: false)
            let skip = block.missing(before: Int(block.u16(12)))
            return take(data, of: content, at: read.offset, count: count, skip: skip, output.files)
        case SMB1Command.transaction:
            guard let block, block.wordCount >= 10 else { return }
            let data = block.stretch(Int(block.u16(14)), Int(block.u16(12)))
            return response(data, key: key(header), nil, status, &output)
        default: break
        }
        let waiting = key(header)
        guard
            let index = pending.firstIndex(where: {
                !$0.isSMB2 && $0.key == waiting && $0.command == UInt16(command)
            })
        else { return }
        if status == .pending {
            pending[index].status = status
            return
        }
        let request = take(at: index)
        complete1(request, status, header, block, &output)
    }

    private mutating func complete1(
        _ request: SMBRequest,
        _ status: SMBStatus,
        _ header: borrowing SMB1Header,
        _ block: SMB1Block?,
        _ output: inout TransactionStage
    ) {
        switch request.kind {
        case .negotiate:
            if let block, block.wordCount > 0 { chose(block.u16(0)) }
            open(request, status: status, &output)
            if let block, block.wordCount == 17, block.u32(19) & 0x8000_0000 != 0, block.bytes.byteCount >= 16
            {
                output.text.member("server_guid")
                let bytes = block.bytes
                output.text.append(
                    identifier: SMBIdentifier(high: bytes.bigEndian64(at: 0), low: bytes.bigEndian64(at: 8))
                )
            }
        case .sessionSetup:
            open(request, status: status, &output)
            if let block { writeNative(block, &output) }
        case .treeConnect:
            complete1(tree: request, status, header, block, &output)
        case .create:
            open(request, status: status, &output)
            if status == .success, let block, block.wordCount >= 34 {
                let id = file(block.u16(5), header)
                let key = SMBTreeKey(sessionID: UInt64(header.userID), treeID: UInt32(header.treeID))
                open(id, SMBFile(name: request.name, share: trees[key]?.share ?? [], size: block.u64(55)))
                let times = SMBFileTimes(
                    created: block.u64(11),
                    accessed: block.u64(19),
                    modified: block.u64(27),
                    changed: block.u64(35)
                )
                writeOpened(times, size: block.u64(55), &output)
                output.text.member("fuid")
                output.text.append(fileNumber: id)
            }
        default:
            open(request, status: status, &output)
        }
        end(request, isAnswered: true, &output)
    }

    private mutating func complete1(
        tree request: SMBRequest,
        _ status: SMBStatus,
        _ header: borrowing SMB1Header,
        _ block: SMB1Block?,
        _ output: inout TransactionStage
    ) {
        var request = request
        let asked = request.members
        request.members = JSONFragment()
        request.treeID = UInt32(header.treeID)
        var service: [UInt8] = []
        if status == .success, let block {
            var position = 0
            block.appendString(at: &position, isASCII: true, most: 32, to: &service)
            let key = SMBTreeKey(sessionID: UInt64(header.userID), treeID: request.treeID)
            connect(key, SMBTree(share: request.name, isPipe: service.starts(with: "IPC".utf8)))
        }
        open(request, status: status, &output)
        writeTree(request, shareType: service.starts(with: "IPC".utf8) ? 2 : 0, &output)
        output.text.openObject("service")
        output.append(asked)
        output.member("response", service.rawBytes)
        output.text.closeObject()
    }

    /// Notes which of the offered dialects was chosen.
    private mutating func chose(_ index: UInt16) {
        let names = offered.split(separator: 0, omittingEmptySubsequences: false)
        if Int(index) < names.count { dialectName = Array(names[Int(index)]) }
    }

    /// Writes what a server says of itself.
    private func writeNative(
        _ block: SMB1Block,
        _ output: inout TransactionStage
    ) {
        guard block.wordCount == 3 || block.wordCount == 4 else { return }
        var position = block.wordCount == 4 ? Int(block.u16(6)) : 0
        let system = block.native(&position)
        let manager = block.native(&position)
        guard !system.isEmpty || !manager.isEmpty else { return }
        output.text.openObject("response")
        output.member("native_os", system.rawBytes)
        output.member("native_lm", manager.rawBytes)
        output.text.closeObject()
    }
}
