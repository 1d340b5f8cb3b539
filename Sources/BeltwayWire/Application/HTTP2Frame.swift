// SPDX-License-Identifier: Apache-2.0
// Frames of HTTP/2 (RFC 9113, 4.1), which follow the client's preface:
//
//     | length 3 | type 1 | flags 1 | stream 4 | payload: PADDED has its padding's length 1 first, and the padding last

/// The head of a frame.
@frozen public struct HTTP2FrameHead: Equatable, Sendable, BitwiseCopyable {
    /// Types of frames that are read (RFC 9113, 6).
    @frozen public enum Kind: UInt8, Sendable, BitwiseCopyable {
        case data, headers, priority, resetStream, settings, pushPromise, ping, goAway, windowUpdate,
            continuation
    }

    /// Bytes of the head.
    @inlinable public static var length: Int { 9 }
    /// What a client sends first (RFC 9113, 3.4).
    @inlinable public static var preface: String { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" }
    /// Bytes of the preface.
    @inlinable public static var prefaceLength: Int { 24 }

    /// Bytes of the payload.
    public let count: Int
    /// What it is; nil for an extension's.
    public let kind: Kind?
    /// Its flags, whose meaning depends on its type.
    public let flags: UInt8
    /// Its stream; 0 is the connection.
    public let stream: UInt32

    /// Reads the head at the start of `bytes`; nil if it is not whole.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= HTTP2FrameHead.length else { return nil }
        count = Int(bytes.unchecked8(0)) << 16 | Int(bytes.unchecked16(1))
        kind = Kind(rawValue: bytes.unchecked8(3))
        flags = bytes.unchecked8(4)
        stream = bytes.unchecked32(5) & 0x7fff_ffff
    }

    /// DATA, HEADERS: nothing more comes in this direction of the stream.
    public var endsStream: Bool { flags & 1 != 0 }
    /// SETTINGS, PING: it acknowledges one of the other side.
    public var isAcknowledgement: Bool { flags & 1 != 0 }
    /// HEADERS, PUSH_PROMISE, CONTINUATION: the block of fields is complete.
    public var endsHeaders: Bool { flags & 4 != 0 }
    /// DATA, HEADERS, PUSH_PROMISE: there is padding.
    public var isPadded: Bool { flags & 8 != 0 }
    /// HEADERS: a priority stands before the block.
    public var hasPriority: Bool { flags & 0x20 != 0 }

    /// Where the block of fields, or part of it, lies in a frame's payload; nil if padding leaves no room for it.
    public func block(in payload: RawSpan) -> Range<Int>? {
        var start = 0
        var end = payload.byteCount
        if isPadded, kind != .continuation {
            guard end > 0 else { return nil }
            end -= Int(payload.unchecked8(0))
            start = 1
        }
        if kind == .headers, hasPriority { start += 5 }
        if kind == .pushPromise { start += 4 }
        return start <= end ? start..<end : nil
    }

    /// Whether a side's first bytes are HTTP/2: the preface, or SETTINGS.
    public static func probe(_ bytes: RawSpan, from sender: Sender) -> Probe {
        if sender == .originator {
            guard bytes.couldStart(with: preface) else { return .no }
            return bytes.byteCount >= prefaceLength ? .yes : .unknown
        }
        guard let head = HTTP2FrameHead(bytes) else {
            // 00 00 and a small length, then the type of SETTINGS.
            if bytes.byteCount > 1, bytes.unchecked8(0) | bytes.unchecked8(1) != 0 { return .no }
            return bytes.byteCount > 3 && bytes.unchecked8(3) != 4 ? .no : .unknown
        }
        return head.kind == .settings && head.flags == 0 && head.stream == 0 && head.count % 6 == 0
            && head.count <= 96 ? .yes : .no
    }
}
