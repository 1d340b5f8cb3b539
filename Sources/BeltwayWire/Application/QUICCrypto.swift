// SPDX-License-Identifier: Apache-2.0
// CRYPTO frames (RFC 9000, 19.6) of opened Initial packets. Clients cut their hello into frames and send them
// in any order, over one packet or several; together they are handshake messages as in TLS.

/// The CRYPTO frames of an opened Initial packet's payload, one after the other.
public struct QUICCryptoFrames: ~Escapable {
    /// The payload; a frame's data are positions in it.
    public let bytes: RawSpan
    private var reader: ByteReader

    /// One frame: where its data belongs in the handshake's bytes, and where it lies.
    public struct Frame: Equatable, Sendable {
        /// Bytes of the handshake before this data.
        public let offset: UInt64
        /// Where the data lies in the payload.
        public let data: Range<Int>
    }

    /// Reads the frames of an opened payload.
    @_lifetime(copy payload)
    public init(_ payload: RawSpan) {
        bytes = payload
        reader = ByteReader(payload)
    }

    /// The next CRYPTO frame; nil at the end, or at a frame that an Initial packet cannot hold.
    @_lifetime(self: copy self)
    public mutating func next() -> Frame? {
        while let type = reader.variable() {
            switch type {
            case 0, 1: continue  // PADDING, PING
            case 2, 3:
                guard skipAcknowledgement(hasCounts: type == 3) else { return nil }
            case 6, 8:  // 8: CRYPTO of Google's version Q050; elsewhere a STREAM, which no Initial holds
                guard let offset = reader.variable(), let count = reader.variable(),
                    count <= UInt64(reader.remaining), let data = reader.take(Int(count))
                else { return nil }
                return Frame(offset: offset, data: data)
            default: return nil
            }
        }
        return nil
    }

    @_lifetime(self: copy self)
    private mutating func skipAcknowledgement(hasCounts: Bool) -> Bool {
        guard reader.variable() != nil, reader.variable() != nil, let ranges = reader.variable(),
            ranges <= UInt64(reader.remaining), reader.variable() != nil
        else { return false }
        for _ in 0..<2 * Int(ranges) where reader.variable() == nil { return false }
        guard hasCounts else { return true }
        for _ in 0..<3 where reader.variable() == nil { return false }
        return true
    }
}

/// Puts the handshake's bytes together from CRYPTO frames in any order.
///
/// Holds at most 16 KiB and 64 stretches; what lies beyond is not taken (`isBroken`). Of bytes that come twice
/// the later ones stand.
public struct QUICCryptoJoiner: Sendable {
    private var held: [UInt8] = []
    /// What is there, in order and apart.
    private var stretches: [Range<Int>] = []
    /// Whether a frame lay beyond the limits.
    public private(set) var isBroken = false

    /// The most that is held, in bytes.
    @inlinable public static var maximumLength: Int { 1 << 14 }

    /// Makes a joiner that holds nothing.
    public init() {}

    /// Bytes of memory that it holds, about.
    public var heldLength: Int { held.count + stretches.count * 16 }

    /// Bytes from the handshake's first on that have come without a gap: ``TLSHandshake`` reads them.
    public var contiguous: RawSpan {
        @_lifetime(borrow self) get {
            let end = stretches.first.map { $0.lowerBound == 0 ? $0.upperBound : 0 } ?? 0
            return held.rawBytes.extracting(first: end)
        }
    }

    /// Takes a frame's data.
    public mutating func take(_ data: RawSpan, at offset: UInt64) {
        guard data.byteCount > 0 else { return }
        guard offset <= UInt64(Self.maximumLength), data.byteCount <= Self.maximumLength &- Int(offset) else {
            isBroken = true
            return
        }
        let range = Int(offset)..<Int(offset) &+ data.byteCount
        guard insert(range) else { return }
        while held.count < range.upperBound { held.append(0) }
        for index in 0..<data.byteCount { held[range.lowerBound &+ index] = data.unchecked8(index) }
    }

    private mutating func insert(_ range: Range<Int>) -> Bool {
        var merged = range
        var index = 0
        while index < stretches.count, stretches[index].upperBound < range.lowerBound { index += 1 }
        while index < stretches.count, stretches[index].lowerBound <= merged.upperBound {
            let other = stretches.remove(at: index)
            merged = min(merged.lowerBound, other.lowerBound)..<max(merged.upperBound, other.upperBound)
        }
        guard stretches.count < 64 else {
            isBroken = true
            return false
        }
        stretches.insert(merged, at: index)
        return true
    }
}
