// SPDX-License-Identifier: Apache-2.0
// QUIC: a transaction for the client's hello and one for the server's, from Initial packets, which anyone can open.
//
//     datagram --> packets with long headers --Initial--> opened (QUICKeys) --> CRYPTO frames, put together
//                                             `--Retry, Version Negotiation--> the client may begin again
//              --> Google's QUIC up to Q046: the client's hello lies open
//
// A hello may be cut into frames, packets and datagrams in any order. When both are known, or after `mostDatagrams`,
// the flow is over for this parser: the rest is encrypted. Wire bounds what is kept of one side (16 KiB).
internal import BeltwayWire

/// What is known of a connection.
struct QUICSession {
    /// Version and destination connection id of the client's first packet: what the keys follow from.
    var version: UInt32 = 0
    var connectionID: [UInt8] = []
    var hasKeys = false
    /// Whether the server sent the client back to begin with another connection id or version.
    var mayBeginAgain = false
    var client = QUICCryptoJoiner()
    var server = QUICCryptoJoiner()
    /// Whose hello was written.
    var hasClientHello = false
    var hasServerHello = false
    /// Datagrams so far.
    var datagrams = 0

    /// Bytes of memory that it holds, about.
    var heldBytes: Int { connectionID.count + client.heldLength + server.heldLength }

    /// Forgets all but how much was looked at: the client begins again.
    mutating func restart() {
        let count = datagrams
        self = QUICSession()
        datagrams = count
    }
}

/// Turns QUIC's hellos into transactions.
public enum QUICParser {
    /// Columns of the table `quic`.
    public static let columns = [
        TransactionColumn("sni", .text), TransactionColumn("version", .text),
        TransactionColumn("ja3", .text), TransactionColumn("ja3s", .text), TransactionColumn("ja4", .text),
        TransactionColumn("ua", .text), TransactionColumn("cyu", .text),
    ]

    enum Column {
        static var name: Int { 0 }
        static var version: Int { 1 }
        static var ja3: Int { 2 }
        static var ja3s: Int { 3 }
        static var ja4: Int { 4 }
        static var agent: Int { 5 }
        static var cyu: Int { 6 }
    }

    /// Datagrams of a flow that are looked at.
    static var mostDatagrams: Int { 64 }
    /// Packets of one datagram that are looked at.
    static var mostPackets: Int { 16 }

    /// Whether a datagram begins with QUIC, on whatever port it came.
    static func isLikely(_ bytes: RawSpan) -> Bool {
        QUICLongHeader.probe(bytes) == .yes || GQUICHello.probe(bytes) == .yes
    }

    /// Takes one datagram.
    ///
    /// - Parameters:
    ///   - bytes: The datagram.
    ///   - toResponder: Its direction.
    ///   - session: What is known of the connection.
    ///   - number: Number of the flow's next transaction; grows.
    ///   - output: Takes the transactions.
    /// - Returns: Whether more of the flow is wanted.
    static func datagram(
        _ bytes: RawSpan,
        toResponder: Bool,
        _ session: inout QUICSession,
        number: inout UInt32,
        _ output: inout TransactionStage
    ) -> Bool {
        session.datagrams += 1
        if let hello = GQUICHello(bytes) {
            writeGoogle(hello, number: number, turned: !toResponder, &output)
            number &+= 1
        } else {
            packets(bytes, toResponder: toResponder, &session, number: &number, &output)
        }
        if session.hasClientHello, session.hasServerHello { return false }
        return session.datagrams < mostDatagrams
    }

    private static func packets(
        _ bytes: RawSpan,
        toResponder: Bool,
        _ session: inout QUICSession,
        number: inout UInt32,
        _ output: inout TransactionStage
    ) {
        var start = 0
        for _ in 0..<mostPackets where start < bytes.byteCount {
            let rest = bytes.extracting(start..<bytes.byteCount)
            guard let header = try? QUICLongHeader(rest) else { return }
            switch header.kind {
            case .initial:
                let sender = toResponder ? Sender.originator : .responder
                initial(header, from: sender, &session, number: &number, &output)
            case .retry, .versionNegotiation: session.mayBeginAgain = true
            case .handshake, .zeroRTT: break
            }
            start += max(header.length, 1)
        }
    }

    private static func initial(
        _ packet: borrowing QUICLongHeader,
        from sender: Sender,
        _ session: inout QUICSession,
        number: inout UInt32,
        _ output: inout TransactionStage
    ) {
        let isDone = sender == .originator ? session.hasClientHello : session.hasServerHello
        if isDone, sender == .responder || !session.mayBeginAgain { return }
        guard let frames = open(packet, from: sender, isDone: isDone, &session) else { return }
        var list = QUICCryptoFrames(frames.rawBytes)
        // One at a time: exclusive access to a side is over before the next begins.
        var joiner = sender == .originator ? session.client : session.server
        while let frame = list.next() { joiner.take(frames.rawBytes.field(frame.data), at: frame.offset) }
        let isWritten = write(
            joiner.contiguous,
            from: sender,
            version: packet.version,
            number: number,
            &output
        )
        if isWritten { number &+= 1 }
        let isOver = isWritten || joiner.isBroken
        if isOver { joiner = QUICCryptoJoiner() }
        if sender == .originator {
            session.client = joiner
            session.hasClientHello = isOver
        } else {
            session.server = joiner
            session.hasServerHello = isOver
        }
    }

    /// The frames of an Initial packet; a client's may begin a connection, or begin it anew with other keys.
    ///
    /// - Parameters:
    ///   - packet: The packet.
    ///   - sender: Who sent it.
    ///   - isDone: Whether the sender's hello is known: then only other keys are tried.
    ///   - session: What is known of the connection; begins anew if other keys fit.
    /// - Returns: The frames, or nil if no keys fit.
    private static func open(
        _ packet: borrowing QUICLongHeader,
        from sender: Sender,
        isDone: Bool,
        _ session: inout QUICSession
    ) -> [UInt8]? {
        if session.hasKeys, !isDone {
            let keys = QUICKeys(
                version: session.version,
                connectionID: session.connectionID,
                sender: sender
            )
            if let frames = keys?.open(packet) { return frames }
        }
        guard sender == .originator else { return nil }
        let connectionID = QUICKeys.copy(packet.destinationID)
        if isDone, connectionID == session.connectionID, packet.version == session.version { return nil }
        let keys = QUICKeys(version: packet.version, connectionID: connectionID, sender: sender)
        guard let frames = keys?.open(packet) else { return nil }
        session.restart()
        session.version = packet.version
        session.connectionID = connectionID
        session.hasKeys = true
        return frames
    }

    /// Writes the hello at the start of a side's handshake; false if it is not whole yet, or none.
    private static func write(
        _ handshake: RawSpan,
        from sender: Sender,
        version: UInt32,
        number: UInt32,
        _ output: inout TransactionStage
    ) -> Bool {
        // Q050 carries its own hello in CRYPTO frames.
        if let hello = GQUICHello(message: handshake, version: version) {
            writeGoogle(hello, number: number, turned: sender == .responder, &output)
            return true
        }
        guard let message = try? TLSHandshake(handshake) else { return false }
        switch (message.kind, sender) {
        case (.clientHello, .originator):
            guard let hello = try? TLSClientHello(message.body) else { return false }
            writeClient(hello, version: version, number: number, &output)
            return true
        case (.serverHello, .responder):
            guard let hello = try? TLSServerHello(message.body) else { return false }
            writeServer(hello, version: version, number: number, &output)
            return true
        default: return false
        }
    }
}
