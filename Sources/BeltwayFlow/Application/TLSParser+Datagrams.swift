// SPDX-License-Identifier: Apache-2.0
// DTLS (RFC 6347, RFC 9147): the handshake of TLS in datagrams, whose messages may come in fragments and more than once.
internal import BeltwayWire

extension TLSParser {
    /// Takes the records of one datagram.
    static func datagram(_ bytes: RawSpan, from sender: Sender, _ session: inout TLSSession) -> ParserStep {
        var position = 0
        while position < bytes.byteCount {
            let rest = bytes.extracting(droppingFirst: position)
            guard case .complete(let length) = DTLSRecord.framing(of: rest),
                let record = try? DTLSRecord(rest)
            else { return .malformed }
            position += length
            // From epoch 1 on all is encrypted.
            guard record.epoch == 0, record.content != .applicationData else {
                return session.hasServerHello ? .flowOver : .consumed(bytes.byteCount)
            }
            if record.content == .handshake { read(record.fragment, from: sender, &session) }
        }
        let isComplete = session.hasServerHello && (session.version == 0xfefc || session.hasCertificate)
        return isComplete && session.hasClientHello ? .flowOver : .consumed(bytes.byteCount)
    }

    private static func read(_ record: RawSpan, from sender: Sender, _ session: inout TLSSession) {
        var joiner = DTLSHandshakeJoiner()
        exchange(&joiner, sender, &session)
        var position = 0
        while let message = try? DTLSHandshake(record.extracting(droppingFirst: position)) {
            joiner.take(message) { kind, body in
                read(kind, body, from: sender, carrier: .dtls, &session)
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
