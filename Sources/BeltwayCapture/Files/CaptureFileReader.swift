// SPDX-License-Identifier: Apache-2.0
// Reads capture files as a stream: pcap, pcapng, gzip of either, from a file, a pipe or standard input.
//
//    descriptor --read(2), zlib--> window (one buffer) --step()--> one packet, in place
//
// Invariant 1. `packetBytes` are the bytes of the record that the last step() returned, until the next
// step().
// Invariant 2. `offset` is where the window's first byte lies in the (uncompressed) capture.
// Memory: the window, 256 KiB, growing only for one larger record or block (at most 16 MiB), and the
// interfaces of one section (at most 65,536).
public import BeltwayBuffers
public import BeltwayWire

/// A packet as its file has it, except for its bytes, which stay where they were read.
@frozen public struct FilePacket: Equatable, Sendable, BitwiseCopyable {
    /// When it was captured; ``Timestamp/zero`` for a record without a time.
    public var time: Timestamp
    /// Bytes on the wire, as the file states.
    public var originalLength: UInt32
    /// Index into ``CaptureFileReader/interfaces``.
    public var interface: UInt32
    /// Direction, checksum state, and `truncated` if it exceeded ``CaptureFileReader/maximumPacketLength``.
    public var flags: RecordFlags
}

/// A capture file, read from its first packet to its last.
public struct CaptureFileReader: ~Copyable {
    /// Bytes of a packet that are kept; what a record holds beyond is cut off.
    public static let maximumPacketLength = 262_144
    /// Interfaces of one section that are kept; a packet of a later one is an error.
    public static let maximumInterfaces = 65_536
    static let windowLength = 256 << 10

    /// What ``step()`` found.
    public enum Step: Equatable, Sendable {
        /// A packet, whose bytes are ``CaptureFileReader/packetBytes`` until the next step.
        case packet(FilePacket)
        /// Nothing until ``CaptureFileReader/refill(waitingAtMost:)`` has read more.
        case needsBytes
        /// The end.
        case end(CaptureFileEnd)
    }

    enum State {
        case unrecognised
        case pcap(PcapFileHeader, limit: UInt32)
        case pcapng(ByteOrder)
    }

    var window: ReadWindow
    var source: ByteSource
    var state = State.unrecognised
    /// Where the window's first byte lies in the capture.
    var offset: UInt64 = 0
    /// Bytes that the last step used, still in the window.
    var used = 0
    /// Where the last packet lies in the window.
    var packetStart = 0
    var packetLength = 0
    /// Bytes that the window must hold before a step can say more.
    var wanted = CaptureFormat.prefixLength
    var inputEnded = false

    /// The interfaces of the current section; a pcap file has one.
    public internal(set) var interfaces: [PcapngInterface] = []
    /// Changes whenever `interfaces` begins anew, so that what was derived from it must be forgotten.
    public internal(set) var section: UInt32 = 0

    /// Opens a capture file; nothing is read before the first step.
    ///
    /// - Parameter path: The file, or `-` for standard input.
    /// - Throws: ``CaptureFileError`` if it cannot be opened.
    public init(path: String) throws(CaptureFileError) {
        source = try ByteSource(path: path)
        window = ReadWindow(capacity: CaptureFileReader.windowLength)
    }

    /// Reads a capture from an open descriptor, and leaves it open.
    ///
    /// - Parameter descriptor: A file, a pipe or a socket, at its first byte.
    /// - Throws: ``CaptureFileError`` if it is none of these.
    public init(descriptor: Int32) throws(CaptureFileError) {
        source = try ByteSource(descriptor: descriptor, owned: false)
        window = ReadWindow(capacity: CaptureFileReader.windowLength)
    }

    /// Bytes of the file as stored, or nil for pipes.
    public var storedLength: UInt64? { source.storedLength }
    /// Bytes of the file, as stored, that were read so far.
    public var storedOffset: UInt64 { source.storedOffset }
    /// Whether reading may wait for a writer: true for pipes and sockets.
    public var mayWait: Bool { !source.isRegularFile }

    /// Where the record that the last step returned begins, in the uncompressed capture.
    public var recordOffset: UInt64 { offset }

    /// The bytes of the packet that the last step returned, at most ``maximumPacketLength`` of them.
    public var packetBytes: RawSpan {
        @_lifetime(borrow self)
        @inline(__always)
        get { window.bytes.extracting(packetStart..<(packetStart &+ packetLength)) }
    }

    /// Takes the next packet from what is already read.
    ///
    /// - Returns: A packet, that more must be read, or the end.
    /// - Throws: ``CaptureFileError`` if the file makes no sense from here on; there is nothing more to get
    ///   from it.
    @inline(__always)
    public mutating func step() throws(CaptureFileError) -> Step {
        if used > 0 {
            window.consume(used)
            offset &+= UInt64(used)
            used = 0
        }
        switch state {
        case .pcap(let header, let limit): return try stepPcap(header, limit: limit)
        case .pcapng(let order): return try stepPcapng(order)
        case .unrecognised: return try recognise()
        }
    }

    /// Reads more, once, after ``Step/needsBytes``.
    ///
    /// - Parameter milliseconds: How long to wait for a pipe's writer; a file is never waited for.
    /// - Returns: False if nothing came in that time. The end of the input counts as something: the next step
    ///   tells.
    /// - Throws: ``CaptureFileError`` if the system refuses, or compressed data are damaged.
    public mutating func refill(waitingAtMost milliseconds: Int32 = -1) throws(CaptureFileError) -> Bool {
        guard !inputEnded else { return true }
        if mayWait, !source.waitForBytes(milliseconds: milliseconds) { return false }
        let held = offset &+ UInt64(window.count)
        if try window.refill(from: &source, toHold: wanted, at: held) == 0 { inputEnded = true }
        return true
    }

    /// Takes the next packet, reading and waiting as needed.
    ///
    /// - Returns: A packet or the end, never ``Step/needsBytes``.
    /// - Throws: ``CaptureFileError`` as ``step()`` and ``refill(waitingAtMost:)`` do.
    public mutating func next() throws(CaptureFileError) -> Step {
        while true {
            let step = try step()
            guard step == .needsBytes else { return step }
            _ = try refill()
        }
    }

    /// Asks for `length` bytes in the window, or tells how the input ended without them.
    @inline(never)
    mutating func need(_ length: Int) -> Step {
        guard inputEnded else {
            wanted = length
            return .needsBytes
        }
        let isWhole = window.count == 0 && !source.endedInsideStream
        return .end(isWhole ? .whole : .cut(recordAt: offset, endsAt: offset &+ UInt64(window.count)))
    }

    private mutating func recognise() throws(CaptureFileError) -> Step {
        let have = window.count
        if have < CaptureFormat.prefixLength, !inputEnded { return need(CaptureFormat.prefixLength) }
        guard have > 0 || source.endedInsideStream else { throw .empty }
        switch CaptureFormat(window.bytes) {
        case .gzip where !source.isInflating:
            window.drain { source.beginInflating($0) }
            // A file that is wholly in the window still has to be inflated.
            inputEnded = false
            return need(CaptureFormat.prefixLength)
        case .gzip: throw .unsupportedFormat("gzip within gzip")
        case .unsupported(let name): throw .unsupportedFormat(name)
        case .unknown:
            guard have >= 4 else { return need(CaptureFormat.prefixLength) }
            throw .unknownFormat(firstBytes: window.bytes.bigEndian32(at: 0))
        case .pcapng:
            // The section header sets its own byte order.
            state = .pcapng(.little)
            return try step()
        case .pcap: return try beginPcap()
        }
    }
}
