// SPDX-License-Identifier: Apache-2.0
// DTLS (RFC 6347, RFC 9147): the handshake of TLS in datagrams, whose messages may come in fragments and more than once.
internal import BeltwayWire

extension TLSParser {
    /// Takes the records of one datagram.
    static func datagram(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout TLSSession,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        if output.wantsDetails, session.log.isEmpty {
            session.log.append(TLSLog(start: output.packet.time))
        }
        var position = 0
        while position < bytes.byteCount {
            let rest = bytes.extracting(droppingFirst: position)
            guard case .complete(let length) = DTLSRecord.framing(of: rest),
                let record = try? DTLSRecord(rest)
            else { return .malformed }
            position += length
            // From epoch 1 on all is encrypted.
            guard record.epoch == 0, record.content != .applicationData else {
                let isOver = session.hasServerHello && session.encrypts(sender)
                if session.hasServerHello { writeEvent(&session, &flow, &output) }
                return isOver ? .flowOver : .consumed(bytes.byteCount)
            }
            if record.content == .handshake { read(record.fragment, from: sender, &session) }
            if !session.log.isEmpty { session.log[0].note(record, from: sender) }
        }
        let isComplete = session.hasServerHello && (session.version == 0xfefc || session.hasCertificate)
        guard isComplete, session.hasClientHello else { return .consumed(bytes.byteCount) }
        // The event is due; the log goes on until both sides encrypt.
        writeEvent(&session, &flow, &output)
        return session.log.isEmpty ? .flowOver : .consumed(bytes.byteCount)
    }

    private static func read(_ record: RawSpan, from sender: Sender, _ session: inout TLSSession) {
        var joiner = DTLSHandshakeJoiner()
        exchange(&joiner, sender, &session)
        var position = 0
        while let message = try? DTLSHandshake(record.extracting(droppingFirst: position)) {
            joiner.take(message) { kind, body in
                read(kind, body, from: sender, carrier: .dtls, &session)
                guard var log = session.log.first else { return }
                log.note(kind, type: kind.rawValue, body, isDatagram: true, from: sender, session)
                session.log[0] = log
            }
            position += message.wholeLength
        }
        exchange(&joiner, sender, &session)
    }

    private static func exchange(
        _ joiner: inout DTLSHandshakeJoiner,
        _ sender: Sender,
        _ session: inout TLSSession
    ) {
        if sender == .originator {
            swap(&joiner, &session.fragments.client)
        } else {
            swap(&joiner, &session.fragments.server)
        }
    }
}

extension TLSSession {
    /// Notes that a side encrypts.
    ///
    /// - Returns: Whether nothing more can be read: both do, or nobody asks for more.
    fileprivate mutating func encrypts(_ sender: Sender) -> Bool {
        if log.isEmpty { return true }
        if sender == .originator { log[0].clientEncrypts = true } else { log[0].serverEncrypts = true }
        log[0].isEstablished = log[0].clientEncrypts && log[0].serverEncrypts
        return log[0].isEstablished
    }
}

extension TLSLog {
    /// Notes a record of DTLS that is no handshake.
    fileprivate mutating func note(_ record: borrowing DTLSRecord, from sender: Sender) {
        switch record.content {
        case .changeCipherSpec: add(0x69, from: sender)
        case .alert where record.fragment.byteCount == 2:
            add(0x6c, from: sender)
            alert = record.fragment.byte(at: 1)
        default: break
        }
    }
}
