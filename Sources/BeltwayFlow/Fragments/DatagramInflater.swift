// SPDX-License-Identifier: Apache-2.0
// One datagram of bare deflate (RFC 1951) inflated whole, through zlib: each is compressed by itself (RFC 2394, 3).
//
// Safe: the z_stream and the room live as long as this object, which nothing copies; zlib sees the caller's bytes and the
// room during the call only, is told how many there are, and no pointer to them is kept.
internal import BeltwayWire
internal import CZlib

/// Inflates datagrams, one at a time.
@safe final class DatagramInflater {
    /// How that went.
    enum Result: Equatable {
        case whole([UInt8])
        /// No deflate, or none that ends where the datagram does; so many bytes came out before that showed.
        case damaged(produced: Int)
        /// More came out than may.
        case tooLong
    }

    /// What the payload of an IP packet may be.
    static var mostBytes: Int { 65_535 }

    private let stream: UnsafeMutablePointer<z_stream>
    private let room: UnsafeMutableRawBufferPointer
    private let isReady: Bool

    init() {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // One byte more than may come out: so that too much shows.
        unsafe room = .allocate(byteCount: DatagramInflater.mostBytes + 1, alignment: 16)
        isReady = unsafe inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    }

    deinit {
        if isReady { unsafe inflateEnd(stream) }
        unsafe stream.deinitialize(count: 1)
        unsafe stream.deallocate()
        unsafe room.deallocate()
    }

    /// Inflates a datagram.
    ///
    /// - Parameters:
    ///   - bytes: All of it.
    ///   - most: Bytes that may come out, at most ``mostBytes``.
    /// - Returns: What came out.
    func inflate(_ bytes: RawSpan, most: Int) -> Result {
        guard isReady, unsafe inflateReset(stream) == Z_OK else { return .damaged(produced: 0) }
        let limit = min(most, DatagramInflater.mostBytes) + 1
        var status = Z_DATA_ERROR
        var rest = 0
        var produced = 0
        unsafe bytes.withUnsafeBytes { memory in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(
                mutating: memory.baseAddress?.assumingMemoryBound(to: Bytef.self)
            )
            unsafe stream.pointee.avail_in = uInt(memory.count)
            unsafe stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: Bytef.self)
            unsafe stream.pointee.avail_out = uInt(limit)
            status = unsafe CZlib.inflate(stream, Z_FINISH)
            rest = unsafe Int(stream.pointee.avail_in)
            produced = unsafe limit - Int(stream.pointee.avail_out)
            unsafe stream.pointee.next_in = nil
            unsafe stream.pointee.avail_in = 0
            unsafe stream.pointee.next_out = nil
            unsafe stream.pointee.avail_out = 0
        }
        if produced >= limit { return .tooLong }
        guard status == Z_STREAM_END, rest == 0 else { return .damaged(produced: produced) }
        return .whole(unsafe Array(room[..<produced]))
    }
}
