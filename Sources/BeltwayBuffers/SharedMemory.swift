// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import Synchronization

/// A memfd and its mapping: writable for who made it, read-only for who attached.
///
/// Safe because the mapping lives exactly as long as the object, and because attaching checks the seals: memory that
/// its owner could still shrink would fault under a reader.
@safe final class SharedMemory: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let length: Int
    let descriptor: Int32

    /// What the memory of a producer is sealed with.
    static var readOnlySeals: Int32 { beltway_seals() }
    private static let hugePage = 2 << 20

    init(creating name: String, length: Int) throws(BufferError) {
        let file = unsafe beltway_memfd(name)
        guard file >= 0 else { throw .system(call: "memfd_create", errno: errno) }
        guard ftruncate(file, length) == 0 else {
            let number = errno
            close(file)
            throw .system(call: "ftruncate of \(length) bytes of shared memory", errno: number)
        }
        do throws(BufferError) {
            unsafe base = try Self.map(file, length, PROT_READ | PROT_WRITE)
        } catch {
            close(file)
            throw error
        }
        self.length = length
        descriptor = file
    }

    init(attaching file: Int32, minimumLength: Int) throws(BufferError) {
        try Self.checkSeals(of: file, beltway_seals())
        let size = try Self.size(of: file)
        guard size >= minimumLength, size <= 2 * BufferGeometry.maximumCapacity else {
            throw .notABuffer("shared memory of \(size) bytes")
        }
        let own = dup(file)
        guard own >= 0 else { throw .system(call: "dup", errno: errno) }
        do throws(BufferError) {
            unsafe base = try Self.map(own, size, PROT_READ)
        } catch {
            close(own)
            throw error
        }
        length = size
        descriptor = own
    }

    /// Maps memory that its owner lets this process write: its size is checked and must be sealed.
    init(attachingWritable file: Int32, length: Int) throws(BufferError) {
        try Self.check(file, length: length, seals: beltway_size_seals())
        let own = dup(file)
        guard own >= 0 else { throw .system(call: "dup", errno: errno) }
        do throws(BufferError) {
            unsafe base = try Self.map(own, length, PROT_READ | PROT_WRITE)
        } catch {
            close(own)
            throw error
        }
        self.length = length
        descriptor = own
    }

    deinit {
        unsafe munmap(base, length)
        if ownsDescriptor.load(ordering: .relaxed) { close(descriptor) }
    }

    private let ownsDescriptor = Atomic<Bool>(true)

    /// Hands over the descriptor: it outlives this mapping.
    func takeDescriptor() -> Int32 {
        precondition(ownsDescriptor.exchange(false, ordering: .relaxed), "a descriptor is taken once")
        return descriptor
    }

    private static func size(of file: Int32) throws(BufferError) -> Int {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw .system(call: "fstat", errno: errno) }
        return Int(status.st_size)
    }

    /// Refuses memory of another size than stated, and memory that its owner could still shrink under a reader.
    ///
    /// The seals first: a size asked for before could still change until they are there.
    static func check(_ file: Int32, length: Int, seals: Int32) throws(BufferError) {
        try checkSeals(of: file, seals)
        let size = try size(of: file)
        guard size == length else { throw .notABuffer("memory of \(size) bytes, expected \(length)") }
    }

    private static func checkSeals(of file: Int32, _ seals: Int32) throws(BufferError) {
        let found = beltway_get_seals(file)
        guard found >= 0, found & seals == seals else { throw .notABuffer("memory is not sealed") }
    }

    /// Maps on a 2 MiB boundary, so that huge pages can back it; `times` times in a row.
    static func map(
        _ file: Int32,
        _ length: Int,
        _ access: Int32,
        times: Int = 1
    ) throws(BufferError) -> UnsafeMutableRawPointer {
        let pages = (length + 4095) & ~4095
        let total = pages * times
        let spare = total + hugePage
        guard let area = unsafe mmap(nil, spare, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            unsafe area != MAP_FAILED
        else { throw .system(call: "mmap", errno: errno) }
        let misfit = Int(bitPattern: area) & (hugePage - 1)
        let before = misfit == 0 ? 0 : hugePage - misfit
        let aligned = unsafe area + before
        for turn in 0..<times {
            let wanted = unsafe aligned + turn * pages
            let mapped = unsafe mmap(wanted, length, access, MAP_SHARED | MAP_FIXED, file, 0)
            guard unsafe mapped == wanted else {
                let number = errno
                unsafe munmap(area, spare)
                throw .system(call: "mmap", errno: number)
            }
        }
        if before > 0 { unsafe munmap(area, before) }
        if spare - before - total > 0 { unsafe munmap(aligned + total, spare - before - total) }
        return unsafe aligned
    }

    /// Touches all of it and asks for 2 MiB pages; a kernel that has none to give leaves small ones.
    ///
    /// Memory that was never touched cannot be collapsed. The price is a few milliseconds at the start and the whole
    /// ring resident from then on; the gain is fewer misses of the TLB and no page fault on the first lap
    /// (`beltway-bench ring`).
    func preferHugePages() {
        if length >= Self.hugePage { _ = unsafe beltway_populate_and_collapse(base, length) }
    }

    /// Forbids resizing for ever, but leaves the memory writable for whom it is handed to.
    func sealSize() throws(BufferError) {
        guard beltway_add_seals(descriptor, beltway_size_seals()) == 0 else {
            throw .system(call: "fcntl(F_ADD_SEALS)", errno: errno)
        }
    }

    /// Forbids for ever what no reader may do: write through a new mapping, resize, unseal.
    func seal() throws(BufferError) {
        guard beltway_add_seals(descriptor, beltway_seals()) == 0 else {
            throw .system(call: "fcntl(F_ADD_SEALS)", errno: errno)
        }
    }
}
