// SPDX-License-Identifier: Apache-2.0
// DATA of HTTP/2 (RFC 9113, 6.1): the body of each stream's request and answer, a file or a message of DNS (RFC 8484).
//
//     frame   | head 9 | padding's length | data .............. | padding |      what is here is taken at once
//                                            `- HTTPBodyReader, or gathered if it is DNS
//
// Invariant. A message of DNS is gathered up to `mostMessage` bytes; `heldByStreams` counts it and what readers hold.
internal import BeltwayWire

extension HTTP2Session {
    /// Takes the head of a frame of DATA.
    mutating func data(
        _ head: HTTP2FrameHead,
        padding: Int,
        from sender: Sender,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        let rest = HTTP2DataRest(
            stream: head.stream,
            count: head.count - padding - (head.isPadded ? 1 : 0),
            padding: padding,
            isLast: head.endsStream
        )
        if let place = streams.firstIndex(where: { $0.id == head.stream }) {
            streams[place][sender].dataBytes &+= UInt64(head.count)
            if rest.count > 0 { beginBody(at: place, sender, flow, output) }
        }
        self[sender].data = rest
        endFrame(from: sender, &flow, &output)
    }

    /// Takes what is here of a frame of DATA whose head was read.
    ///
    /// - Returns: Bytes that are done with.
    mutating func takeData(
        _ bytes: RawSpan,
        from sender: Sender,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> Int {
        guard var rest = self[sender].data else { return 0 }
        let count = min(rest.count, bytes.byteCount)
        let padding = min(rest.padding, bytes.byteCount - count)
        rest.count -= count
        rest.padding -= padding
        self[sender].data = rest
        if count > 0, let place = streams.firstIndex(where: { $0.id == rest.stream }) {
            changeBody(at: place, sender, flow, &output) { $0.take(bytes.extracting(first: count)) }
        }
        endFrame(from: sender, &flow, &output)
        return count + padding
    }

    /// Bytes are lost.
    ///
    /// - Returns: Whether all of them belong to the frame of DATA that comes.
    mutating func loseData(
        _ length: UInt64,
        from sender: Sender,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> Bool {
        guard var rest = self[sender].data, length <= UInt64(rest.count + rest.padding) else { return false }
        let count = min(rest.count, Int(length))
        rest.count -= count
        rest.padding -= Int(length) - count
        self[sender].data = rest
        if count > 0, let place = streams.firstIndex(where: { $0.id == rest.stream }) {
            changeBody(at: place, sender, flow, &output) { $0.lose(count) }
        }
        endFrame(from: sender, &flow, &output)
        return true
    }

    private mutating func endFrame(
        from sender: Sender,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        guard let rest = self[sender].data, rest.count == 0, rest.padding == 0 else { return }
        self[sender].data = nil
        guard rest.isLast, let place = streams.firstIndex(where: { $0.id == rest.stream }) else { return }
        ended(at: place, sender, &flow, &output)
    }

    private mutating func beginBody(
        at place: Int,
        _ sender: Sender,
        _ flow: ApplicationFlow,
        _ output: borrowing TransactionStage
    ) {
        var message = streams[place][sender]
        guard output.files.isOn, message.body == nil, !message.isDNS, !message.isEnded else { return }
        var name = message.facts.name
        if name.isEmpty {
            let target = streams[place].path
            let path = target.rawBytes
            name = FileEvents.name(path.field(0..<(path.firstIndex(of: 0x3f) ?? path.byteCount)))
        }
        if sender == .responder, message.facts.isRanged {
            let host = streams[place].host.isEmpty ? streams[place].authority : streams[place].host
            message.facts.resource = output.resource(host + [0] + streams[place].path)
        }
        let meter = self.meter ?? InflationMeter(output.inflation)
        self.meter = meter
        heldByStreams -= streams[place].heldBytes
        streams[place][sender].body = HTTPBodyReader(
            number: flow.transactions,
            name: name,
            message.facts,
            output.files,
            meter
        )
        heldByStreams += streams[place].heldBytes
    }

    private mutating func changeBody(
        at place: Int,
        _ sender: Sender,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage,
        _ change: (inout HTTP2Message) -> Void
    ) {
        heldByStreams -= streams[place][sender].heldBytes
        change(&streams[place][sender])
        let files = streams[place][sender].hasEndedParts ? endedParts(at: place, sender) : []
        heldByStreams += streams[place][sender].heldBytes
        for file in files {
            write(file, of: streams[place], sender, isPart: true, number: flow.transactions, &output)
        }
    }

    private mutating func endedParts(at place: Int, _ sender: Sender) -> [FileTracker] {
        streams[place][sender].hasEndedParts = false
        return streams[place][sender].body?.endedParts() ?? []
    }

    /// A body has ended, or nothing more of it will be seen: writes what files it was, or what was asked or answered.
    mutating func endBody(
        at place: Int,
        _ sender: Sender,
        isComplete: Bool,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        heldByStreams -= streams[place][sender].heldBytes
        var body: HTTPBodyReader?
        swap(&body, &streams[place][sender].body)
        streams[place][sender].heldByBody = 0
        // What did not end is no message.
        if !isComplete, !streams[place][sender].isEnded { streams[place][sender].message = [] }
        heldByStreams += streams[place][sender].heldBytes
        guard body != nil else { return }
        output.count(body)
        let isForm = body?.isForm == true
        for file in body?.end(isComplete: isComplete) ?? [] {
            write(file, of: streams[place], sender, isPart: isForm, number: flow.transactions, &output)
        }
    }

    private func write(
        _ file: FileTracker,
        of stream: HTTP2Stream,
        _ sender: Sender,
        isPart: Bool,
        number: UInt32,
        _ output: inout TransactionStage
    ) {
        output.begin(
            .fileinfo,
            number: number,
            object: "http",
            showsNumber: false,
            turned: sender == .responder
        )
        // A few bytes make a part of a form: none of them has all fields again.
        writeMembers(stream, marks: false, showsFields: !isPart, &output)
        output.endFile(file, application: "http2", number: number)
    }
}

extension HTTP2Message {
    /// Bytes of a message of DNS (RFC 8484, 6).
    private static var mostMessage: Int { 65_535 }

    fileprivate mutating func take(_ bytes: RawSpan) {
        if isDNS {
            guard !isEnded, !isSpoiled else { return }
            guard message.count + bytes.byteCount <= HTTP2Message.mostMessage else { return spoil() }
            message.append(copyOf: bytes)
        } else {
            if body?.take(bytes, holding: &heldByBody) == true { hasEndedParts = true }
        }
    }

    fileprivate mutating func lose(_ count: Int) {
        body?.lose(UInt64(count))
        if isDNS { spoil() }
    }

    /// What is left is no message of DNS.
    private mutating func spoil() {
        message = []
        isSpoiled = true
    }
}
