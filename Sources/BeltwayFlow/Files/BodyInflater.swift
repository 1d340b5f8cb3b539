// SPDX-License-Identifier: Apache-2.0
// Encoded bodies (RFC 9110, 8.4.1) undone as they come, through zlib: gzip of any number of members (RFC 1952), the
// format of zlib (RFC 1950), and bare deflate (RFC 1951), which some send under that name.
//
// Safe: the z_stream and the room for what comes out live with this object until `release`, after which its state is not
// `going` and neither is touched; zlib sees the caller's bytes during
// the call only, and no pointer to them is kept.
internal import BeltwayWire
internal import CZlib

/// Inflates one body.
@safe final class BodyInflater {
    /// How far it got.
    enum State {
        case going
        /// The last member is over; what follows, if anything, is no part of the body.
        case ended
        case damaged
        /// More came out than any honest body holds.
        case bomb
        /// It gave way to another.
        case gone
    }

    private static var roomLength: Int { 8 << 10 }

    private(set) var state = State.going
    private let stream: UnsafeMutablePointer<z_stream>
    private let room: UnsafeMutableRawBufferPointer
    private let isGzip: Bool
    private var isReady = false
    private var isBetweenMembers = false
    private var isReleased = false
    private let meter: InflationMeter
    /// Its neighbours in the order in which inflaters were used (InflationAccount).
    unowned var before: BodyInflater?
    unowned var after: BodyInflater?
    /// Bytes that came out.
    private(set) var given: UInt64 = 0

    /// Makes an inflater for a body that begins with `first`.
    ///
    /// - Returns: Nil if that is none of the three formats, whatever its head said: the body is as it was sent.
    init?(_ encoding: HTTPContentEncoding, first: RawSpan, _ meter: InflationMeter) {
        self.meter = meter
        guard first.byteCount > 0, let bits = BodyInflater.windowBits(encoding, first) else { return nil }
        isGzip = bits > 15
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        unsafe room = .allocate(byteCount: BodyInflater.roomLength, alignment: 16)
        isReady = unsafe inflateInit2_(stream, bits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        if !isReady { state = .damaged }
        meter.account.add(self)
    }

    deinit { release() }

    /// Gives back what zlib holds: nothing more is inflated.
    private func release() {
        guard !isReleased else { return }
        isReleased = true
        meter.account.remove(self)
        if isReady { unsafe inflateEnd(stream) }
        unsafe stream.deinitialize(count: 1)
        unsafe stream.deallocate()
        unsafe room.deallocate()
    }

    /// Makes room for another.
    func giveWay() {
        if state == .going { state = .gone }
        release()
    }

    /// zlib's number for a format: what the first bytes are counts before what the head said.
    private static func windowBits(_ encoding: HTTPContentEncoding, _ first: RawSpan) -> Int32? {
        guard encoding == .gzip || encoding == .deflate else { return nil }
        if first.byte(at: 0) == 0x1f, first.byteCount < 2 || first.byte(at: 1) == 0x8b { return 16 + 15 }
        if first.byte(at: 0) & 0x8f == 8, first.byteCount < 2 || first.bigEndian16(at: 0) % 31 == 0 {
            return 15
        }
        return encoding == .deflate ? -15 : nil
    }

    /// Whether the body may end here.
    var isWhole: Bool { state == .ended || state == .going && isBetweenMembers }

    /// Inflates the next bytes, and hands on what comes out in pieces.
    func take(_ bytes: RawSpan, _ body: (RawSpan) -> Void) {
        guard state == .going, !isReleased else { return }
        meter.account.touch(self)
        meter.take(bytes.byteCount)
        unsafe bytes.withUnsafeBytes { memory in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(
                mutating: memory.baseAddress?.assumingMemoryBound(to: Bytef.self)
            )
            unsafe stream.pointee.avail_in = uInt(memory.count)
            while state == .going, step(body) {}
            unsafe stream.pointee.next_in = nil
            unsafe stream.pointee.avail_in = 0
        }
        // What has ended or cannot go on holds nothing.
        if state != .going { release() }
    }

    /// Bytes were lost: nothing more can be inflated.
    func stop() {
        if state == .going { state = .damaged }
        release()
    }

    /// One call of zlib.
    ///
    /// - Returns: Whether there is more to do with the same bytes.
    private func step(_ body: (RawSpan) -> Void) -> Bool {
        if isBetweenMembers {
            guard unsafe stream.pointee.avail_in > 0 else { return false }
            guard isGzip, unsafe stream.pointee.next_in.pointee == 0x1f, unsafe inflateReset(stream) == Z_OK
            else {
                state = .ended
                return false
            }
            isBetweenMembers = false
        }
        unsafe stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: Bytef.self)
        unsafe stream.pointee.avail_out = uInt(room.count)
        let result = unsafe inflate(stream, Z_NO_FLUSH)
        let produced = unsafe room.count - Int(stream.pointee.avail_out)
        unsafe stream.pointee.next_out = nil
        unsafe stream.pointee.avail_out = 0
        given &+= UInt64(produced)
        if produced > 0 {
            body(unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(room)).extracting(0..<produced))
        }
        if !meter.give(produced) {
            state = .bomb
            return false
        }
        switch result {
        case Z_OK: return unsafe stream.pointee.avail_in > 0 || produced == BodyInflater.roomLength
        case Z_STREAM_END:
            isBetweenMembers = true
            return true
        case Z_BUF_ERROR: return false
        default:
            state = .damaged
            return false
        }
    }
}
