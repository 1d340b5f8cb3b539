// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire
import CLinux
import Glibc

// Writes chosen packets as one pcapng section: nanoseconds, an interface description before its first packet.
//
// Safe because the buffer is allocated and released with the object, and every append is checked against its
// end.

/// A pcapng file that packets of any interfaces and link types can be written to, or standard output.
@safe public final class CaptureFileWriter {
    /// Packets written.
    public private(set) var packets: UInt64 = 0
    /// Bytes written, headers included.
    public private(set) var bytes: UInt64 = 0
    /// Interfaces described so far.
    public private(set) var interfaces: [StoredInterface] = []

    private static let capacity = 1 << 20
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
        beforeLast = used
        put(RecordLayout.enhancedPacketBlock)
        put(UInt32(length))
        put(UInt32(number))
        put(UInt32(truncatingIfNeeded: about.time.nanoseconds >> 32))
        put(UInt32(truncatingIfNeeded: about.time.nanoseconds))
        put(UInt32(packet.byteCount))
        put(about.originalLength)
        if padded > 0 { unsafe buffer.storeBytes(of: 0, toByteOffset: used + padded - 4, as: UInt32.self) }
        unsafe packet.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[used..<(used + padded)]).copyMemory(
                from: source
            )
        }
        used += padded
        if about.flags != 0 {
            put(2 | 4 << 16)  // epb_flags, 4 bytes
            put(about.flags)
            put(0)  // opt_endofopt
        }
        put(UInt32(length))
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
        if CaptureFileWriter.capacity - used < length { try flush() }
    }

    @inline(__always)
    private func put(_ word: UInt32) {
        unsafe buffer.storeBytes(of: word.littleEndian, toByteOffset: used, as: UInt32.self)
        used += 4
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
