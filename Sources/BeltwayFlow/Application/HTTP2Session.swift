// SPDX-License-Identifier: Apache-2.0
// What is known of one connection of HTTP/2.
//
// Invariant. `heldBytes` counts what streams, blocks and tables hold; streams are at most `mostStreams`, the fields of one
//            message at most `mostFields` bytes of JSON, a block of fields at most `mostBlock` bytes.
internal import BeltwayWire

/// The fields of a request or an answer.
struct HTTP2Message {
    /// Fields, as elements of a JSON array.
    var fields: [UInt8] = []
    /// Whether nothing more comes.
    var isEnded = false
    var dataBytes: UInt64 = 0
    /// What the fields say about the body, and what looks at it as it comes.
    var facts = HTTPBodyFacts()
    var body: HTTPBodyReader?
    /// What that holds, and whether parts of a form wait in it.
    var heldByBody = 0
    var hasEndedParts = false
    /// Whether the body is a message of DNS (RFC 8484), and what is here of it.
    var isDNS = false
    var message: [UInt8] = []
    /// Whether bytes of that message were lost, or it is too long: nothing more is made of it.
    var isSpoiled = false
    /// Weight that the message was given, nil if none.
    var weight: UInt8?
    /// Why the stream was reset by the side that sent this, nil if it was not.
    var error: UInt32?

    @inline(__always) var heldBytes: Int { fields.count + heldByBody + message.count + facts.heldBytes }
}

/// A request and its answer.
struct HTTP2Stream {
    var id: UInt32
    var request = HTTP2Message()
    var answer = HTTP2Message()
    /// Values of the columns of HTTP, empty if not told.
    var host: [UInt8] = []
    var authority: [UInt8] = []
    var path: [UInt8] = []
    var method: [UInt8] = []
    var agent: [UInt8] = []
    var referer: [UInt8] = []
    var type: [UInt8] = []
    var status: UInt64 = 0

    @inline(__always) var heldBytes: Int {
        let fields = request.heldBytes + answer.heldBytes + host.count + authority.count + path.count
        return fields + method.count + agent.count + referer.count + type.count + 256
    }

    subscript(sender: Sender) -> HTTP2Message {
        @inline(__always) _read {
            if sender == .originator { yield request } else { yield answer }
        }
        _modify {
            if sender == .originator { yield &request } else { yield &answer }
        }
    }
}

/// What of a frame of DATA is still to come.
struct HTTP2DataRest {
    var stream: UInt32
    var count: Int
    var padding: Int
    /// Whether nothing more comes in this direction of the stream.
    var isLast: Bool
}

/// What is kept of one direction.
struct HTTP2Side {
    var data: HTTP2DataRest?
    var table = HPACKTable()
    /// Bytes of a frame that are passed over.
    var passedOver = 0
    /// The block of fields that goes on in CONTINUATION, and its stream; 0 if there is none.
    var block: [UInt8] = []
    var blockStream: UInt32 = 0
    var endsStream = false
    var hasPreface = false
}

/// What is known of a connection.
struct HTTP2Session {
    static var mostStreams: Int { 256 }
    static var mostFields: Int { 12_288 }
    static var mostBlock: Int { 65_536 }

    var client = HTTP2Side()
    var server = HTTP2Side()
    var streams: [HTTP2Stream] = []
    /// Bytes of the streams.
    var heldByStreams = 0
    /// What its bodies grew to, if there were any.
    var meter: InflationMeter?

    @inline(__always) var heldBytes: Int {
        heldByStreams + client.table.size + server.table.size + client.block.count + server.block.count
    }

    subscript(sender: Sender) -> HTTP2Side {
        @inline(__always) _read {
            if sender == .originator { yield client } else { yield server }
        }
        _modify {
            if sender == .originator { yield &client } else { yield &server }
        }
    }
}
