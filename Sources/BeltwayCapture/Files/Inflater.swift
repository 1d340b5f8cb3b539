// SPDX-License-Identifier: Apache-2.0
// gzip (RFC 1952) through zlib, as a stream. One of the files that say `unsafe`.
//
// The interface is safe because the z_stream and the input buffer live and die with this object, zlib gets
// exactly the room that the caller lends for the one call, and its pointers into that room are cleared before
// returning.
import CZlib

/// Inflates a stream of gzip members, one after the other.
@safe final class Inflater {
    enum Step {
        /// So many bytes were written.
        case produced(Int)
        /// All input is used up.
        case needsInput
        /// The last member is over; what follows, if anything, is no gzip.
        case ended
        case damaged(String)
    }

    private static let inputCapacity = 128 << 10

    // On the heap because zlib keeps the stream's own address.
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableRawBufferPointer
    private var initialised = false
    private var betweenMembers = false
    private var ended = false

    /// Makes an inflater whose input begins with bytes that are already read.
    init(prefix: RawSpan) {
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let capacity = max(Inflater.inputCapacity, prefix.byteCount)
        unsafe input = .allocate(byteCount: capacity, alignment: 64)
        unsafe prefix.withUnsafeBytes { bytes in unsafe input.copyMemory(from: bytes) }
        unsafe stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: Bytef.self)
        unsafe stream.pointee.avail_in = uInt(prefix.byteCount)
        // 16: gzip and nothing else; 15: the largest window.
        initialised =
            unsafe inflateInit2_(stream, 16 + 15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    }

    deinit {
        if initialised { unsafe inflateEnd(stream) }
        unsafe stream.deinitialize(count: 1)
        unsafe stream.deallocate()
        unsafe input.deallocate()
    }

    /// Whether it has input that it has not looked at.
    var hasInput: Bool { unsafe stream.pointee.avail_in > 0 }

    /// Where to put compressed bytes after ``Step/needsInput``; then call ``accept(_:)``.
    var inputRoom: UnsafeMutableRawBufferPointer { unsafe input }

    /// Says how many compressed bytes were put into ``inputRoom``.
    func accept(_ count: Int) {
        precondition(
            unsafe count >= 0 && count <= input.count && !hasInput,
            "input accepted before the last was used up"
        )
        unsafe stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: Bytef.self)
        unsafe stream.pointee.avail_in = uInt(count)
    }

    /// Inflates what there is, until the room is full or the input used up.
    func inflate(into room: UnsafeMutableRawBufferPointer) -> Step {
        guard initialised else { return .damaged("zlib could not be initialised") }
        while !ended {
            guard hasInput else { return .needsInput }
            if betweenMembers {
                // Padding of zeros is common (tapes, blocks); anything else than a member ends the file, as
                // in gzip(1).
                let byte = unsafe stream.pointee.next_in.pointee
                if byte == 0 {
                    unsafe stream.pointee.next_in += 1
                    unsafe stream.pointee.avail_in -= 1
                    continue
                }
                guard byte == 0x1f, unsafe inflateReset(stream) == Z_OK else {
                    ended = true
                    break
                }
                betweenMembers = false
            }
            unsafe stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: Bytef.self)
            unsafe stream.pointee.avail_out = uInt(room.count)
            let result = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
            let produced = unsafe room.count - Int(stream.pointee.avail_out)
            unsafe stream.pointee.next_out = nil
            unsafe stream.pointee.avail_out = 0
            if result == Z_STREAM_END { betweenMembers = true }
            if produced > 0 { return .produced(produced) }
            switch result {
            case Z_OK, Z_STREAM_END, Z_BUF_ERROR: continue
            default:
                let message = unsafe stream.pointee.msg.map { unsafe String(cString: $0) }
                return .damaged(message ?? "zlib error \(result)")
            }
        }
        return .ended
    }

    /// Whether the input so far ends between two members, so that nothing is missing.
    var isBetweenMembers: Bool { betweenMembers || ended }
}
