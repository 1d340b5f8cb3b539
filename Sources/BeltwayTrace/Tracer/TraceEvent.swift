// SPDX-License-Identifier: Apache-2.0
// What can happen on a flow that deserves a line of its own, beside its packets.

public import BeltwayWire

/// Something that a packet did to its flow.
enum TraceEvent {
    /// The first packet of the flow.
    case begun
    /// Followed from here on: its beginning was not seen, or it was not wanted then.
    case joined
    /// TCP: the handshake is complete; other protocols: both sides have spoken.
    case established
    /// The originator speaks, for the first time or after the responder did.
    case request(number: UInt32, bytes: UInt32)
    /// The responder speaks, for the first time or after the originator did; nanoseconds since the request's last byte,
    /// nil if nothing was asked.
    case answer(number: UInt32, bytes: UInt32, after: UInt64?)
    /// Bytes that were sent before, at a place counted from the stream's first byte; nanoseconds since the last packet
    /// with new bytes.
    case retransmission(byOriginator: Bool, at: UInt32, bytes: UInt32, after: UInt64)
    /// Bytes that were missed before.
    case late(byOriginator: Bool, at: UInt32, bytes: UInt32)
    /// Bytes that were passed over: lost on the way, or yet to come.
    case gap(byOriginator: Bool, at: UInt32, bytes: UInt32)
    /// The receiver can take nothing more.
    case windowClosed(byOriginator: Bool)
    /// It can again, after so many nanoseconds.
    case windowOpened(byOriginator: Bool, after: UInt64)
    /// One side has nothing more to send, after so many bytes.
    case finished(byOriginator: Bool, bytes: UInt32)
    /// One side tore the connection down.
    case reset(byOriginator: Bool)

    /// The event's name in JSON.
    var name: StaticString {
        switch self {
        case .begun: "begin"
        case .joined: "join"
        case .established: "established"
        case .request: "request"
        case .answer: "answer"
        case .retransmission: "retransmission"
        case .late: "out_of_order"
        case .gap: "gap"
        case .windowClosed: "zero_window"
        case .windowOpened: "window_open"
        case .finished: "fin"
        case .reset: "rst"
        }
    }

    /// Whose doing it was; nil if both sides' or nobody's.
    var isByOriginator: Bool? {
        switch self {
        case .begun, .joined, .established: nil
        case .request: true
        case .answer: false
        case .retransmission(let side, _, _, _), .late(let side, _, _), .gap(let side, _, _),
            .windowClosed(let side), .windowOpened(let side, _), .finished(let side, _), .reset(let side):
            side
        }
    }
}

/// The first bytes of a packet's payload, copied: packets of a ring may be overwritten while a line is made.
public struct PayloadExcerpt: Sendable, BitwiseCopyable {
    /// Bytes that are kept at most.
    public static var capacity: Int { 64 }
    private(set) var bytes = InlineArray<64, UInt8>(repeating: 0)
    private(set) var count = 0

    /// Makes an excerpt of nothing.
    public init() {}

    /// Copies the first bytes of a packet's payload.
    ///
    /// - Parameters:
    ///   - headers: What was decoded of it.
    ///   - packet: Its bytes.
    public init(_ headers: borrowing PacketHeaders, of packet: RawSpan) {
        let start = Int(headers.payloadOffset)
        let length = min(Int(headers.capturedPayloadLength), PayloadExcerpt.capacity)
        guard length > 0, start <= packet.byteCount, length <= packet.byteCount - start else { return }
        for index in 0..<length { bytes[index] = packet.byte(at: start + index) }
        count = length
    }
}
