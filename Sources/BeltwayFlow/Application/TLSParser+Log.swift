// SPDX-License-Identifier: Apache-2.0
// Following a handshake for ssl.log after its event is written, until both sides encrypt or the flow ends.
internal import BeltwayWire

extension TLSParser {
    /// Notes a record; returns a step if there is nothing in it to be read.
    static func follow(
        _ record: borrowing TLSRecord,
        from sender: Sender,
        _ session: inout TLSSession,
        _ output: inout TransactionStage
    ) -> ParserStep? {
        if session.log.isEmpty { session.log.append(TLSLog(start: output.packet.time)) }
        let length = TLSRecord.headerLength + record.fragment.byteCount
        // Early data comes before the server's hello, and tells of nothing.
        let isEncrypted = record.content == .applicationData && session.hasServerHello
        if session.log[0].encrypts(sender) || isEncrypted {
            if sender == .originator {
                session.log[0].clientEncrypts = true
            } else {
                session.log[0].serverEncrypts = true
            }
            let isBoth = session.log[0].clientEncrypts && session.log[0].serverEncrypts
            if isBoth, record.content != .alert {
                session.log[0].isEstablished = true
                return .flowOver
            }
            // The event is still due if this was the first that could not be read.
            return isEncrypted && !session.isWritten ? nil : .consumed(length)
        }
        switch record.content {
        case .changeCipherSpec:
            session.log[0].add(0x69, from: sender)
            if session.hasServerHello, !TLSLog.isVersion13(session.version) {
                if sender == .originator {
                    session.log[0].clientEncrypts = true
                } else {
                    session.log[0].serverEncrypts = true
                }
            }
        case .alert where record.fragment.byteCount == 2:
            session.log[0].add(0x6c, from: sender)
            session.log[0].alert = record.fragment.byte(at: 1)
        default: break
        }
        return nil
    }

    static func note(_ message: borrowing TLSHandshake, from sender: Sender, _ session: inout TLSSession) {
        var log = session.log[0]
        log.note(message, from: sender, session)
        session.log[0] = log
    }

    /// Writes the details of a handshake as a record of their own, once.
    static func writeLog(_ session: inout TLSSession, _ output: inout TransactionStage) {
        guard let log = session.log.first, !log.isWritten, session.hasClientHello || session.hasServerHello
        else { return }
        session.log[0].isWritten = true
        output.beginDetails(.tls)
        output.details.append(.start, number: log.start.nanoseconds)
        if session.hasServerHello {
            output.details.append(.version, number: UInt64(session.version))
            output.details.append(.cipher, number: UInt64(log.cipher))
        }
        if log.group != 0 { output.details.append(.group, number: UInt64(log.group)) }
        if !session.serverName.isEmpty {
            output.details.append(.serverName, session.serverName.rawBytes, most: 1024)
        }
        output.details.append(.isResumed, number: log.isResumed ? 1 : 0)
        if let alert = log.alert { output.details.append(.alert, number: UInt64(alert)) }
        if !log.nextProtocol.isEmpty { output.details.append(.nextProtocol, log.nextProtocol.rawBytes) }
        output.details.append(.isEstablished, number: log.isEstablished ? 1 : 0)
        output.details.append(.history, log.history.rawBytes)
        for print in log.serverCertificates { output.details.append(.certificate, print.rawBytes) }
        for print in log.clientCertificates { output.details.append(.clientCertificate, print.rawBytes) }
        if log.hasCertificates { output.details.append(.hasCertificates, number: 1) }
        if let matches = log.namesMatch { output.details.append(.namesMatch, number: matches ? 1 : 0) }
        output.endDetails()
    }
}
