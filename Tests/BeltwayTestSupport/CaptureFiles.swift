// SPDX-License-Identifier: Apache-2.0
// Builders of capture files, byte by byte as the formats' texts say, and files that live in memory.
import CLinux
import Foundation

/// A growing run of bytes with numbers in a chosen order.
public struct FileBytes {
    /// The bytes so far.
    public var bytes: [UInt8] = []
    /// Whether numbers are written with their most significant byte first.
    public let isBigEndian: Bool

    /// Makes no bytes yet.
    public init(isBigEndian: Bool = false) { self.isBigEndian = isBigEndian }

    /// Adds a number.
    public mutating func add<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: isBigEndian ? number.bigEndian : number.littleEndian) {
            bytes.append(contentsOf: $0)
        }
    }

    /// Adds bytes.
    public mutating func add(_ data: [UInt8]) { bytes.append(contentsOf: data) }

    /// Adds zeros up to a multiple.
    public mutating func pad(to multiple: Int) {
        while bytes.count % multiple != 0 { bytes.append(0) }
    }
}

/// Builds a classic pcap file.
public struct PcapBuilder {
    /// The file so far.
    public private(set) var file: FileBytes
    private let isModified: Bool

    /// The bytes of the file so far.
    public var bytes: [UInt8] { file.bytes }

    /// Writes the file header.
    public init(
        magic: UInt32 = 0xa1b2_c3d4,
        isBigEndian: Bool = false,
        major: UInt16 = 2,
        minor: UInt16 = 4,
        snapLength: UInt32 = 262_144,
        linkType: UInt32 = 1
    ) {
        file = FileBytes(isBigEndian: isBigEndian)
        isModified = magic == 0xa1b2_cd34
        file.add(magic)
        file.add(major)
        file.add(minor)
        file.add(UInt64(0))
        file.add(snapLength)
        file.add(linkType)
    }

    /// Adds a record; lengths are the packet's unless they are given.
    public mutating func add(
        _ packet: [UInt8],
        seconds: UInt32 = 0,
        fraction: UInt32 = 0,
        captured: UInt32? = nil,
        original: UInt32? = nil
    ) {
        file.add(seconds)
        file.add(fraction)
        file.add(captured ?? UInt32(packet.count))
        file.add(original ?? UInt32(packet.count))
        if isModified { file.add([0, 0, 0, 1, 8, 0, 0, 0]) }
        file.add(packet)
    }
}

/// Builds a pcapng file.
public struct PcapngBuilder {
    /// The bytes of the file so far.
    public private(set) var bytes: [UInt8] = []
    private var isBigEndian = false

    /// Makes an empty file.
    public init() {}

    /// Any block; the body is padded.
    public mutating func add(type: UInt32, _ body: (inout FileBytes) -> Void) {
        var content = FileBytes(isBigEndian: isBigEndian)
        body(&content)
        content.pad(to: 4)
        var block = FileBytes(isBigEndian: isBigEndian)
        block.add(type)
        block.add(UInt32(content.bytes.count + 12))
        block.add(content.bytes)
        block.add(UInt32(content.bytes.count + 12))
        bytes += block.bytes
    }

    /// Begins a section.
    public mutating func section(isBigEndian: Bool = false, major: UInt16 = 1, minor: UInt16 = 0) {
        self.isBigEndian = isBigEndian
        add(type: 0x0a0d_0d0a) {
            $0.add(UInt32(0x1a2b_3c4d))
            $0.add(major)
            $0.add(minor)
            $0.add(UInt64.max)
        }
    }

    /// Describes an interface.
    public mutating func interface(
        linkType: UInt16 = 1,
        snapLength: UInt32 = 0,
        name: String? = nil,
        resolution: UInt8? = nil,
        offset: Int64? = nil
    ) {
        add(type: 1) { body in
            body.add(linkType)
            body.add(UInt16(0))
            body.add(snapLength)
            if let name { PcapngBuilder.option(2, Array(name.utf8), &body) }
            if let resolution { PcapngBuilder.option(9, [resolution], &body) }
            if let offset {
                var value = FileBytes(isBigEndian: body.isBigEndian)
                value.add(offset)
                PcapngBuilder.option(14, value.bytes, &body)
            }
            if name != nil || resolution != nil || offset != nil { PcapngBuilder.option(0, [], &body) }
        }
    }

    /// Adds an Enhanced Packet Block.
    public mutating func enhanced(
        _ packet: [UInt8],
        interface: UInt32 = 0,
        time: UInt64 = 0,
        captured: UInt32? = nil,
        original: UInt32? = nil,
        flags: UInt32? = nil
    ) {
        add(type: 6) { body in
            body.add(interface)
            body.add(UInt32(truncatingIfNeeded: time >> 32))
            body.add(UInt32(truncatingIfNeeded: time))
            body.add(captured ?? UInt32(packet.count))
            body.add(original ?? UInt32(packet.count))
            body.add(packet)
            body.pad(to: 4)
            if let flags {
                var value = FileBytes(isBigEndian: body.isBigEndian)
                value.add(flags)
                PcapngBuilder.option(1, Array("a comment".utf8), &body)
                PcapngBuilder.option(2, value.bytes, &body)
                PcapngBuilder.option(0, [], &body)
            }
        }
    }

    /// Adds a Simple Packet Block.
    public mutating func simple(_ packet: [UInt8], original: UInt32? = nil) {
        add(type: 3) { body in
            body.add(original ?? UInt32(packet.count))
            body.add(packet)
        }
    }

    /// Adds a Packet Block.
    public mutating func obsolete(_ packet: [UInt8], interface: UInt16 = 0, time: UInt64 = 0) {
        add(type: 2) { body in
            body.add(interface)
            body.add(UInt16(0))
            body.add(UInt32(truncatingIfNeeded: time >> 32))
            body.add(UInt32(truncatingIfNeeded: time))
            body.add(UInt32(packet.count))
            body.add(UInt32(packet.count))
            body.add(packet)
        }
    }

    private static func option(_ code: UInt16, _ value: [UInt8], _ body: inout FileBytes) {
        body.add(code)
        body.add(UInt16(value.count))
        body.add(value)
        body.pad(to: 4)
    }
}

/// A file that exists only in memory and has a path all the same.
public final class MemoryFile: Sendable {
    /// Its open descriptor, at its first byte.
    public let descriptor: Int32
    /// A path that opens it anew.
    public var path: String { "/proc/self/fd/\(descriptor)" }

    /// Makes a file of these bytes.
    public init(_ bytes: [UInt8]) {
        descriptor = beltway_memfd("capture")
        precondition(descriptor >= 0, "no memory file")
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            precondition(count > 0, "memory file not written")
            written += count
        }
        lseek(descriptor, 0, SEEK_SET)
    }

    deinit { close(descriptor) }
}

/// A generator of numbers that depend on nothing but the seed.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    /// Starts at a seed.
    public init(seed: UInt64) { state = seed }
    /// The next number (SplitMix64).
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
