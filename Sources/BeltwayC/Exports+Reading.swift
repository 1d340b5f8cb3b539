// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
public import CBeltway
internal import Glibc

// The functions of beltway.h that read packets; what each does is said there.
//
// Every argument that can be checked is; a pointer that is not NULL and points nowhere cannot be.

/// Packets that one call takes at most.
private let greatestBatch = 65_536

/// Runs a body on the reader of a handle.
func withReader(
    _ handle: OpaquePointer?,
    _ body: (ReaderHandle) throws(Failure) -> Void
) -> Int32 {
    result { () throws(Failure) in
        try unsafe HandleTable.shared.with(handle, .reader) { (reader: inout ReaderHandle) throws(Failure) in
            try body(reader)
        }
    }
}

/// See `beltway_next` in beltway.h.
@c @implementation
public func beltway_next(
    _ reader: OpaquePointer?,
    _ packet: UnsafeMutablePointer<beltway_packet>?
) -> Int32 {
    unsafe withReader(reader) { reader throws(Failure) in
        guard let packet = unsafe packet else { throw Failure(EINVAL, "packet is NULL") }
        _ = unsafe try reader.take(UnsafeMutableBufferPointer(start: packet, count: 1))
    }
}

/// See `beltway_next_batch` in beltway.h.
@c @implementation
public func beltway_next_batch(
    _ reader: OpaquePointer?,
    _ packets: UnsafeMutablePointer<beltway_packet>?,
    _ capacity: Int,
    _ count: UnsafeMutablePointer<Int>?
) -> Int32 {
    guard let count = unsafe count else {
        return result { () throws(Failure) in throw Failure(EINVAL, "count is NULL") }
    }
    unsafe count.pointee = 0
    return unsafe withReader(reader) { reader throws(Failure) in
        guard let packets = unsafe packets, capacity != 0 else {
            throw Failure(EINVAL, "there is no room for a packet")
        }
        // A size_t beyond Int.max looks negative.
        let room = capacity < 0 ? greatestBatch : min(capacity, greatestBatch)
        unsafe count.pointee = try reader.take(UnsafeMutableBufferPointer(start: packets, count: room))
    }
}

/// See `beltway_peek` in beltway.h.
@c @implementation
public func beltway_peek(
    _ reader: OpaquePointer?,
    _ packet: UnsafeMutablePointer<beltway_packet>?
) -> Int32 {
    unsafe withReader(reader) { reader throws(Failure) in
        guard let packet = unsafe packet else { throw Failure(EINVAL, "packet is NULL") }
        unsafe try reader.peek(packet)
    }
}

/// See `beltway_confirm` in beltway.h.
@c @implementation
public func beltway_confirm(_ reader: OpaquePointer?, _ packet: UnsafePointer<beltway_packet>?) -> Int32 {
    unsafe withReader(reader) { reader throws(Failure) in
        guard let packet = unsafe packet else { throw Failure(EINVAL, "packet is NULL") }
        guard unsafe try reader.confirm(packet.pointee) else { throw Failure.overwritten }
    }
}

/// See `beltway_confirm_batch` in beltway.h.
@c @implementation
public func beltway_confirm_batch(
    _ reader: OpaquePointer?,
    _ packets: UnsafePointer<beltway_packet>?,
    _ count: Int,
    _ gone: UnsafeMutablePointer<Int>?
) -> Int32 {
    guard let gone = unsafe gone else {
        return result { () throws(Failure) in throw Failure(EINVAL, "gone is NULL") }
    }
    unsafe gone.pointee = 0
    return unsafe withReader(reader) { reader throws(Failure) in
        guard let packets = unsafe packets, count >= 0 else {
            throw Failure(EINVAL, "packets is NULL, or count out of range")
        }
        // The oldest are overwritten first.
        var index = 0
        while index < count {
            if unsafe try reader.confirm(packets[index]) { break }
            index += 1
        }
        unsafe gone.pointee = index
    }
}

/// See `beltway_read` in beltway.h.
@c @implementation
public func beltway_read(
    _ reader: OpaquePointer?,
    _ packet: UnsafeMutablePointer<beltway_packet>?,
    _ buffer: UnsafeMutableRawPointer?,
    _ capacity: Int
) -> Int32 {
    unsafe withReader(reader) { reader throws(Failure) in
        guard let packet = unsafe packet, let buffer = unsafe buffer, capacity > 0 else {
            throw Failure(EINVAL, "packet or buffer is NULL, or there is no room in it")
        }
        while true {
            _ = unsafe try reader.take(UnsafeMutableBufferPointer(start: packet, count: 1))
            let length = unsafe min(capacity, Int(packet.pointee.captured_length))
            if let bytes = unsafe packet.pointee.bytes {
                unsafe buffer.copyMemory(from: bytes, byteCount: length)
            }
            if unsafe try reader.confirm(packet.pointee) {
                guard unsafe packet.pointee.bytes != nil else { return }
                unsafe packet.pointee.bytes = UnsafeRawPointer(buffer)
                return
            }
        }
    }
}

/// See `beltway_release` in beltway.h.
@c @implementation
public func beltway_release(_ reader: OpaquePointer?) -> Int32 {
    unsafe withReader(reader) { reader throws(Failure) in reader.release() }
}

/// See `beltway_wait` in beltway.h.
@c @implementation
public func beltway_wait(_ reader: OpaquePointer?, _ nanoseconds: Int64) -> Int32 {
    unsafe withReader(reader) { reader throws(Failure) in try reader.wait(nanoseconds: nanoseconds) }
}

/// See `beltway_coalesce` in beltway.h.
@c @implementation
public func beltway_coalesce(_ reader: OpaquePointer?, _ delay: Int64, _ bytes: UInt64) -> Int32 {
    unsafe withReader(reader) { reader throws(Failure) in
        guard delay >= 0, bytes > 0 else {
            throw Failure(EINVAL, "\(delay) ns and \(bytes) bytes; 0 or more and 1 or more are expected")
        }
        reader.coalescing = Coalescing(delayNanoseconds: delay, bytes: bytes)
    }
}

/// See `beltway_count` in beltway.h.
@c @implementation
public func beltway_count(_ reader: OpaquePointer?, _ counts: UnsafeMutablePointer<beltway_counts>?) -> Int32
{
    unsafe withReader(reader) { reader throws(Failure) in
        guard let counts = unsafe counts else { throw Failure(EINVAL, "counts is NULL") }
        unsafe counts.pointee = reader.counts
    }
}

extension Failure {
    /// Made once, as it is no failure.
    static let overwritten = Failure(ESTALE, "the packet has been overwritten")
}
