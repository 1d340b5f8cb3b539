// SPDX-License-Identifier: Apache-2.0
// What is known of a connection of HTTP/1 (HTTPParser).
//
// Invariant. `fragmentBytes` is what the fragments of its requests and its answer count.
internal import BeltwayWire

/// A request that waits for its answer.
struct HTTPRequest {
    var fragment = JSONFragment()
    var isHEAD = false
    var isCONNECT = false
    /// Whether it has no version: what answers has no head (HTTP/0.9).
    var isBare = false
}

/// What is known of one connection.
struct HTTPSession {
    /// What comes next in a direction.
    enum Expecting {
        case head
        case body(remaining: Int)
        case chunks(HTTPChunks)
        case untilClose
    }

    /// Requests without a complete answer, the oldest first.
    var pending: [HTTPRequest] = []
    var answer = JSONFragment()
    /// Whether an answer's head was read and its body has not ended.
    var isAnswering = false
    /// Content-Length of an answer that calls itself chunked.
    var plainLength: Int?
    /// Bytes of the answer's body on the wire.
    var answerLength: UInt64 = 0
    var client = Expecting.head
    var server = Expecting.head
    var fragmentBytes = 0
    /// The request that waits for its answer, if that may make the connection one of HTTP/2; none or one, since it is large.
    private(set) var upgrades: [HTTP2Upgrade] = []
    private var heldByUpgrade = 0
    /// What looks at the bodies that come, nil where there is none.
    var requestBody: HTTPBodyReader?
    var answerBody: HTTPBodyReader?
    /// What these hold.
    var heldByRequest = 0
    var heldByAnswer = 0
    /// What its bodies grew to, if there were any.
    var meter: InflationMeter?

    @inline(__always) var heldBytes: Int {
        fragmentBytes + heldByRequest + heldByAnswer + heldByUpgrade
    }

    /// Keeps the request that may make the connection one of HTTP/2, or forgets it.
    mutating func keep(_ upgrade: HTTP2Upgrade?) {
        heldByUpgrade = upgrade?.heldBytes ?? 0
        if let upgrade { upgrades = [upgrade] } else if !upgrades.isEmpty { upgrades = [] }
    }
}
