// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
public import CBeltway
internal import Glibc

// The functions of beltway.h that find rings, attach to them and make index rings; what each does is said there.

/// See `beltway_version` in beltway.h.
@c @implementation
public func beltway_version() -> UInt32 { BELTWAY_VERSION }

/// See `beltway_error` in beltway.h.
@c @implementation
public func beltway_error() -> UnsafePointer<CChar>? { unsafe LastError.text }

/// See `beltway_list` in beltway.h.
@c @implementation
public func beltway_list(
    _ data: UnsafePointer<CChar>?,
    _ rings: UnsafeMutablePointer<beltway_ring>?,
    _ capacity: Int,
    _ count: UnsafeMutablePointer<Int>?
) -> Int32 {
    result { () throws(Failure) in
        guard let count = unsafe count else { throw Failure(EINVAL, "count is NULL") }
        unsafe count.pointee = 0
        guard capacity >= 0, unsafe rings != nil || capacity == 0 else {
            throw Failure(EINVAL, "rings is NULL")
        }
        let folder = try unsafe text(data, "data") + "/run"
        do throws(SharingError) {
            var found = 0
            for name in try SharedBuffers.names(in: folder) {
                guard let ring = try? SharedBuffers.describe(name, in: folder) else { continue }
                if let rings = unsafe rings, found < capacity { unsafe rings[found] = beltway_ring(ring) }
                found += 1
            }
            unsafe count.pointee = found
        } catch {
            throw Failure(error)
        }
    }
}

/// See `beltway_attach` in beltway.h.
@c @implementation
public func beltway_attach(
    _ data: UnsafePointer<CChar>?,
    _ ring: UnsafePointer<CChar>?,
    _ name: UnsafePointer<CChar>?,
    _ flags: UInt32,
    _ reader: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    result { () throws(Failure) in
        guard let reader = unsafe reader else { throw Failure(EINVAL, "reader is NULL") }
        unsafe reader.pointee = nil
        guard flags & ~BELTWAY_HOLD == 0 else { throw Failure(EINVAL, "unknown flags \(flags)") }
        let handle = try unsafe ReaderHandle.attach(
            text(ring, "ring"),
            data: text(data, "data"),
            as: name == nil ? programName : text(name, "name"),
            holds: flags & BELTWAY_HOLD != 0
        )
        unsafe reader.pointee = try HandleTable.shared.add(handle, .reader)
    }
}

/// What the host program is called.
private var programName: String {
    let path = CommandLine.arguments.first ?? "C program"
    return path.split(separator: "/").last.map(String.init) ?? path
}

/// See `beltway_detach` in beltway.h.
@c @implementation
public func beltway_detach(_ reader: OpaquePointer?) -> Int32 {
    // The owner keeps the last ledger that it was shown.
    let code = unsafe withReader(reader) { reader throws(Failure) in reader.release() }
    guard code == 0 else { return code }
    return result { () throws(Failure) in try unsafe HandleTable.shared.remove(reader, .reader) }
}

/// See `beltway_describe` in beltway.h.
@c @implementation
public func beltway_describe(
    _ reader: OpaquePointer?,
    _ ring: UnsafeMutablePointer<beltway_ring>?
) -> Int32 {
    unsafe withReader(reader) { reader throws(Failure) in
        guard let ring = unsafe ring else { throw Failure(EINVAL, "ring is NULL") }
        unsafe ring.pointee = beltway_ring(try reader.source.description())
    }
}

/// See `beltway_interface` in beltway.h.
@c @implementation
public func beltway_interface(
    _ reader: OpaquePointer?,
    _ interface_number: UInt32,
    _ name: UnsafeMutablePointer<CChar>?,
    _ capacity: Int
) -> Int32 {
    unsafe withReader(reader) { reader throws(Failure) in
        guard let name = unsafe name, capacity > 0 else {
            throw Failure(EINVAL, "name is NULL, or has no room")
        }
        let names = reader.source.packets?.interfaces ?? []
        guard interface_number < names.count else {
            let text = "\(reader.source.name) has \(names.count) interfaces, and no \(interface_number)"
            throw Failure(ENOENT, text)
        }
        let bytes = names[Int(interface_number)].utf8.prefix(capacity - 1)
        for (index, byte) in bytes.enumerated() { unsafe name[index] = CChar(bitPattern: byte) }
        unsafe name[bytes.count] = 0
    }
}

/// See `beltway_reconnect` in beltway.h.
@c @implementation
public func beltway_reconnect(_ reader: OpaquePointer?) -> Int32 {
    result { () throws(Failure) in
        try unsafe HandleTable.shared.with(reader, .reader) { (reader: inout ReaderHandle) throws(Failure) in
            let anew = try ReaderHandle.reader(of: reader.source.reconnected(), holds: reader.isHolding)
            anew.coalescing = reader.coalescing
            reader = anew
        }
    }
}

// MARK: Index rings

/// See `beltway_index_create` in beltway.h.
@c @implementation
public func beltway_index_create(
    _ data: UnsafePointer<CChar>?,
    _ name: UnsafePointer<CChar>?,
    _ readers: UnsafePointer<OpaquePointer?>?,
    _ count: Int,
    _ entries: Int,
    _ policy: UInt32,
    _ index: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    result { () throws(Failure) in
        guard let index = unsafe index else { throw Failure(EINVAL, "index is NULL") }
        unsafe index.pointee = nil
        guard let readers = unsafe readers, (1...63).contains(count) else {
            throw Failure(EINVAL, "\(count) readers; 1 to 63 are expected")
        }
        guard (128...1 << 24).contains(entries), entries & (entries - 1) == 0 else {
            throw Failure(EINVAL, "\(entries) entries; a power of two of 128 to 16777216 is expected")
        }
        guard let policy = BufferPolicy(rawValue: UInt64(policy)), policy != .mediumReader else {
            throw Failure(EINVAL, "an index ring has no policy \(policy)")
        }
        var rings: [DataBuffer] = []
        for number in 0..<count {
            try unsafe HandleTable.shared.with(readers[number], .reader) {
                (reader: inout ReaderHandle) throws(Failure) in
                guard let ring = reader.source.packets else {
                    throw Failure(EINVAL, "\(reader.source.name) is no ring of packets")
                }
                rings.append(ring)
            }
        }
        let handle = try unsafe IndexHandle(
            text(name, "name"),
            data: text(data, "data"),
            rings: rings,
            entries: entries,
            policy: policy
        )
        unsafe index.pointee = try HandleTable.shared.add(handle, .index)
    }
}

private func withIndex(
    _ handle: OpaquePointer?,
    _ body: (IndexHandle) throws(Failure) -> Void
) -> Int32 {
    result { () throws(Failure) in
        try unsafe HandleTable.shared.with(handle, .index) { (index: inout IndexHandle) throws(Failure) in
            try body(index)
        }
    }
}

/// See `beltway_index_append` in beltway.h.
@c @implementation
public func beltway_index_append(
    _ index: OpaquePointer?,
    _ packet: UnsafePointer<beltway_packet>?,
    _ flow_hash: UInt32,
    _ classification: UInt32
) -> Int32 {
    unsafe withIndex(index) { index throws(Failure) in
        guard let packet = unsafe packet else { throw Failure(EINVAL, "packet is NULL") }
        unsafe try index.append(packet.pointee, flowHash: flow_hash, classification: classification)
    }
}

/// See `beltway_index_publish` in beltway.h.
@c @implementation
public func beltway_index_publish(_ index: OpaquePointer?) -> Int32 {
    unsafe withIndex(index) { index throws(Failure) in index.publish() }
}

/// See `beltway_index_wait` in beltway.h.
@c @implementation
public func beltway_index_wait(_ index: OpaquePointer?) -> Int32 {
    unsafe withIndex(index) { index throws(Failure) in index.waitForRoom() }
}

/// See `beltway_index_close` in beltway.h.
@c @implementation
public func beltway_index_close(_ index: OpaquePointer?) -> Int32 {
    let code = unsafe withIndex(index) { index throws(Failure) in index.close() }
    guard code == 0 else { return code }
    return result { () throws(Failure) in try unsafe HandleTable.shared.remove(index, .index) }
}
