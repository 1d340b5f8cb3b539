// SPDX-License-Identifier: Apache-2.0
// FTP's control connection (RFC 959): one transaction a command with the lines of its reply.
//
//     client   USER a | PASS b | PASV         | RETR f
//     server   331 .. | 230 .. | 227 (h,p)    | 150 .. | 226 ..
//
// The greeting is a transaction without a command. A reply of one hundred and some is followed by another of the same
// command (RFC 959, 4.2.1), which is awaited; PASS shows no password. After AUTH was agreed to, the stream is looked at as
// if it began there.
internal import BeltwayWire

/// A command that waits for its reply.
struct FTPCommand {
    var verb: [UInt8] = []
    var argument: [UInt8] = []
    var isCut = false

    var heldBytes: Int { verb.count + argument.count }
}

/// What is known of one connection.
struct FTPSession {
    var pending: [FTPCommand] = []
    /// Lines of the reply so far and its codes, as elements of JSON arrays.
    var lines: [UInt8] = []
    var codes: [UInt8] = []
    /// Code of the reply whose lines come, 0 between replies.
    var code = 0
    var isReplyCut = false
    /// Port that the data connection will use, 0 if none was agreed.
    var dataPort: UInt16 = 0
    var isPassive = false
    /// What the next data connection is for, until it is noted.
    var announced: FTPTransfer?
    var pendingBytes = 0

    @inline(__always) var heldBytes: Int { pendingBytes + lines.count + codes.count }
}

/// Reads control connections of FTP.
public enum FTPParser {
    /// Columns of the table `ftp`.
    public static let columns = [
        TransactionColumn("command", .text), TransactionColumn("command_data", .text),
    ]

    /// Bytes of a command that are read, as Suricata does by default; what is beyond is cut, and said to be.
    private static var mostLine: Int { 4096 }
    private static var mostReply: Int { 8192 }
    /// Commands that may wait for their replies.
    private static var mostPending: Int { 64 }

    /// Whether a side's first bytes are FTP: a server says so in its greeting, or a client logs in on its port.
    static func probe(_ bytes: RawSpan, from sender: Sender, isOnPort: Bool) -> Probe {
        if sender == .originator {
            guard isOnPort else { return .no }
            for verb in ["USER ", "AUTH ", "FEAT\r", "HOST ", "SYST\r"] where bytes.starts(ignoringCase: verb)
            {
                return .yes
            }
            return bytes.byteCount < 5 ? .unknown : .no
        }
        guard bytes.byteCount >= 4 else { return .unknown }
        guard let line = try? ReplyLine(bytes), line.code == 220 || line.code == 120 || line.code == 421
        else {
            return .no
        }
        if isOnPort { return .yes }
        guard case .complete(let length) = TextLine.framing(of: bytes) else { return .unknown }
        return SMTPParser.contains(bytes.extracting(0..<length), "ftp") ? .yes : .unknown
    }

    /// Takes a line.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ side: inout StreamSide,
        _ session: inout FTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        let length: Int
        var isCut = side.isCut
        switch TextLine.framing(of: bytes, from: side.scanned) {
        case .complete(let count): length = count
        default:
            guard bytes.byteCount >= mostLine else {
                side.scanned = bytes.byteCount
                return .needMore
            }
            length = bytes.byteCount
            isCut = true
        }
        side.scanned = 0
        // The rest of a line that was cut is passed over.
        let isRest = side.isCut
        side.isCut = isCut && bytes.byte(at: length - 1) != 0x0a
        if isRest { return .consumed(length) }
        let line = bytes.extracting(0..<min(length, mostLine))
        let isLong = isCut || length > mostLine
        if isLong {
            if sender == .originator {
                output.anomaly("request_command_too_long", of: "ftp", number: flow.transactions)
            } else {
                output.anomaly("response_command_too_long", of: "ftp", number: flow.transactions)
            }
        }
        if sender == .originator {
            guard session.pending.count < mostPending else { return .malformed }
            command(line, isCut: isLong, &session)
            return .consumed(length)
        }
        return reply(line, length, isCut: isLong, &session, &flow, &output)
    }

    private static func command(_ line: RawSpan, isCut: Bool, _ session: inout FTPSession) {
        let view = TextCommand(line)
        guard view.verb.byteCount > 0 else { return }
        var command = FTPCommand()
        command.verb.append(copyOf: view.verb.field(0..<32))
        if !view.isVerb("PASS") { command.argument.append(copyOf: view.argument) }
        command.isCut = isCut
        session.pendingBytes += command.heldBytes
        session.pending.append(command)
        if view.isVerb("PORT") || view.isVerb("EPRT") {
            session.isPassive = false
            session.dataPort = port(of: view.argument, isExtended: view.isVerb("EPRT"))
        } else if session.dataPort != 0, let transfer = FTPTransfer(view) {
            session.announced = transfer
        }
    }

    private static func reply(
        _ line: RawSpan,
        _ length: Int,
        isCut: Bool,
        _ session: inout FTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        let view = try? ReplyLine(line)
        // Lines between the first and the last of a reply may be anything (RFC 959, 4.2).
        let isWithin = session.code != 0
        if view == nil, !isWithin { return .malformed }
        let code = view?.code ?? 0
        let isLast = view?.isLast == true && (!isWithin || code == session.code)
        append(line, code: view == nil ? nil : line, isCut: isCut, &session)
        if !isWithin { session.code = code }
        guard isLast else { return .consumed(length) }
        let final = session.code
        session.code = 0
        if final < 200, final != 120 { return .consumed(length) }
        if final == 227 || final == 229 {
            session.isPassive = true
            session.dataPort = passivePort(of: line, isExtended: final == 229)
        }
        let isSecured = final == 234 && session.pending.first?.verb.isAUTH == true
        write(isAnswered: true, &session, &flow, &output)
        return isSecured ? .upgraded(length) : .consumed(length)
    }

    private static func append(_ line: RawSpan, code: RawSpan?, isCut: Bool, _ session: inout FTPSession) {
        guard session.lines.count < mostReply else {
            session.isReplyCut = true
            return
        }
        if isCut { session.isReplyCut = true }
        var text = TextBuffer(capacity: 256)
        let end = SMTPParser.lineEnd(line)
        let hasCode = code != nil && end > 3
        text.append(wireString: line.field((hasCode ? 4 : 0)..<max(end, hasCode ? 4 : 0)), most: 4096)
        if !session.lines.isEmpty { session.lines.append(0x2c) }
        session.lines.append(copyOf: text.rawBytes)
        guard let code else { return }
        text.removeAll()
        text.append(wireString: code.field(0..<3))
        if !session.codes.isEmpty { session.codes.append(0x2c) }
        session.codes.append(copyOf: text.rawBytes)
    }

    /// The port of `h1,h2,h3,h4,p1,p2`, or of `|1|address|port|` (RFC 2428); 0 if there is none.
    static func port(of text: RawSpan, isExtended: Bool) -> UInt16 {
        var numbers: [Int] = []
        var value = -1
        for index in 0...text.byteCount {
            let byte: UInt8 = index < text.byteCount ? text.byte(at: index) : 0x2c
            let digit = Int(byte) - 0x30
            if 0...9 ~= digit {
                value = min(max(value, 0) * 10 + digit, 1 << 20)
            } else if value >= 0 {
                numbers.append(value)
                value = -1
                if numbers.count > 32 { return 0 }
            }
        }
        if isExtended { return numbers.last.flatMap { UInt16(exactly: $0) } ?? 0 }
        guard numbers.count >= 6 else { return 0 }
        let (high, low) = (numbers[numbers.count - 2], numbers[numbers.count - 1])
        return high < 256 && low < 256 ? UInt16(high << 8 | low) : 0
    }

    private static func passivePort(of line: RawSpan, isExtended: Bool) -> UInt16 {
        let start = line.firstIndex(of: 0x28) ?? min(4, line.byteCount)
        let end = line.firstIndex(of: 0x29, from: start) ?? line.byteCount
        return port(of: line.field(start..<end), isExtended: isExtended)
    }

    /// Writes what waits at the end of a flow.
    static func finish(
        _ session: inout FTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        while !session.pending.isEmpty { write(isAnswered: !session.lines.isEmpty, &session, &flow, &output) }
    }

    private static func write(
        isAnswered: Bool,
        _ session: inout FTPSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        output.begin(.ftp, number: flow.transactions, object: "ftp")
        var isCut = false
        if !session.pending.isEmpty {
            let command = session.pending.removeFirst()
            session.pendingBytes -= command.heldBytes
            output.member("command", command.verb.rawBytes, column: 0)
            output.member("command_data", command.argument.rawBytes, column: 1)
            isCut = command.isCut
            if session.dataPort != 0, command.setsDataPort {
                output.text.member("dynamic_port", UInt64(session.dataPort))
                if session.isPassive {
                    output.text.member("mode", literal: "passive")
                } else {
                    output.text.member("mode", literal: "active")
                }
            }
        }
        output.text.member("command_truncated", isCut)
        if isAnswered {
            output.member("completion_code", elements: session.codes)
            output.member("reply", elements: session.lines)
            output.text.member("reply_received", literal: "yes")
        } else {
            output.text.member("reply_received", literal: "no")
        }
        output.text.member("reply_truncated", session.isReplyCut)
        output.end()
        flow.transactions &+= 1
        session.lines = []
        session.codes = []
        session.isReplyCut = false
    }
}

extension FTPCommand {
    /// Whether it agrees on the data connection's port.
    var setsDataPort: Bool {
        for name in ["PORT", "EPRT", "PASV", "EPSV"] where verb.rawBytes.equals(ignoringCase: name) {
            return true
        }
        return false
    }
}

extension [UInt8] {
    var isAUTH: Bool { rawBytes.equals(ignoringCase: "AUTH") }
}
