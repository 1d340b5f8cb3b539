// SPDX-License-Identifier: Apache-2.0
// HTTP/2 in clear (RFC 9113), by prior knowledge or after an upgrade: one transaction a stream, and one for each SETTINGS.
//
//     client   preface SETTINGS | HEADERS 1 | HEADERS 3, CONTINUATION 3     | DATA 3 ...
//     server   SETTINGS         |             HEADERS 1, DATA 1 ... end --> stream 1 is written
//
// Fields are decoded where they lie; DATA is looked at as it comes (HTTP2Bodies). A gap in anything but DATA ends the direction: what
// HPACK remembers is not known any more.
internal import BeltwayWire

/// Reads connections of HTTP/2.
enum HTTP2Parser {
    /// Bytes of a frame that is read whole; DATA may be longer.
    private static var mostFrame: Int { 65_536 }

    /// Takes a frame, or what is here of DATA.
    static func step(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HTTP2Session,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> ParserStep {
        if session[sender].passedOver > 0 {
            let count = min(session[sender].passedOver, bytes.byteCount)
            session[sender].passedOver -= count
            return .consumed(count)
        }
        if session[sender].data != nil {
            return .consumed(session.takeData(bytes, from: sender, &flow, &output))
        }
        if sender == .originator, !session.client.hasPreface {
            guard bytes.byteCount >= HTTP2FrameHead.prefaceLength else { return .needMore }
            guard bytes.starts(with: HTTP2FrameHead.preface) else { return .malformed }
            session.client.hasPreface = true
            return .consumed(HTTP2FrameHead.prefaceLength)
        }
        guard let head = HTTP2FrameHead(bytes) else { return .needMore }
        let total = HTTP2FrameHead.length + head.count
        // Nothing may stand between the parts of a block of fields (RFC 9113, 6.10).
        let open = session[sender].blockStream
        if (open != 0) != (head.kind == .continuation) || open != 0 && open != head.stream {
            return .malformed
        }
        switch head.kind {
        case .data:
            guard !head.isPadded || bytes.byteCount > HTTP2FrameHead.length else { return .needMore }
            let padding = head.isPadded ? Int(bytes.byte(at: HTTP2FrameHead.length)) + 1 : 0
            guard padding <= head.count else { return .malformed }
            session.data(head, padding: max(0, padding - 1), from: sender, &flow, &output)
            return .consumed(HTTP2FrameHead.length + (head.isPadded ? 1 : 0))
        case .ping, .windowUpdate, .priority, nil:
            let here = min(total, bytes.byteCount)
            session[sender].passedOver = total - here
            return .consumed(here)
        default: break
        }
        guard head.count <= mostFrame else { return .malformed }
        guard bytes.byteCount >= total else { return .needMore }
        let payload = bytes.extracting(HTTP2FrameHead.length..<total)
        return session.frame(head, payload, from: sender, &flow, &output) ? .consumed(total) : .malformed
    }

    /// Bytes of one direction are lost.
    static func lost(
        from sender: Sender,
        _ length: UInt64,
        _ side: inout StreamSide,
        _ session: inout HTTP2Session,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        if session.loseData(length, from: sender, &flow, &output) { return }
        guard UInt64(session[sender].passedOver) >= length else {
            side.isOver = true
            return
        }
        session[sender].passedOver -= Int(length)
    }

    /// Writes the streams that have not ended.
    static func finish(
        _ session: inout HTTP2Session,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        while !session.streams.isEmpty { session.write(at: 0, &flow, &output) }
    }
}

extension HTTP2Session {
    /// The place of a stream, made if it is new; the oldest is written if there are too many.
    private mutating func place(
        of id: UInt32,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> Int {
        if let place = streams.firstIndex(where: { $0.id == id }) { return place }
        if streams.count >= HTTP2Session.mostStreams { write(at: 0, &flow, &output) }
        streams.append(HTTP2Stream(id: id))
        heldByStreams += streams[streams.count - 1].heldBytes
        return streams.count - 1
    }

    /// Takes a whole frame that is not DATA.
    ///
    /// - Returns: False if it is damaged.
    fileprivate mutating func frame(
        _ head: HTTP2FrameHead,
        _ payload: RawSpan,
        from sender: Sender,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> Bool {
        switch head.kind {
        case .headers, .pushPromise, .continuation:
            guard head.stream != 0, let range = head.block(in: payload) else { return false }
            if head.kind == .headers, head.hasPriority, range.lowerBound >= 5 {
                let place = place(of: head.stream, &flow, &output)
                streams[place][sender].weight = payload.byte(at: range.lowerBound - 1)
            }
            if head.kind != .continuation {
                self[sender].endsStream = head.kind == .headers && head.endsStream
                self[sender].block = []
            }
            guard self[sender].block.count + range.count <= HTTP2Session.mostBlock else { return false }
            let part = payload.field(range)
            if head.endsHeaders, self[sender].block.isEmpty {
                return fields(part, of: head, from: sender, &flow, &output)
            }
            self[sender].block.append(copyOf: part)
            self[sender].blockStream = head.stream
            guard head.endsHeaders else { return true }
            var block: [UInt8] = []
            swap(&block, &self[sender].block)
            return fields(block.rawBytes, of: head, from: sender, &flow, &output)
        case .settings:
            guard head.stream == 0, payload.byteCount % 6 == 0 else { return false }
            if !head.isAcknowledgement { writeSettings(payload, from: sender, &flow, &output) }
        case .resetStream:
            guard payload.byteCount == 4 else { return false }
            guard let place = streams.firstIndex(where: { $0.id == head.stream }) else { return true }
            streams[place][sender].error = payload.bigEndian32(at: 0)
            write(at: place, &flow, &output)
        case .goAway:
            guard payload.byteCount >= 8 else { return false }
            let error = payload.bigEndian32(at: 4)
            if error != 0 { writeError(error, from: sender, &flow, &output) }
        default: break
        }
        return true
    }

    /// Reads a block of fields.
    private mutating func fields(
        _ block: RawSpan,
        of head: HTTP2FrameHead,
        from sender: Sender,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) -> Bool {
        self[sender].blockStream = 0
        let place = place(of: head.stream, &flow, &output)
        // Moved out and back in: a copy would cost what the stream holds, for each frame.
        var stream = HTTP2Stream(id: head.stream)
        swap(&stream, &streams[place])
        heldByStreams -= stream.heldBytes
        let isRead = self[sender].table.read(block) { item in
            // A block asks at least once, and there may be any number of blocks.
            guard stream[sender].fields.count < HTTP2Session.mostFields else { return false }
            stream.note(item, from: sender)
            return stream[sender].fields.count < HTTP2Session.mostFields
        }
        heldByStreams += stream.heldBytes
        swap(&stream, &streams[place])
        if isRead, self[sender].endsStream { ended(at: place, sender, &flow, &output) }
        return isRead
    }

    /// A direction of a stream has ended; when both have, it is written.
    mutating func ended(
        at place: Int,
        _ sender: Sender,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        streams[place][sender].isEnded = true
        endBody(at: place, sender, isComplete: true, flow, &output)
        // The request of an upgraded stream was sent in HTTP/1 (RFC 7540, 3.2).
        let isAsked =
            streams[place].request.isEnded || streams[place].id == 1 && streams[place].method.isEmpty
        if isAsked, streams[place].answer.isEnded { write(at: place, &flow, &output) }
    }
}

extension HTTP2Stream {
    /// Notes a field.
    mutating func note(_ item: HPACKItem, from sender: Sender) {
        var text = TextBuffer(capacity: 256)
        text.openObject()
        switch item {
        case .sizeUpdate(let bytes): text.member("table_size_update", UInt64(bytes))
        case .field(let name, let value):
            text.member("name")
            text.append(wireString: name.rawBytes, most: 256)
            text.member("value")
            text.append(wireString: value.rawBytes, most: 1024)
            column(name.rawBytes, value, from: sender)
        }
        text.closeObject()
        if !self[sender].fields.isEmpty { self[sender].fields.append(0x2c) }
        self[sender].fields.append(copyOf: text.rawBytes)
    }

    private mutating func column(_ name: RawSpan, _ value: [UInt8], from sender: Sender) {
        self[sender].facts.read(name, value.rawBytes)
        let value = Array(value.prefix(1024))
        if name.equals(ignoringCase: "content-type") {
            self[sender].isDNS = value.rawBytes.starts(ignoringCase: "application/dns-message")
        }
        if sender == .responder {
            if name.equals(ignoringCase: ":status"), value.count == 3 {
                status = value.reduce(0) { $0 * 10 + UInt64($1 & 15) }
            } else if name.equals(ignoringCase: "content-type") {
                type = Array(value.prefix { $0 != 0x3b })
            }
            return
        }
        switch name.byteCount {
        case 4 where name.equals(ignoringCase: "host"): host = value
        case 5 where name.equals(ignoringCase: ":path"): path = value
        case 7 where name.equals(ignoringCase: ":method"): method = value
        case 7 where name.equals(ignoringCase: "referer"): referer = value
        case 10 where name.equals(ignoringCase: ":authority"): authority = value
        case 10 where name.equals(ignoringCase: "user-agent"): agent = value
        default: break
        }
    }
}
