// SPDX-License-Identifier: Apache-2.0
// SMB 1: what each block of a request makes wait; what the block of its answer completes is in SMBParser+SMB1Answers.
//
//     header | SESSION_SETUP_ANDX --> | TREE_CONNECT_ANDX --> | OPEN ...      a chain: every block a transaction
internal import BeltwayWire

/// Commands of SMB 1 that say more than their name ([MS-CIFS], 2.2.2.1).
enum SMB1Command {
    static let close: UInt8 = 0x04
    static let rename: UInt8 = 0x07
    static let write: UInt8 = 0x0b
    static let lockingAndX: UInt8 = 0x24
    static let transaction: UInt8 = 0x25
    static let readAndX: UInt8 = 0x2e
    static let writeAndX: UInt8 = 0x2f
    static let transaction2: UInt8 = 0x32
    static let transaction2Secondary: UInt8 = 0x33
    static let treeDisconnect: UInt8 = 0x71
    static let negotiate: UInt8 = 0x72
    static let sessionSetup: UInt8 = 0x73
    static let treeConnect: UInt8 = 0x75
    static let createAndX: UInt8 = 0xa2
    static let cancel: UInt8 = 0xa4

    /// Whether another block may follow.
    static func hasNext(_ command: UInt8) -> Bool {
        switch command {
        case lockingAndX, 0x2d, readAndX, writeAndX, sessionSetup, 0x74, treeConnect, createAndX: true
        default: false
        }
    }
}

extension SMBSession {
    /// Takes a message: its blocks, one after the other.
    ///
    /// - Returns: False if its header is damaged.
    mutating func message1(
        _ message: RawSpan,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> Bool {
        guard let header = try? SMB1Header(message) else { return false }
        var command = header.command
        var offset = SMB1Header.length
        // Clients chain two or three; seven bytes make a block.
        for _ in 0..<8 {
            let block = SMB1Block(message, at: offset, isUnicode: header.isUnicode)
            if header.isAnswer {
                answer1(command, header, block, &flow, &output)
            } else if let block {
                request1(command, header, block, &flow, &output)
            }
            guard let block, SMB1Command.hasNext(command), let next = block.next else { return true }
            (command, offset) = next
        }
        return true
    }

    func key(_ header: borrowing SMB1Header) -> UInt64 {
        UInt64(header.processID) << 16 | UInt64(header.multiplexID)
    }

    func file(_ number: UInt16, _ header: borrowing SMB1Header) -> SMBIdentifier {
        SMBIdentifier(high: UInt64(number), low: UInt64(header.userID))
    }

    func describe(_ request: inout SMBRequest, _ command: UInt8, _ header: borrowing SMB1Header) {
        request.isSMB2 = false
        request.command = UInt16(command)
        request.key = key(header)
        request.sessionID = UInt64(header.userID)
        request.treeID = UInt32(header.treeID)
    }

    private mutating func request1(
        _ command: UInt8,
        _ header: borrowing SMB1Header,
        _ block: borrowing SMB1Block,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        switch command {
        case SMB1Command.readAndX:
            let high = block.wordCount >= 12 ? UInt64(block.u32(20)) << 32 : 0
            let place = high | UInt64(block.u32(6))
            return remember(file(block.u16(4), header), at: place, readBy: key(header))
        case SMB1Command.writeAndX:
            let count = Int(block.u16(18)) << 16 | Int(block.u16(20))
            return write1(
                command,
                header,
                file(block.u16(4), header),
                block.stretch(Int(block.u16(22)), count),
                at: (block.wordCount >= 14 ? UInt64(block.u32(24)) << 32 : 0) | UInt64(block.u32(6)),
                count: count,
                skip: block.missing(before: Int(block.u16(22))),
                &flow,
                &output
            )
        case SMB1Command.write:
            // A format and a length stand before the data ([MS-CIFS], 2.2.4.12.1).
            let id = file(block.u16(0), header)
            let isFile = !isPipe(UInt64(header.userID), UInt32(header.treeID), block.bytes)
            let data = isFile ? block.bytes.field(3..<3 + Int(block.u16(2))) : block.bytes
            let (place, count) = (UInt64(block.u32(4)), Int(block.u16(2)))
            return write1(command, header, id, data, at: place, count: count, skip: 0, &flow, &output)
        case SMB1Command.transaction:
            guard block.wordCount >= 16, block.u16(28) == 0x26 else { return }
            var origin = SMBRequest()
            describe(&origin, command, header)
            origin.file = file(block.u16(30), header)
            return call(block.stretch(Int(block.u16(24)), Int(block.u16(22))), origin, &flow, &output)
        case SMB1Command.transaction2:
            return changed1(header, block, &flow, &output)
        default: break
        }
        var request = make(.plain, &flow, at: output.packet.time)
        describe(&request, command, header)
        describe(&request, command, header, block)
        if command == SMB1Command.close { closeFile(request.file, &output) }
        switch command {
        case SMB1Command.cancel, SMB1Command.transaction2Secondary:
            // Nothing answers them.
            writeUnanswered(request, &output)
        default:
            if let oldest = wait(request) { writeUnanswered(oldest, &output) }
        }
    }

    private mutating func write1(
        _ command: UInt8,
        _ header: borrowing SMB1Header,
        _ id: SMBIdentifier,
        _ data: RawSpan,
        at offset: UInt64,
        count: Int,
        skip: Int,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        var origin = SMBRequest()
        describe(&origin, command, header)
        origin.file = id
        if isPipe(origin.sessionID, origin.treeID, data) {
            call(data, origin, &flow, &output)
        } else {
            transfer(of: id, isWrite: true, by: origin, &flow, output.packet.time)
            let key = SMBContentKey(file: id, isWrite: true)
            take(data, of: key, at: offset, count: count, skip: skip, output.files)
        }
    }

    /// Notes what a request says, by its command.
    private mutating func describe(
        _ request: inout SMBRequest,
        _ command: UInt8,
        _ header: borrowing SMB1Header,
        _ block: borrowing SMB1Block
    ) {
        var writer = FragmentWriter()
        var position = 0
        switch command {
        case SMB1Command.negotiate:
            request.kind = .negotiate
            offer(block.bytes, &writer)
        case SMB1Command.sessionSetup:
            request.kind = .sessionSetup
            writer.logon(block)
        case SMB1Command.treeConnect:
            request.kind = .treeConnect
            position = Int(block.u16(6))
            block.appendString(at: &position, to: &request.name)
            var service: [UInt8] = []
            block.appendString(at: &position, isASCII: true, most: 32, to: &service)
            writer.member("request", nil, service.rawBytes)
        case SMB1Command.treeDisconnect:
            disconnect(SMBTreeKey(sessionID: request.sessionID, treeID: request.treeID))
        case SMB1Command.createAndX where block.wordCount >= 24:
            request.kind = .create
            block.appendString(at: &position, to: &request.name)
            let options = block.u32(39)
            writer.append(opened: request.name.rawBytes, disposition: block.u32(35), options: options)
        case SMB1Command.close: request.file = file(block.u16(0), header)
        case SMB1Command.rename:
            // Each name has a byte 4 before it.
            var old: [UInt8] = []
            var new: [UInt8] = []
            position = 1
            block.appendString(at: &position, to: &old)
            position += 1
            block.appendString(at: &position, to: &new)
            request.kind = .rename
            writer.append(renamed: old.rawBytes, new.rawBytes)
        default: break
        }
        request.members = writer.end()
    }

    /// Notes the dialects that a client offers.
    private mutating func offer(_ bytes: RawSpan, _ writer: inout FragmentWriter) {
        offered = []
        writer.text.openArray("client_dialects")
        var position = 0
        var count = 0
        while position + 1 < bytes.byteCount, bytes.byte(at: position) == 2, count < 64 {
            let end = bytes.firstIndex(of: 0, from: position + 1) ?? bytes.byteCount
            let name = bytes.field(position + 1..<min(end, position + 65))
            writer.text.separate()
            writer.text.append(wireString: name, most: 64)
            offered.append(copyOf: name)
            offered.append(0)
            position = end + 1
            count += 1
        }
        writer.text.closeArray()
    }

    /// Renaming and deleting through TRANS2 ([MS-CIFS], 2.2.6.7 and 2.2.6.9) are transactions; other uses are not.
    private mutating func changed1(
        _ header: borrowing SMB1Header,
        _ block: borrowing SMB1Block,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        let subcommand = block.u16(28)
        guard block.wordCount >= 15, subcommand == 6 || subcommand == 8 else { return }
        let parameters = block.stretch(Int(block.u16(20)), Int(block.u16(18)))
        let data = block.stretch(Int(block.u16(24)), Int(block.u16(22)))
        guard parameters.byteCount >= 4 else { return }
        let level = parameters.littleEndian16(at: subcommand == 6 ? 0 : 2)
        guard level == 1010 || level == 1013 else { return }
        var name: [UInt8] = []
        if subcommand == 6 {
            let path = parameters.field(6..<parameters.byteCount)
            if header.isUnicode { name.append(utf16: path) } else { name.append(copyOf: path) }
        } else {
            name = files[file(parameters.littleEndian16(at: 0), header)]?.name ?? Array("<unknown>".utf8)
        }
        var request = make(.plain, &flow, at: output.packet.time)
        describe(&request, SMB1Command.transaction2, header)
        var writer = FragmentWriter()
        if level == 1010 {
            var new: [UInt8] = []
            request.kind = .rename
            if data.byteCount > 12 { new.append(utf16: data.field(12..<data.byteCount)) }
            writer.append(renamed: name.rawBytes, new.rawBytes)
        } else {
            request.kind = .setInformation
            let isDeleted = data.byteCount > 0 && data.byte(at: 0) != 0
            writer.append(deleted: name.rawBytes, isDeleted: isDeleted)
            if subcommand == 6 {
                writer.text.member("subcmd", literal: "SET_PATH_INFO")
            } else {
                writer.text.member("subcmd", literal: "SET_FILE_INFO")
            }
            writer.text.member("level_of_interest", literal: "Set Disposition Information")
        }
        request.members = writer.end()
        if let oldest = wait(request) { writeUnanswered(oldest, &output) }
    }
}

extension FragmentWriter {
    /// Appends who logs on with SESSION_SETUP_ANDX, and with which system ([MS-SMB], 2.2.4.6.1; [MS-CIFS], 2.2.4.53.1).
    fileprivate mutating func logon(_ block: borrowing SMB1Block) {
        var position = 0
        switch block.wordCount {
        case 12:
            position = Int(block.u16(14))
            append(token: block.bytes.field(0..<position))
        case 13:
            position = Int(block.u16(14)) + Int(block.u16(16))
            let user = block.native(&position)
            let domain = block.native(&position)
            if !user.isEmpty {
                text.openObject("ntlmssp")
                member("domain", nil, domain.rawBytes)
                member("user", SMBParser.Column.user, user.rawBytes)
                text.closeObject()
            }
        default: return
        }
        let system = block.native(&position)
        let manager = block.native(&position)
        guard !system.isEmpty || !manager.isEmpty else { return }
        text.openObject("request")
        member("native_os", nil, system.rawBytes)
        member("native_lm", nil, manager.rawBytes)
        text.closeObject()
    }
}

extension SMB1Block {
    /// The name at a position, cut to what is shown of it.
    func native(_ position: inout Int) -> [UInt8] {
        var name: [UInt8] = []
        appendString(at: &position, most: 256, to: &name)
        return name
    }
}
