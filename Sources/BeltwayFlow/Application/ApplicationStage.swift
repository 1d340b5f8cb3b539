// SPDX-License-Identifier: Apache-2.0
// What a worker knows of the application protocols of its flows, and the parsers that it calls.
//
//     payload, its flow --> which protocol? --known--> its parser --> transactions, staged --> commit
//                             | not yet
//                             v
//                           probes: by port first, then by what the bytes are; a few payloads, then `failed`
//
// State of a flow lies at its slot in the tracker's table, 24 bytes; what a parser keeps beyond that is in a pool of
// its own. A slot that holds another flow than before is recognised by the flow's identifier.
//
// Invariant. Nothing here is visible outside before `commit`. `discard` leaves the parser of a flow of datagrams as if
//            the packet had been lost; one that has a session (TCP, DTLS) ends, since the session has changed already.
public import BeltwayWire

/// Parses what a worker's flows carry.
public struct ApplicationStage: ~Copyable {
    /// Transactions of the packet that is being looked at.
    public var output = TransactionStage()
    /// What was done since the start.
    public internal(set) var counters = ApplicationCounters()
    var flows: [ApplicationFlow] = []
    /// Protocols of streams that are not looked for, a bit each.
    let ruledOut: UInt64
    /// State of TCP flows that are parsed, at `ApplicationFlow.place`.
    var streams = SessionPool<StreamState>()
    /// Sessions of TLS over TCP, at `StreamState.session`.
    var tls = SessionPool<TLSSession>()
    /// Connections of HTTP/1, likewise.
    var http = SessionPool<HTTPSession>()
    var ssh = SessionPool<SSHSession>()
    var smtp = SessionPool<SMTPSession>()
    var ftp = SessionPool<FTPSession>()
    var smb = SessionPool<SMBSession>()
    var ftpData = SessionPool<FTPDataSession>()
    var expectedFTP = FTPExpectations()
    var http2 = SessionPool<HTTP2Session>()
    var handover = SessionPool<HandoverSession>()
    /// Bytes that flows and their sessions hold.
    public internal(set) var heldBytes = 0
    /// Connections of QUIC whose hellos are not yet known.
    var quic = QUICSessions()
    /// By the flow's slot, where anomalies of streams are told: what is known of its segments.
    var watches: [SegmentWatch] = []
    var watchBefore = (slot: -1, watch: SegmentWatch())
    /// What the packet that is being looked at changes, as it was before.
    ///
    /// Every call of ``datagram(_:headers:flow:packet:)`` is followed by one of ``commit(into:)`` or ``discard()``.
    @usableFromInline var before = (slot: -1, flow: ApplicationFlow(), malformed: UInt64(0))

    /// Makes a stage that knows no flow.
    ///
    /// - Parameters:
    ///   - wantsDetails: Whether transactions have details, for Zeek's logs.
    ///   - files: What is done with the files that flows carry.
    ///   - events: What events say, and which protocols are looked for.
    public init(
        wantsDetails: Bool = false,
        files: FileSettings = FileSettings(),
        events: EventSettings = EventSettings()
    ) {
        output.wantsDetails = wantsDetails
        output.files = files
        output.events = events
        ruledOut = events.ruledOut
    }

    /// Payloads in which a flow's protocol is looked for.
    static var mostTries: UInt8 { 8 }

    /// Takes the payload of a UDP datagram.
    ///
    /// - Parameters:
    ///   - payload: What was captured of it.
    ///   - headers: The packet's headers.
    ///   - flow: What the tracker knows of its flow.
    ///   - packet: Where and when it came by.
    public mutating func datagram(
        _ payload: RawSpan,
        headers: borrowing PacketHeaders,
        flow: FlowView,
        packet: PacketPlace
    ) {
        let slot = open(flow.slot, flow.flowID)
        var state = flows[slot]
        if state.phase == .over { return }
        before = (slot, state, counters.malformed)
        switch state.phase {
        case .over: break
        case .detecting:
            state.hadPayload = true
            state.application = Detection.datagram(
                payload,
                from: flow.toResponder ? .originator : .responder,
                source: headers.sourcePort,
                destination: headers.destinationPort
            )
            if output.events.withoutOverUDP.contains(state.application) { state.application = .unknown }
            if state.application == .unknown {
                state.tries &+= 1
                if state.tries >= ApplicationStage.mostTries { state.phase = .over }
            } else {
                state.phase = .parsing
                state.isTurned = Detection.isTurned(payload, of: state.application, headers, flow.toResponder)
                // Of a flow that began with something else it is known who spoke first.
                state.beginsWithAnswer = state.isTurned && flow.toResponder && state.tries == 0
            }
        case .parsing: turnBackIfNeeded(payload, flow.toResponder, &state)
        }
        if state.phase == .parsing {
            output.packet.set(headers, flow: flow, packet)
            if state.isTurned { output.packet.exchange() }
            parse(payload, toResponder: flow.toResponder != state.isTurned, &state)
        }
        flows[slot] = state
    }

    private mutating func parse(_ payload: RawSpan, toResponder: Bool, _ state: inout ApplicationFlow) {
        var isWhole = true
        switch state.application {
        case .dns, .mdns, .llmnr:
            isWhole = DNSParser.message(
                payload,
                as: state.application,
                number: state.transactions,
                toResponder: toResponder,
                &output
            )
            if isWhole { state.transactions &+= 1 }
        case .dhcp:
            isWhole = DHCPParser.message(
                payload,
                number: state.transactions,
                toResponder: toResponder,
                &output
            )
            if isWhole { state.transactions &+= 1 }
        case .ntp:
            isWhole = NTPParser.message(
                payload,
                number: state.transactions,
                toResponder: toResponder,
                &output
            )
            if isWhole { state.transactions &+= 1 }
        case .dtls: isWhole = dtls(payload, toResponder: toResponder, &state)
        case .quic: parseQUIC(payload, toResponder: toResponder, &state)
        default: break
        }
        if !isWhole { counters.malformed &+= 1 }
    }

    private mutating func parseQUIC(_ payload: RawSpan, toResponder: Bool, _ state: inout ApplicationFlow) {
        var session = quic[state.flowID]
        let wantsMore = QUICParser.datagram(
            payload,
            toResponder: toResponder,
            &session,
            number: &state.transactions,
            &output
        )
        quic.stage(wantsMore ? session : nil, of: state.flowID)
        if !wantsMore { state.phase = .over }
    }

    /// Hands what the packet gave to `facts`: it was whole.
    @inlinable public mutating func commit<Sink: FactSink & ~Copyable>(into facts: inout Sink) {
        if before.slot >= 0 { settle() }
        let count = output.commit(into: &facts)
        if count > 0 { noteRecorded(count) }
    }

    /// Counts bytes of a known protocol that could not be read.
    mutating func noteMalformed(_ application: ApplicationProtocol) {
        counters.malformed &+= 1
        output.tally.add(.malformed, application, transport: output.packet.transportProtocol)
    }

    /// Everything that is counted by protocol.
    public var tally: ApplicationTally {
        var tally = output.tally
        tally.cut = counters.cut
        tally.files = output.fileCounters
        return tally
    }

    /// Keeps what the packet made of its flow.
    @usableFromInline mutating func settle() {
        let flow = flows[before.slot]
        if before.flow.phase == .detecting, flow.application != .unknown {
            output.tally.add(.flows, flow.application, transport: 17)
        }
        if counters.malformed != before.malformed {
            output.tally.add(.malformed, flow.application, transport: 17)
        }
        before.slot = -1
        quic.settle()
    }

    @usableFromInline mutating func noteRecorded(_ count: Int) { counters.transactions &+= UInt64(count) }

    /// Forgets what the packet gave, to its flow too: it was overwritten while it was looked at.
    public mutating func discard() {
        output.discard()
        output.joinedRanges.forgetAll()
        quic.discard()
        if watchBefore.slot >= 0 {
            // If it was another packet's, one segment of that connection is forgotten.
            watches[watchBefore.slot] = watchBefore.watch
            watchBefore.slot = -1
        }
        if before.slot >= 0 {
            var flow = flows[before.slot]
            if flow.place != 0 || before.flow.place != 0 {
                // What the parser keeps has changed: it ends.
                giveBack(&flow)
                before.flow.place = 0
                before.flow.phase = .over
            }
            flows[before.slot] = before.flow
            counters.malformed = before.malformed
            before.slot = -1
        }
    }

    /// Says what a flow spoke, and forgets it.
    ///
    /// - Parameters:
    ///   - flow: The record that leaves; gets its protocol.
    ///   - slot: Its place in the tracker's table.
    public mutating func ended(_ flow: inout FlowRecord, slot: UInt32) {
        guard Int(slot) < flows.count, flows[Int(slot)].flowID == flow.flowID else { return }
        finishStream(Int(slot))
        quic.ended(flow.flowID)
        let state = flows[Int(slot)]
        state.tell(&flow)
        if flow.application == .unknown, state.hadPayload { flow.application = .failed }
        if flow.application == .failed {
            output.tally.add(.flows, .failed, transport: flow.transportProtocol)
        }
        flows[Int(slot)] = ApplicationFlow()
    }

    /// Says what the flow in `slot`, which goes on, has spoken until now.
    public func tell(_ flow: inout FlowRecord, slot: UInt32) {
        guard Int(slot) < flows.count, flows[Int(slot)].flowID == flow.flowID else { return }
        flows[Int(slot)].tell(&flow)
    }

    /// The place of a flow's state, made or made anew if the slot held another flow.
    mutating func open(_ slot: UInt32, _ flowID: UInt64) -> Int {
        let index = Int(slot)
        while flows.count <= index { flows.append(ApplicationFlow()) }
        if flows[index].flowID != flowID {
            if flows[index].place != 0 {
                var old = flows[index]
                giveBack(&old)
            }
            flows[index] = ApplicationFlow()
            flows[index].flowID = flowID
        }
        return index
    }
}
