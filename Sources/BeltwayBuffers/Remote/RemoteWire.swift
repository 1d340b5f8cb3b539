// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

// How a ring is read from another host (paper, 4.4): messages over one stream of bytes per ring and client.
//
//   every message      0 length 4 (of all of it)   4 type 1   5 zero 3   8 tag 4   12 zero 4   16 body
//   hello          1 > "BELTWAYR" 8   version 2   name length 2   name of the ring (empty: the first)
//   welcome        2 < "BELTWAYR" 8   version 2   byte order 1   policy 1   link type 2   zero 2   capacity 8
//                      generation 8   ordinal 8   position 8 (where the reader attaches)   name length 2   name
//                      rings of the server 4   as often: length 1, name
//   interfaces     3 < count 4   count times: length 1, name           (at any time before a batch that needs it)
//   wantBatch      4 > records 4   milliseconds to wait 4
//   batch          5 < first ordinal 8   tail ordinal 8   tail position 8   time through 8   records 4   closed 4
//                      descriptors
//   wantBytes      6 > ranges 4   zero 4   ranges times: position 8, length 4
//   bytes          7 < first range 4   ranges 4   ranges times: lapped 4, length 4, bytes
//   wantRecords    8 > (nothing: records follow without being asked for one by one)
//   records        9 < as batch, then start position 8, length 8, bytes of the ring from there
//   ping          10 > , pong 11 <
//   refusal       12 < reason 2   text length 2   text                  (the server hangs up after it)
//   goodbye       13 >
//
// Invariant 1. Numbers are in network byte order, except those in descriptors: they travel as they lie in the memory
//              of the server, in the order that `welcome` states, and the reader converts them (paper: a big-endian
//              network card and a little-endian host).
// Invariant 2. Nobody allocates, or waits for, more than the limits below because the other end says so.
// Invariant 3. Bytes are copied into the message first and checked against `intent` after that; what the producer
//              has announced by then is cut off and never leaves (`lapped` says how much). So no reader has to check
//              again what it was sent.

/// Constants of the protocol, and how headers are read.
public enum RemoteWire {
    /// Version spoken here; hello and welcome carry it.
    public static let version: UInt16 = 1
    /// "BELTWAYR".
    static let magic: UInt64 = 0x4245_4c54_5741_5952
    /// Bytes before the body.
    public static let headerLength = 16
    /// Longest message; room for the longest record and more.
    public static let maximumMessageLength = 1 << 20
    /// Most descriptors of a batch.
    public static let maximumBatch = 1024
    /// Most ranges of one request.
    public static let maximumRanges = 1024
    /// Most bytes of one range: the longest record, and a block on either side.
    public static let maximumRangeLength = 1 << 19
    /// Most bytes of all ranges of one request.
    public static let maximumRequestedBytes = 4 << 20
    /// Longest name of a ring or interface.
    public static let maximumNameLength = 255
    /// Most rings that a server names.
    static let maximumRings = 1024
    /// Longest text of a refusal.
    static let maximumTextLength = 1024
    /// Bytes of a batch's body before its descriptors.
    static let batchHeadLength = 40
    /// Bytes of a descriptor.
    static let descriptorLength = 32
    /// Bytes of a range in a request.
    static let rangeLength = 12
    /// Bytes before each range's bytes.
    static let pieceHeadLength = 8

    /// The order of this machine's numbers.
    public static var nativeOrder: ByteOrder { 1.bigEndian == 1 ? .big : .little }
}

/// Types of messages.
@usableFromInline enum MessageType: UInt8, Sendable {
    case hello = 1
    case welcome, interfaces, wantBatch, batch, wantBytes, bytes, wantRecords, records, ping, pong, refusal,
        goodbye
}

/// The first bytes of every message.
@usableFromInline struct MessageHeader: Equatable, Sendable {
    /// Bytes of the whole message.
    @usableFromInline var length: Int
    @usableFromInline var type: MessageType
    /// Number that an answer repeats.
    @usableFromInline var tag: UInt32

    /// Reads the header at the start of what has come so far; nil if it is not complete yet.
    ///
    /// - Parameter bytes: What has come so far.
    /// - Throws: ``MalformedMessage`` for a length or type that no message has.
    init?(parsing bytes: RawSpan) throws(MalformedMessage) {
        guard bytes.byteCount >= RemoteWire.headerLength else { return nil }
        let length = bytes.bigEndian32(at: 0)
        guard length >= RemoteWire.headerLength, length <= RemoteWire.maximumMessageLength else {
            throw .length(length)
        }
        guard let type = MessageType(rawValue: bytes.byte(at: 4)) else {
            throw .unknownType(bytes.byte(at: 4))
        }
        self.length = Int(length)
        self.type = type
        tag = bytes.bigEndian32(at: 8)
    }
}

extension Descriptor {
    /// The same descriptor with the bytes of every number in the other order.
    @inlinable public var byteSwapped: Descriptor {
        Descriptor(
            position: Position(position.bytes.byteSwapped),
            time: Timestamp(nanoseconds: time.nanoseconds.byteSwapped),
            capturedLength: capturedLength.byteSwapped,
            originalLength: originalLength.byteSwapped,
            recordLength: recordLength.byteSwapped,
            interface: interface.byteSwapped,
            flags: RecordFlags(rawValue: flags.rawValue.byteSwapped)
        )
    }

    /// Whether a ring of this geometry can hold such a record: asked of every descriptor that another program sent.
    func isPlausible(in geometry: BufferGeometry) -> Bool {
        let length = Int(recordLength)
        let offset = Int(truncatingIfNeeded: position.bytes & UInt64(geometry.chunkLength - 1))
        return position.bytes < 1 << 62 && position.bytes & 15 == 0 && length & 15 == 0
            && Int(capturedLength) <= RecordLayout.maximumCapturedLength
            && length >= RecordLayout.overhead + Int(capturedLength)
            && offset + length <= geometry.chunkLength
            && Int(interface) < ControlLayout.interfaceCapacity
    }
}
