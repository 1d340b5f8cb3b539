// SPDX-License-Identifier: Apache-2.0

/// How a connection began and ended, in the words of Zeek's conn.log (`conn_state`).
@frozen public enum ConnectionState: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Nothing of the below: midstream, or a protocol without connections.
    case other
    /// An attempt without answer.
    case s0
    /// Established, not ended.
    case s1
    /// Begun and ended normally; UDP: both sides spoke.
    case sf
    /// Attempt rejected.
    case rejected
    /// Established, the originator has closed, the responder not.
    case s2
    /// Established, the responder has closed, the originator not.
    case s3
    /// Established, the originator reset it.
    case resetByOriginator
    /// The responder reset it.
    case resetByResponder
    /// The originator sent a SYN, then a reset; no SYN+ACK was seen.
    case resetAttempt
    /// The responder sent a SYN+ACK, then a reset; no SYN was seen.
    case resetHalf
    /// The originator sent a SYN, then a FIN; no SYN+ACK was seen.
    case half
    /// The responder sent a SYN+ACK, then a FIN; no SYN was seen; UDP: only the responder spoke.
    case halfByResponder

    /// Zeek's name.
    public var name: String { "\(literal)" }

    /// Zeek's name, as text that is there already.
    public var literal: StaticString {
        switch self {
        case .other: "OTH"
        case .s0: "S0"
        case .s1: "S1"
        case .sf: "SF"
        case .rejected: "REJ"
        case .s2: "S2"
        case .s3: "S3"
        case .resetByOriginator: "RSTO"
        case .resetByResponder: "RSTR"
        case .resetAttempt: "RSTOS0"
        case .resetHalf: "RSTRH"
        case .half: "SH"
        case .halfByResponder: "SHR"
        }
    }
}

/// What happened on a flow, in order, in the letters of Zeek's conn.log (`history`).
///
/// Upper case is the originator's, lower case the responder's. S SYN, H SYN+ACK, A acknowledgement alone, D data,
/// F FIN, R RST, I FIN and RST, Q SYN with FIN or RST: once for each side, S H F R again for another sequence number.
/// T retransmission, W window of 0, G gap: at the first, tenth, hundredth ... event. ^ sides exchanged, because the
/// first packet seen was an answer. Of longer histories the first ``capacity`` letters are kept.
@frozen public struct FlowHistory: Sendable, BitwiseCopyable {
    /// The most letters that are kept.
    public static var capacity: Int { 31 }

    @usableFromInline var letters = InlineArray<31, UInt8>(repeating: 0)
    /// Letters that there are.
    public private(set) var count: UInt8 = 0

    /// Makes an empty history.
    @inlinable public init() {}

    /// Adds an upper-case letter or a sign, in lower case if it is the responder's.
    public mutating func append(_ letter: Character, byOriginator: Bool) {
        append(letter.asciiValue ?? 0x3f, byOriginator: byOriginator)
    }

    @usableFromInline mutating func append(_ letter: UInt8, byOriginator: Bool) {
        guard Int(count) < FlowHistory.capacity else { return }
        letters[Int(count)] = byOriginator || letter < 0x41 || letter > 0x5a ? letter : letter | 0x20
        count &+= 1
    }

    /// Makes the history of a text, as far as it fits; other bytes than letters and `^` are kept as they are.
    public init(_ text: String) {
        for byte in text.utf8.prefix(FlowHistory.capacity) {
            letters[Int(count)] = byte
            count &+= 1
        }
    }

    /// The letter at `index`, which must be less than ``count``.
    @inlinable public func letter(_ index: Int) -> UInt8 { letters[index] }

    /// The letters.
    public var text: String {
        String(decoding: (0..<Int(count)).map { letters[$0] }, as: UTF8.self)
    }
}
