// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// The memory of a ring, or of a part of its life if it is resized by replacement.
///
///     memory    |0 .......... length|                         one memfd, sealed once it is mapped
///     a view    |0 ... n|0 ... n|                             its first n bytes, twice if blocks may wrap
///
/// Safe because a view lives as long as the area, and because attaching checks size and seals before it maps.
@safe final class RingArea: @unchecked Sendable {
    /// Counted from 0.
    let number: UInt64
    /// Bytes.
    let length: Int
    /// The memfd.
    let descriptor: Int32
    private let views: [Int: UnsafeMutableRawPointer]
    private let isMirrored: Bool

    /// Makes and seals an area.
    ///
    /// All views are made before it is sealed: afterwards nobody maps it writable, its maker included.
    convenience init(
        number: UInt64,
        length: Int,
        viewLengths: [Int],
        isMirrored: Bool
    ) throws(BufferError) {
        let memory = try SharedMemory(creating: "beltway-ring", length: length)
        memory.preferHugePages()
        try self.init(
            number: number,
            length: length,
            descriptor: memory.takeDescriptor(),
            viewLengths: viewLengths,
            isMirrored: isMirrored,
            isWritable: true
        )
        guard beltway_add_seals(descriptor, beltway_seals()) == 0 else {
            throw .system(call: "fcntl(F_ADD_SEALS)", errno: errno)
        }
    }

    /// Maps an area of another process, read-only; the descriptor is duplicated.
    convenience init(
        attaching file: Int32,
        number: UInt64,
        length: Int,
        viewLengths: [Int],
        isMirrored: Bool
    ) throws(BufferError) {
        try SharedMemory.check(file, length: length, seals: beltway_seals())
        let own = dup(file)
        guard own >= 0 else { throw .system(call: "dup", errno: errno) }
        try self.init(
            number: number,
            length: length,
            descriptor: own,
            viewLengths: viewLengths,
            isMirrored: isMirrored,
            isWritable: false
        )
    }

    private init(
        number: UInt64,
        length: Int,
        descriptor: Int32,
        viewLengths: [Int],
        isMirrored: Bool,
        isWritable: Bool
    ) throws(BufferError) {
        self.number = number
        self.length = length
        self.descriptor = descriptor
        self.isMirrored = isMirrored
        var made: [Int: UnsafeMutableRawPointer] = unsafe [:]
        let access = isWritable ? PROT_READ | PROT_WRITE : PROT_READ
        for view in isMirrored ? viewLengths : [length] {
            do throws(BufferError) {
                unsafe made[view] = try SharedMemory.map(descriptor, view, access, times: isMirrored ? 2 : 1)
            } catch {
                unsafe made.forEach { length, base in
                    _ = unsafe munmap(base, isMirrored ? 2 * length : length)
                }
                close(descriptor)
                throw error
            }
        }
        unsafe views = made
    }

    deinit {
        unsafe views.forEach { length, base in _ = unsafe munmap(base, isMirrored ? 2 * length : length) }
        close(descriptor)
    }

    /// Where the view of the first `length` bytes begins; nil if there is no such view.
    func base(of length: Int) -> UnsafeMutableRawPointer? {
        guard length <= self.length else { return nil }
        return unsafe views[isMirrored ? length : self.length]
    }
}
