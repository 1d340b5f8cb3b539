// SPDX-License-Identifier: Apache-2.0
// What Suricata's `http` shows of HTTP/2: the fields of both sides, the columns of HTTP/1, and an object `http2`.
internal import BeltwayWire

extension HTTP2Session {
    /// Writes a stream and forgets it.
    mutating func write(
        at place: Int,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        for sender in [Sender.originator, .responder] {
            endBody(at: place, sender, isComplete: false, flow, &output)
        }
        let stream = streams.remove(at: place)
        heldByStreams -= stream.heldBytes
        stream.writeMessage(number: flow.transactions, &output)
        output.begin(.http, number: flow.transactions, object: "http")
        flow.transactions &+= 1
        writeMembers(stream, marks: true, showsFields: true, &output)
        output.end()
    }

    /// Writes what is known of a stream.
    ///
    /// - Parameters:
    ///   - stream: The stream.
    ///   - marks: Whether the columns of `http` are marked.
    ///   - showsFields: Whether all fields are told.
    ///   - output: Takes them.
    func writeMembers(
        _ stream: HTTP2Stream,
        marks: Bool,
        showsFields: Bool,
        _ output: inout TransactionStage
    ) {
        func column(_ column: Int) -> Int? { marks ? column : nil }
        output.text.member("version", literal: "2")
        if showsFields {
            output.member("request_headers", elements: stream.request.fields)
            output.member("response_headers", elements: stream.answer.fields)
        }
        let host = stream.host.isEmpty ? stream.authority : stream.host
        output.member("hostname", host.rawBytes, column: column(HTTPParser.Column.hostname))
        output.member("url", stream.path.rawBytes, column: column(HTTPParser.Column.url))
        output.member("http_user_agent", stream.agent.rawBytes, column: column(HTTPParser.Column.userAgent))
        output.member(
            "http_content_type",
            stream.type.rawBytes,
            column: column(HTTPParser.Column.contentType)
        )
        output.member("http_refer", stream.referer.rawBytes, column: column(HTTPParser.Column.referer))
        output.member("http_method", stream.method.rawBytes, column: column(HTTPParser.Column.method))
        if stream.status > 0 {
            output.text.member("status")
            output.beginValue()
            output.text.append(decimal: stream.status)
            if marks { output.mark(HTTPParser.Column.status) }
        }
        output.text.member("length")
        output.beginValue()
        output.text.append(decimal: stream.answer.dataBytes)
        if marks { output.mark(HTTPParser.Column.length) }
        output.text.openObject("http2")
        output.text.member("stream_id", UInt64(stream.id))
        for sender in [Sender.originator, .responder] {
            if sender == .originator {
                output.text.openObject("request")
            } else {
                output.text.openObject("response")
            }
            if let error = stream[sender].error { write(error: error, &output) }
            if let weight = stream[sender].weight { output.text.member("priority", UInt64(weight)) }
            output.text.closeObject()
        }
        output.text.closeObject()
    }

    /// Writes what a side wishes the other to keep to.
    mutating func writeSettings(
        _ payload: RawSpan,
        from sender: Sender,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        open(from: sender, &flow, &output)
        if payload.byteCount > 0 {
            output.text.openArray("settings")
            for position in stride(from: 0, to: min(payload.byteCount, 6 * 64), by: 6) {
                output.text.openObject()
                output.text.member("settings_id")
                output.text.append("\"SETTINGS")
                switch payload.bigEndian16(at: position) {
                case 1: output.text.append("HEADERTABLESIZE")
                case 2: output.text.append("ENABLEPUSH")
                case 3: output.text.append("MAXCONCURRENTSTREAMS")
                case 4: output.text.append("INITIALWINDOWSIZE")
                case 5: output.text.append("MAXFRAMESIZE")
                case 6: output.text.append("MAXHEADERLISTSIZE")
                case let other: output.text.append(decimal: UInt64(other))
                }
                output.text.append(0x22)
                output.text.member("settings_value", UInt64(payload.bigEndian32(at: position + 2)))
                output.text.closeObject()
            }
            output.text.closeArray()
        }
        close(from: sender, &output)
    }

    /// Writes why a side ends the connection.
    mutating func writeError(
        _ error: UInt32,
        from sender: Sender,
        _ flow: inout ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        open(from: sender, &flow, &output)
        write(error: error, &output)
        close(from: sender, &output)
    }

    /// Begins the transaction of a frame of the connection itself.
    private func open(from sender: Sender, _ flow: inout ApplicationFlow, _ output: inout TransactionStage) {
        output.begin(.http, number: flow.transactions, object: "http", turned: sender == .responder)
        flow.transactions &+= 1
        output.text.member("version", literal: "2")
        output.text.openObject("http2")
        output.text.member("stream_id", 0)
        if sender == .responder {
            output.text.openObject("request")
            output.text.closeObject()
            output.text.openObject("response")
        } else {
            output.text.openObject("request")
        }
    }

    private func close(from sender: Sender, _ output: inout TransactionStage) {
        output.text.closeObject()
        if sender == .originator {
            output.text.openObject("response")
            output.text.closeObject()
        }
        output.text.closeObject()
        output.end()
    }

    /// Writes an error by Suricata's name (RFC 9113, 7).
    private func write(error: UInt32, _ output: inout TransactionStage) {
        let names: [StaticString] = [
            "NOERROR", "PROTOCOLERROR", "INTERNALERROR", "FLOWCONTROLERROR", "SETTINGSTIMEOUT",
            "STREAMCLOSED",
            "FRAMESIZEERROR", "REFUSEDSTREAM", "CANCEL", "COMPRESSIONERROR", "CONNECTERROR",
            "ENHANCEYOURCALM",
            "INADEQUATESECURITY", "HTTP11REQUIRED",
        ]
        output.text.member("error_code")
        output.text.append(0x22)
        if Int(error) < names.count {
            output.text.append(names[Int(error)])
        } else {
            output.text.append(decimal: UInt64(error))
        }
        output.text.append(0x22)
    }
}
