// SPDX-License-Identifier: Apache-2.0
// Which parser is called: a line for each protocol over TCP in each of these lists.
internal import BeltwayWire

extension ApplicationStage {
    /// A protocol was found: makes its session.
    mutating func begin(
        _ application: ApplicationProtocol,
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow
    ) {
        flow.application = application
        flow.phase = .parsing
        output.tally.add(.flows, application, transport: 6)
        switch application {
        case .tls: state.session = tls.take(TLSSession())
        case .http: state.session = http.take(HTTPSession())
        case .ssh: state.session = ssh.take(SSHSession())
        case .smtp: state.session = smtp.take(SMTPSession())
        case .ftp: state.session = ftp.take(FTPSession())
        case .smb: state.session = smb.take(SMBSession())
        case .http2:
            state.session = http2.take(HTTP2Session())
            if let upgrade = state.upgrades.first { http2[state.session].begin(upgrade, &flow, &output) }
        case .socks, .imap, .pop3, .ldap, .postgreSQL, .irc, .xmpp:
            state.session = handover.take(HandoverSession())
        default: break
        }
        state.upgrades = []
    }

    /// One message of the flow's protocol.
    mutating func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow
    ) -> ParserStep {
        switch flow.application {
        case .dns, .llmnr: DNSParser.step(bytes, from: sender, &state[sender], &flow, &output)
        case .tls: TLSParser.step(bytes, from: sender, &tls[state.session], &flow, &output)
        case .http:
            HTTPParser.step(bytes, from: sender, &state[sender], &http[state.session], &flow, &output)
        case .ssh: SSHParser.step(bytes, from: sender, &ssh[state.session], &output)
        case .smtp:
            SMTPParser.step(bytes, from: sender, &state[sender], &smtp[state.session], &flow, &output)
        case .ftp: stepFTP(bytes, from: sender, &state, &flow)
        case .ftpData: FTPDataParser.step(bytes, from: sender, &ftpData[state.session], &output)
        case .smb:
            SMBParser.step(bytes, from: sender, &state[sender], &smb[state.session], &flow, &output)
        case .http2: HTTP2Parser.step(bytes, from: sender, &http2[state.session], &flow, &output)
        case .socks, .imap, .pop3, .ldap, .postgreSQL, .irc, .xmpp:
            HandoverParser.step(bytes, from: sender, &handover[state.session], flow)
        default: .over
        }
    }

    /// Bytes of one direction are lost; what was carried of it is forgotten already.
    mutating func lost(
        _ length: UInt64,
        from sender: Sender,
        _ state: inout StreamState,
        _ flow: inout ApplicationFlow
    ) {
        switch flow.application {
        case .dns, .llmnr: state[sender].isResyncing = true
        case .http:
            HTTPParser.lost(
                length,
                from: sender,
                &state[sender],
                &http[state.session],
                &flow,
                &output
            )
        case .smtp: SMTPParser.lost(from: sender, length, &smtp[state.session])
        case .ftp: break
        case .smb: SMBParser.lost(from: sender, length, &state[sender], &smb[state.session])
        case .ftpData: FTPDataParser.lost(length, from: sender, &ftpData[state.session], output.files)
        case .http2:
            HTTP2Parser.lost(from: sender, length, &state[sender], &http2[state.session], &flow, &output)
        case .unknown: state[sender].isWatched = true
        case .ssh:
            SSHParser.lost(&ssh[state.session])
            state[sender].isOver = true
        default: state[sender].isOver = true
        }
    }

    /// A direction has ended: it brings nothing more.
    mutating func sideEnded(_ sender: Sender, _ state: inout StreamState, _ flow: inout ApplicationFlow) {
        switch flow.application {
        case .http: HTTPParser.sideEnded(sender, &http[state.session], &flow, &output)
        case .ftpData: FTPDataParser.sideEnded(sender, &ftpData[state.session], &flow, &output)
        default: break
        }
    }

    /// A datagram of DTLS.
    ///
    /// - Returns: Whether it could be read.
    mutating func dtls(_ payload: RawSpan, toResponder: Bool, _ flow: inout ApplicationFlow) -> Bool {
        if flow.place == 0 {
            flow.place = streams.take(StreamState())
            streams[flow.place].session = tls.take(TLSSession())
        }
        let session = streams[flow.place].session
        let step = TLSParser.datagram(
            payload,
            from: toResponder ? .originator : .responder,
            &tls[session],
            &flow,
            &output
        )
        heldBytes += tls[session].heldBytes - streams[flow.place].held
        streams[flow.place].held = tls[session].heldBytes
        if case .malformed = step { return false }
        if case .consumed = step { return true }
        TLSParser.finish(&tls[session], &flow, &output)
        giveBack(&flow)
        flow.phase = .over
        return true
    }

    /// What seemed to be the server of DTLS may be the client after all, whatever it sent first: only clients send their
    /// hello.
    mutating func turnBackIfNeeded(_ payload: RawSpan, _ toResponder: Bool, _ flow: inout ApplicationFlow) {
        guard flow.isTurned, flow.application == .dtls, toResponder,
            DTLSRecord.isHello(payload, of: .originator)
        else { return }
        if flow.place != 0, tls[streams[flow.place].session].hasClientHello { return }
        giveBack(&flow)
        flow.isTurned = false
        flow.beginsWithAnswer = false
    }

    /// Nothing more of the flow is looked at: writes what waits.
    mutating func finish(_ state: StreamState, _ flow: inout ApplicationFlow) {
        switch flow.application {
        case .tls, .dtls: TLSParser.finish(&tls[state.session], &flow, &output)
        case .http: HTTPParser.finish(state, &http[state.session], &flow, &output)
        case .ssh: SSHParser.finish(&ssh[state.session], &flow, &output)
        case .smtp: SMTPParser.finish(&smtp[state.session], &flow, &output)
        case .ftp: FTPParser.finish(&ftp[state.session], &flow, &output)
        case .smb: SMBParser.finish(&smb[state.session], &flow, &output)
        case .ftpData: FTPDataParser.finish(&ftpData[state.session], &flow, &output)
        case .http2: HTTP2Parser.finish(&http2[state.session], &flow, &output)
        default: break
        }
    }

    /// Bytes that a flow's session holds.
    ///
    /// Inlined, and mutating though nothing changes, as is `heldBytes` of each kind of session: asked by a call, a session
    /// (and this stage) would be copied for it with each segment.
    @inline(__always)
    mutating func heldBySession(_ session: UInt32, _ application: ApplicationProtocol) -> Int {
        switch application {
        case .tls, .dtls: tls[session].heldBytes
        case .http: http[session].heldBytes
        case .ssh: ssh[session].heldBytes
        case .smtp: smtp[session].heldBytes
        case .ftp: ftp[session].heldBytes
        case .smb: smb[session].heldBytes
        case .ftpData: ftpData[session].heldBytes
        case .http2: http2[session].heldBytes
        case .socks, .imap, .pop3, .ldap, .postgreSQL, .irc, .xmpp: handover[session].heldBytes
        default: 0
        }
    }

    /// Gives a flow's session back.
    mutating func end(_ session: UInt32, _ flow: ApplicationFlow) {
        guard session != 0 else { return }
        switch flow.application {
        case .tls, .dtls: tls.giveBack(session, TLSSession())
        case .http: http.giveBack(session, HTTPSession())
        case .ssh: ssh.giveBack(session, SSHSession())
        case .smtp: smtp.giveBack(session, SMTPSession())
        case .ftp: ftp.giveBack(session, FTPSession())
        case .smb: smb.giveBack(session, SMBSession())
        case .ftpData: ftpData.giveBack(session, FTPDataSession())
        case .http2: http2.giveBack(session, HTTP2Session())
        case .socks, .imap, .pop3, .ldap, .postgreSQL, .irc, .xmpp:
            handover.giveBack(session, HandoverSession())
        default: break
        }
    }
}
