// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire
import CLinux
import Glibc

// Writes chosen packets as one pcapng section: nanoseconds, an interface description before its first packet.
//
// Safe because the buffer is allocated and released with the object, and every append is checked against its
// end: `put` itself is, and what goes past it (`write`) has asked `makeRoom` for its whole length.

/// A pcapng file that packets of any interfaces and link types can be written to, or standard output.
@safe public final class CaptureFileWriter {
    /// Packets written.
    public private(set) var packets: UInt64 = 0
    /// Bytes written, headers included.
    public private(set) var bytes: UInt64 = 0
    /// Interfaces described so far.
    public private(set) var interfaces: [StoredInterface] = []

    private static let capacity = 1 << 19
    /// Bytes that are gathered for one system call: few enough to stay in a processor's own cache.
    private static let batch = 1 << 17
    private let path: String
    private let descriptor: Int32
    private let ownsDescriptor: Bool
    private let buffer: UnsafeMutableRawBufferPointer
    private var used = 0
    /// Where the packet written last begins; -1 if it cannot be taken back.
    private var beforeLast = -1
    private var isFinished = false

    /// Opens the file, replacing what was there.
    ///
    /// - Parameter path: A file, or `-` for standard output.
    /// - Throws: ``PacketStoreError`` if the file cannot be made.
    public init(path: String) throws(PacketStoreError) {
        self.path = path == "-" ? "standard output" : path
        ownsDescriptor = path != "-"
        var file = STDOUT_FILENO
        if ownsDescriptor {
            file = unsafe beltway_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
            guard file >= 0 else { throw .system(operation: .create, path: path, errno: errno) }
        }
        descriptor = file
        unsafe buffer = .allocate(byteCount: CaptureFileWriter.capacity, alignment: 16)
        put(SegmentLayout.sectionHeader())
    }

    deinit {
        unsafe buffer.deallocate()
        if ownsDescriptor { close(descriptor) }
    }

    /// The number of an interface, described on the spot if it is new.
    ///
    /// - Parameter interface: Name and link type.
    /// - Returns: What ``write(_:_:number:)`` takes.
    /// - Throws: ``PacketStoreError`` if the file cannot be written.
    public func number(of interface: StoredInterface) throws(PacketStoreError) -> Int {
        if let known = interfaces.firstIndex(of: interface) { return known }
        try makeRoom(1024)
        put(SegmentLayout.interfaceBlock(name: interface.name, linkType: interface.linkType))
        interfaces.append(interface)
        return interfaces.count - 1
    }

    /// Writes one packet.
    ///
    /// - Parameters:
    ///   - packet: Captured bytes, at most 262,144.
    ///   - about: Its time, length on the wire and flags.
    ///   - interface: Where it came by.
    /// - Throws: ``PacketStoreError`` if the file cannot be written.
    public func write(
        _ packet: RawSpan,
        _ about: StoredPacket,
        interface: StoredInterface
    ) throws(PacketStoreError) {
        try write(packet, about, number: number(of: interface))
    }

    /// Writes one packet of an interface whose number is known.
    ///
    /// - Parameters:
    ///   - packet: Captured bytes, at most 262,144 (a programmer error otherwise).
    ///   - about: Its time, length on the wire and flags.
    ///   - number: What ``number(of:)`` returned.
    /// - Throws: ``PacketStoreError`` if the file cannot be written.
    public func write(_ packet: RawSpan, _ about: StoredPacket, number: Int) throws(PacketStoreError) {
        precondition(
            packet.byteCount <= RecordLayout.maximumCapturedLength,
            "a packet longer than any record"
        )
        let padded = (packet.byteCount + 3) & ~3
        let length = RecordLayout.overhead + padded + (about.flags == 0 ? 0 : 12)
        try makeRoom(length)
        // Once per packet, not per word: each use of a property of a class is looked after while the program runs.
        let start = used
        guard let base = unsafe buffer.baseAddress else { return }
        let block = unsafe base + start
        unsafe block.storeBytes(of: RecordLayout.enhancedPacketBlock.littleEndian, as: UInt32.self)
        unsafe block.storeBytes(of: UInt32(length).littleEndian, toByteOffset: 4, as: UInt32.self)
        unsafe block.storeBytes(of: UInt32(number).littleEndian, toByteOffset: 8, as: UInt32.self)
        let (high, low) = (about.time.nanoseconds >> 32, about.time.nanoseconds & 0xffff_ffff)
        unsafe block.storeBytes(of: UInt32(high).littleEndian, toByteOffset: 12, as: UInt32.self)
        unsafe block.storeBytes(of: UInt32(low).littleEndian, toByteOffset: 16, as: UInt32.self)
        unsafe block.storeBytes(of: UInt32(packet.byteCount).littleEndian, toByteOffset: 20, as: UInt32.self)
        unsafe block.storeBytes(of: about.originalLength.littleEndian, toByteOffset: 24, as: UInt32.self)
        if padded > 0 { unsafe block.storeBytes(of: 0, toByteOffset: 24 + padded, as: UInt32.self) }
        unsafe packet.withUnsafeBytes { source in
            guard let from = source.baseAddress else { return }
            unsafe (block + 28).copyMemory(from: from, byteCount: source.count)
        }
        var end = 28 + padded
        if about.flags != 0 {
            // epb_flags, 4 bytes; opt_endofopt
            unsafe block.storeBytes(of: UInt32(2 | 4 << 16).littleEndian, toByteOffset: end, as: UInt32.self)
            unsafe block.storeBytes(of: about.flags.littleEndian, toByteOffset: end + 4, as: UInt32.self)
            unsafe block.storeBytes(of: 0, toByteOffset: end + 8, as: UInt32.self)
            end += 12
        }
        unsafe block.storeBytes(of: UInt32(length).littleEndian, toByteOffset: end, as: UInt32.self)
        (used, beforeLast) = (start + length, start)
        packets += 1
    }

    /// Takes back the packet written last: its bytes were overwritten while they were copied.
    ///
    /// It is a programmer error to call it twice, or after a flush.
    public func takeBackLast() {
        precondition(beforeLast >= 0 && beforeLast < used, "only the packet written last can be taken back")
        used = beforeLast
        beforeLast = -1
        packets -= 1
    }

    /// Writes what is left; a file without packets gets an interface, which libpcap insists on.
    ///
    /// - Parameter fallback: That interface.
    /// - Throws: ``PacketStoreError`` if the file cannot be written.
    public func finish(
        fallback: StoredInterface = StoredInterface(name: "none", linkType: .ethernet)
    ) throws(PacketStoreError) {
        guard !isFinished else { return }
        if interfaces.isEmpty { _ = try number(of: fallback) }
        try flush()
        isFinished = true
    }

    // MARK: Bytes

    private func makeRoom(_ length: Int) throws(PacketStoreError) {
        precondition(length <= CaptureFileWriter.capacity, "a block longer than any")
        if used > 0, used + length > CaptureFileWriter.batch { try flush() }
    }

    private func put(_ block: [UInt8]) {
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyBytes(from: block)
        used += block.count
    }

    /// Writes everything so far, for a reader at the other end of a pipe.
    ///
    /// - Throws: ``PacketStoreError`` if the file cannot be written.
    public func flush() throws(PacketStoreError) {
        var done = 0
        while done < used {
            let count = unsafe Glibc.write(
                descriptor,
                buffer.baseAddress.map { unsafe $0 + done },
                used - done
            )
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw .system(operation: .write, path: path, errno: count == 0 ? ENOSPC : errno)
            }
        }
        bytes += UInt64(used)
        used = 0
        beforeLast = -1
    }
}
