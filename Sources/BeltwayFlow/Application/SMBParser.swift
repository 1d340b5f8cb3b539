// SPDX-License-Identifier: Apache-2.0
// SMB 1, 2 and 3: one transaction a request with its answer; one for all that is read of an opened file and one for all
// that is written to it; one for each call over a pipe.
//
//     stream   | head 4 | message | head 4 | READ's answer ........................ | head 4 | message
//                         `- in place         `- its first bytes; the rest is passed over, never kept
//
// Messages up to `mostWhole` bytes are read whole. Of a longer one, and of data that is read or written, the beginning is
// enough. Encrypted messages are counted, compressed ones passed over. What is lost inside a message does not disturb the next;
// if a head is lost, the next message is looked for.
internal import BeltwayWire

/// Reads SMB connections.
public enum SMBParser {
    /// Columns of the table `smb`.
    public static let columns = [
        TransactionColumn("command", .text), TransactionColumn("status", .text),
        TransactionColumn("filename", .text), TransactionColumn("share", .text),
        TransactionColumn("user", .text), TransactionColumn("host", .text),
        TransactionColumn("session_id", .number), TransactionColumn("response_us", .number),
    ]

    /// The places of ``columns``.
    enum Column {
        static let command = 0
        static let status = 1
        static let filename = 2
        static let share = 3
        static let user = 4
        static let host = 5
        static let sessionID = 6
        static let responseTime = 7
    }

    /// Bytes of a message that are waited for, and of one that carries a file's data.
    private static var mostWhole: Int { 16_384 }
    private static var mostOfTransfer: Int { 2048 }
    /// Bytes of a message that carries a file's data without which it says nothing.
    private static var leastOfTransfer: Int { 128 }

    /// Takes a message, or what is here of one.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ side: inout StreamSide,
        _ session: inout SMBSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        if session[sender].passedOver > 0 {
            let count = min(session[sender].passedOver, bytes.byteCount)
            session[sender].passedOver -= count
            session.takeMore(bytes.extracting(first: count), from: sender)
            return .consumed(count)
        }
        session[sender].awaited = 0
        if side.isResyncing {
            let (skipped, isFound) = SMBStream.resynchronise(bytes)
            if isFound { side.isResyncing = false }
            if skipped > 0 { return .consumed(skipped) }
            if !isFound { return .needMore }
        }
        guard bytes.byteCount >= NetBIOSSessionHead.length else { return .needMore }
        guard let head = NetBIOSSessionHead(bytes) else {
            side.isResyncing = true
            return .damaged(1)
        }
        let total = NetBIOSSessionHead.length + head.count
        let here = min(total, bytes.byteCount)
        let message = bytes.extracting(NetBIOSSessionHead.length..<here)
        if head.type == NetBIOSSessionHead.message, message.byteCount >= 4 {
            guard SMBForm(message) != nil else {
                side.isResyncing = true
                return .damaged(1)
            }
        }
        guard here == total || isEnough(message) || head.type != NetBIOSSessionHead.message else {
            session[sender].awaited = total
            session[sender].present = bytes.byteCount
            return .needMore
        }
        session[sender].passedOver = total - here
        session[sender].data = nil
        let isRead =
            head.type != NetBIOSSessionHead.message
            || session.message(message, from: sender, isWhole: here == total, &flow, &output)
        return isRead ? .consumed(here) : .damaged(here)
    }

    /// Whether the beginning of a message is all that is looked at.
    private static func isEnough(_ message: RawSpan) -> Bool {
        switch SMBForm(message) {
        case .encrypted: return message.byteCount >= SMB2Transform.length
        case .compressed: return true
        default: break
        }
        guard message.byteCount >= leastOfTransfer else { return false }
        if message.byteCount >= mostWhole { return true }
        guard message.byteCount >= mostOfTransfer else { return false }
        if let header = try? SMB2Header(message) {
            let command: SMB2Command = header.isAnswer ? .read : .write
            return header.command == command.rawValue && header.nextCommand == 0
        }
        guard let header = try? SMB1Header(message) else { return false }
        return header.isAnswer ? header.command == 0x2e : header.command == 0x2f || header.command == 0x0b
    }

    /// Bytes of one direction are lost: those of a message whose length is known are not missed.
    static func lost(
        from sender: Sender,
        _ length: UInt64,
        _ side: inout StreamSide,
        _ session: inout SMBSession
    ) {
        var rest = session[sender].passedOver
        if session[sender].awaited > 0 { rest = session[sender].awaited - session[sender].present }
        if session[sender].awaited > 0 { session[sender].data = nil }
        session[sender].awaited = 0
        session.loseMore(Int(min(length, UInt64(rest))), from: sender)
        if length <= UInt64(rest) {
            session[sender].passedOver = rest - Int(length)
        } else {
            session[sender].data = nil
            session[sender].passedOver = 0
            side.isResyncing = true
        }
    }

    /// Writes what waits at the end of a flow, in the order in which it began.
    static func finish(
        _ session: inout SMBSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        var calls: [UInt32: SMBCall] = [:]
        var waiting: [SMBRequest] = []
        while !session.pending.isEmpty { waiting.append(session.take(at: session.pending.count - 1)) }
        while !session.calls.isEmpty {
            let call = session.takeCall(at: session.calls.count - 1)
            waiting.append(call.request)
            calls[call.request.id] = call
        }
        for file in session.files.values {
            if let read = file.read { waiting.append(read) }
            if let written = file.written { waiting.append(written) }
        }
        waiting += session.encrypted.map(\.request)
        waiting.sort { $0.id < $1.id }
        for request in waiting {
            if let call = calls[request.id] {
                session.write(call, status: call.request.status, isAnswered: false, &output)
            } else if request.kind == .encrypted {
                session.writeEncrypted(request, &output)
            } else if request.kind == .transfer {
                session.writeTransfer(request, session.files[request.file], status: nil, &output)
            } else {
                session.writeUnanswered(request, &output)
            }
        }
        session = SMBSession()
    }
}

extension SMBSession {
    /// Reads a message, whole or its beginning.
    ///
    /// - Returns: False if it is damaged.
    mutating func message(
        _ bytes: RawSpan,
        from sender: Sender,
        isWhole: Bool,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> Bool {
        switch SMBForm(bytes) {
        case .smb2: compound(bytes, &flow, &output)
        case .smb1: message1(bytes, &flow, &output)
        case .encrypted: noteEncrypted(bytes, from: sender, &flow, at: output.packet.time)
        case .compressed: true
        case nil: false
        }
    }

    /// Reads the messages of a compound of SMB 2, one behind the other.
    private mutating func compound(
        _ bytes: RawSpan,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> Bool {
        var start = 0
        openedLast = SMBIdentifier()
        while true {
            let rest = bytes.extracting(droppingFirst: start)
            guard let header = try? SMB2Header(rest) else { return false }
            let next = header.nextCommand
            let isLast = next < SMB2Header.length || next >= rest.byteCount
            let message = isLast ? rest : rest.extracting(first: next)
            if header.isAnswer {
                answer2(message, &flow, &output)
            } else {
                request2(message, &flow, &output)
            }
            if isLast { return true }
            start += next
        }
    }
}
