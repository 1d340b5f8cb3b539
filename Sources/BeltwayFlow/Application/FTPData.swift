// SPDX-License-Identifier: Apache-2.0
// FTP's data connections: announced on the control connection, claimed by their first bytes.
//
//     control   PASV | 227 (h,p) | RETR f | 150 ..          announced: endpoint h:p, RETR, f
//     data                        SYN ..    bytes ..  FIN   claimed by its responder's endpoint --> ftp_data, fileinfo
//
// Who announces and who claims is the same worker: flows are shared out by their pair of addresses, which the two
// connections have in common (so nothing is locked, and the announcement is always read first). Where they are shared out
// by the whole tuple (`share: flow`), and between three hosts (RFC 959, 5.2), the connection is a flow like any other.
//
// The address is that of the control connection and not the one that is written in it: an address behind a translator
// is no use, and a forged one would claim connections of strangers.
//
// Invariant. No more than `mostExpected` announcements wait, none longer than `longest`; the oldest makes room.
internal import BeltwayWire

/// A data connection that will come.
struct FTPExpectation {
    /// Who will be connected to.
    var address = IPAddress.zero
    var port: UInt16 = 0
    /// Who will connect.
    var peer = IPAddress.zero
    /// Tunnel of both (``TransactionRecord/tunnelKey``).
    var tunnelKey: UInt32 = 0
    /// When it was announced.
    var time = Timestamp.zero
    var transfer = FTPTransfer()
}

/// What a data connection is for.
struct FTPTransfer {
    var command: [UInt8] = []
    /// Name of the file as a JSON string; empty for a list.
    var name: [UInt8] = []

    @inline(__always) var heldBytes: Int { command.count + name.count }

    /// The transfer that a command begins (RFC 959, 4.1.3; RFC 3659, 7), or nil.
    init?(_ command: TextCommand) {
        self.command.append(copyOf: command.verb.field(0..<8))
        for (index, name) in ["RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD"].enumerated()
        where command.isVerb(name) {
            if index < 4 { self.name = FileEvents.name(command.argument) }
            // The server chooses the name.
            if index == 3, self.name.isEmpty { self.name = Array("\"<stou>\"".utf8) }
            return
        }
        return nil
    }

    init() {}
}

/// Announcements that wait for their connections: by endpoint, and in the order in which they came.
///
/// Invariant. Each one of `expected` is in `order` from `head` on, with its number; what else is there was claimed or
/// announced again, and is passed over when it is the oldest.
struct FTPExpectations {
    /// Announcements that wait at a time.
    static var mostExpected: Int { 1024 }
    /// Nanoseconds that an announcement holds: clients connect at once.
    private static var longest: UInt64 { 120_000_000_000 }

    private struct Endpoint: Hashable {
        var address: IPAddress
        var peer: IPAddress
        var port: UInt16
        var tunnelKey: UInt32
    }

    private var expected: [Endpoint: (number: UInt64, expectation: FTPExpectation)] = [:]
    private var order: [(number: UInt64, endpoint: Endpoint)] = []
    private var head = 0
    private var announced: UInt64 = 0

    /// Whether nothing is expected, which is nearly always so.
    var isEmpty: Bool { expected.isEmpty }
    /// How many are expected.
    var count: Int { expected.count }

    /// Expects a connection; one to the same endpoint takes the place of what was expected there before.
    mutating func announce(_ expectation: FTPExpectation) {
        let endpoint = Endpoint(
            address: expectation.address,
            peer: expectation.peer,
            port: expectation.port,
            tunnelKey: expectation.tunnelKey
        )
        announced &+= 1
        expected[endpoint] = (announced, expectation)
        order.append((announced, endpoint))
        if expected.count > FTPExpectations.mostExpected { dropOldest() }
        passOver()
    }

    /// What the connection of a packet is for, if it was announced; it is then not expected any more.
    mutating func claim(_ packet: TransactionRecord) -> FTPTransfer? {
        let now = packet.time.nanoseconds
        while let oldest = eldest(), oldest.time.nanoseconds &+ FTPExpectations.longest < now { dropOldest() }
        let endpoint = Endpoint(
            address: packet.destination,
            peer: packet.source,
            port: packet.destinationPort,
            tunnelKey: packet.tunnelKey
        )
        guard let found = expected.removeValue(forKey: endpoint) else { return nil }
        passOver()
        // Announced out of order: its time has passed all the same.
        guard found.expectation.time.nanoseconds &+ FTPExpectations.longest >= now else { return nil }
        return found.expectation.transfer
    }

    private mutating func eldest() -> FTPExpectation? {
        passOver()
        return head < order.count ? expected[order[head].endpoint]?.expectation : nil
    }

    private mutating func dropOldest() {
        passOver()
        guard head < order.count else { return }
        expected[order[head].endpoint] = nil
        head += 1
    }

    /// Passes over what is not expected any more, and lets go of it before it is most of the list.
    private mutating func passOver() {
        while head < order.count, expected[order[head].endpoint]?.number != order[head].number { head += 1 }
        guard head > FTPExpectations.mostExpected || order.count > 4 * FTPExpectations.mostExpected else {
            return
        }
        order = order[head...].filter { expected[$0.endpoint]?.number == $0.number }
        head = 0
    }
}

/// What is known of a data connection.
struct FTPDataSession {
    var transfer = FTPTransfer()
    var file: FileTracker?
    /// Who sends.
    var sender: Sender?

    @inline(__always) var heldBytes: Int { transfer.heldBytes + (file?.heldBytes ?? 0) }
}

/// Reads FTP's data connections.
public enum FTPDataParser {
    /// Columns of the table `ftp_data`.
    public static let columns = [
        TransactionColumn("filename", .text), TransactionColumn("command", .text),
    ]

    /// Takes what is sent.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout FTPDataSession,
        _ output: inout TransactionStage
    ) -> ParserStep {
        begin(sender, &session, output.files)
        if sender == session.sender { session.file?.take(bytes) }
        return .consumed(bytes.byteCount)
    }

    /// Bytes are lost.
    static func lost(
        _ length: UInt64,
        from sender: Sender,
        _ session: inout FTPDataSession,
        _ settings: FileSettings
    ) {
        begin(sender, &session, settings)
        if sender == session.sender { session.file?.lose(length) }
    }

    private static func begin(_ sender: Sender, _ session: inout FTPDataSession, _ settings: FileSettings) {
        guard session.sender == nil else { return }
        session.sender = sender
        guard settings.isOn, !session.transfer.name.isEmpty else { return }
        session.file = FileTracker(name: session.transfer.name, isNamed: false, settings)
    }

    /// A direction has ended, and with it what it sent.
    static func sideEnded(
        _ sender: Sender,
        _ session: inout FTPDataSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard sender == session.sender else { return }
        session.file?.isComplete = true
        finish(&session, &flow, &output)
    }

    /// Writes the file and the connection at its end.
    static func finish(
        _ session: inout FTPDataSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard flow.transactions == 0 else { return }
        if let file = session.file {
            session.file = nil
            output.begin(
                .fileinfo,
                number: 0,
                object: "ftp_data",
                showsNumber: false,
                turned: session.sender == .responder
            )
            members(session, marks: false, &output)
            output.endFile(file, application: "ftp-data", number: 0)
        }
        output.begin(.ftpData, number: 0, object: "ftp_data")
        members(session, marks: true, &output)
        output.end()
        flow.transactions = 1
    }

    private static func members(_ session: FTPDataSession, marks: Bool, _ output: inout TransactionStage) {
        if !session.transfer.name.isEmpty {
            output.text.member("filename")
            output.beginValue()
            output.text.append(session.transfer.name.span)
            if marks { output.mark(0) }
        }
        output.member("command", session.transfer.command.rawBytes, column: marks ? 1 : nil)
    }
}

extension ApplicationStage {
    /// Takes a line of a control connection, and notes what it announces.
    mutating func stepFTP(
        _ bytes: RawSpan,
        from sender: Sender,
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow
    ) -> ParserStep {
        let step = FTPParser.step(bytes, from: sender, &state[sender], &ftp[state.session], &flow, &output)
        if let transfer = ftp[state.session].announced {
            ftp[state.session].announced = nil
            let isPassive = ftp[state.session].isPassive
            var expectation = FTPExpectation()
            expectation.address = isPassive ? output.packet.destination : output.packet.source
            expectation.peer = isPassive ? output.packet.source : output.packet.destination
            expectation.port = ftp[state.session].dataPort
            expectation.tunnelKey = output.packet.tunnelKey
            expectation.time = output.packet.time
            expectation.transfer = transfer
            if expectation.port != 0 { expectedFTP.announce(expectation) }
        }
        return step
    }

    /// Whether the flow that sends its first bytes was announced: it is FTP's data then.
    mutating func claimFTPData(_ state: inout StreamState, _ flow: inout ApplicationFlow) {
        guard let transfer = expectedFTP.claim(output.packet) else { return }
        var session = FTPDataSession()
        session.transfer = transfer
        flow.application = .ftpData
        flow.phase = .parsing
        state.session = ftpData.take(session)
    }
}
