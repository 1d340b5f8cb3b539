// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// Where the buffers of a process are found: by name, by number (in index entries), and by other processes.
///
/// Other processes find a ``BufferFlags/shared`` buffer at the socket of its name in `folder` (Sharing/), and this one
/// finds theirs there.
public final class BufferDirectory: Sendable {
    /// The folder of the sockets; nil if nothing is shared with other processes.
    public let folder: String?
    /// Asked by calls that wait.
    public let interruption: Interruption
    private let limits: SharingLimits

    private struct State {
        var names: [String: NamedBuffer] = [:]
        var numbers: [UInt16: Weak] = [:]
        var nextNumber: UInt16 = 1
        var server: BufferServer?
    }

    private struct Weak {
        weak var buffer: NamedBuffer?
    }

    private let state = Mutex(State())

    /// Makes an empty directory.
    ///
    /// - Parameters:
    ///   - folder: Where sockets are made and looked for; an existing folder.
    ///   - limits: What the server of shared buffers takes; its patience is how long a stopped reader holds a writer.
    ///   - interruption: Lets a signal, say, end calls that wait.
    public init(
        folder: String? = nil,
        limits: SharingLimits = SharingLimits(),
        interruption: Interruption = Interruption()
    ) {
        self.folder = folder
        self.limits = limits
        self.interruption = interruption
    }

    // MARK: Opening

    /// Makes or finds a buffer, and the ends that the flags ask for.
    func open(
        _ name: String?,
        _ flags: BufferFlags,
        mode: UInt16,
        size: Int
    ) throws(BufferFileError) -> (reader: OpenReader?, writer: OpenWriter?) {
        guard flags.contains(.writing) else {
            guard let name else { throw .invalid("a buffer without a name is opened for writing too") }
            return (try OpenReader(find(name, flags), flags, in: self), nil)
        }
        let buffer = try make(name, flags, mode: mode, size: size)
        let writer = OpenWriter(buffer, flags, in: self)
        do throws(BufferFileError) {
            let reader = flags.contains(.reading) ? try OpenReader(buffer, flags, in: self) : nil
            if flags.contains(.shared) { try share(buffer, name) }
            return (reader, writer)
        } catch {
            forget(buffer)
            throw error
        }
    }

    // MARK: Making

    private func make(
        _ name: String?,
        _ flags: BufferFlags,
        mode: UInt16,
        size: Int
    ) throws(BufferFileError) -> NamedBuffer {
        guard size > 0, size <= BufferGeometry.maximumCapacity else {
            throw .invalid("a size of \(size) bytes")
        }
        var capacity = 4096
        while capacity < size { capacity *= 2 }
        let label = name ?? "unnamed"
        let access =
            flags.contains(.shared)
            ? AccessPolicy(owner: geteuid(), group: getegid(), mode: mode) : nil
        let options = Self.options(flags, flags.kind, flags.policy, capacity)
        let described = flags.kind == .described ? try makeDescribed(label, options) : nil
        let ring = if let described { described.headers } else { try makeRing(label, options) }
        var companion: NamedBuffer?
        if flags.kind == .index {
            // Room for blocks of 512 bytes on average.
            let room = max(65_536, min(1 << 24, capacity * 16))
            let data = try makeRing(label + ".data", Self.options([], .marked, .fastReader, room))
            companion = NamedBuffer(
                name: label + ".data",
                ring: data,
                number: try takeNumber(),
                access: access
            )
        }
        let buffer = NamedBuffer(
            name: label,
            ring: ring,
            number: try takeNumber(),
            described: described,
            access: access,
            companion: companion
        )
        let isTaken = state.withLock { state in
            if let name {
                guard state.names[name] == nil else { return true }
                state.names[name] = buffer
            }
            for one in [buffer, companion] {
                if let one { state.numbers[one.number] = Weak(buffer: one) }
            }
            return false
        }
        if isTaken { throw .hasWriter(label) }
        return buffer
    }

    private static func options(
        _ flags: BufferFlags,
        _ kind: BufferKind,
        _ policy: BufferPolicy,
        _ capacity: Int
    ) -> RingOptions {
        let isFixed = flags.resizing == .fixed
        var options = RingOptions(
            kind: kind,
            policy: policy,
            capacity: capacity,
            slotLength: 2048,
            resizing: flags.resizing,
            initialLength: isFixed ? nil : min(capacity, 65_536),
            minimumLength: isFixed ? nil : min(capacity, 16_384)
        )
        if kind == .index { options.slotLength = MemoryLayout<IndexEntry>.stride }
        return options
    }

    private func makeDescribed(
        _ name: String,
        _ options: RingOptions
    ) throws(BufferFileError) -> DescribedRing {
        do throws(BufferError) {
            return try DescribedRing(name: name, options: options, generation: DispatchClock.generation)
        } catch { throw .buffer(error) }
    }

    private func makeRing(_ name: String, _ options: RingOptions) throws(BufferFileError) -> Ring {
        do throws(BufferError) {
            return try Ring(name: name, options: options, generation: DispatchClock.generation)
        } catch { throw .buffer(error) }
    }

    /// A number that no buffer in use has.
    private func takeNumber() throws(BufferFileError) -> UInt16 {
        let number: UInt16? = state.withLock { state in
            for _ in 0..<65_534 {
                let number = state.nextNumber
                // The greatest is not a buffer's: see ``SharingRequest/ownHeaders``.
                state.nextNumber = number >= .max - 1 ? 1 : number + 1
                guard let known = state.numbers[number], known.buffer != nil else {
                    // Reserved until the buffer is there.
                    state.numbers[number] = nil
                    return number
                }
            }
            return nil
        }
        guard let number else { throw .tooManyOpen(65_534) }
        return number
    }

    private func share(_ buffer: NamedBuffer, _ name: String?) throws(BufferFileError) {
        guard let name, let folder, let access = buffer.access else {
            throw .invalid("a buffer is shared by a name, in a directory that has a folder")
        }
        let shared: any SharedBuffer = if let described = buffer.described { described } else { buffer.ring }
        do throws(SharingError) {
            try server(folder).share(
                shared,
                as: name,
                targets: { [weak buffer] in buffer?.targets ?? [] },
                policy: access,
                waitsForReaders: true
            )
        } catch { throw Self.translate(error, name) }
    }

    private func server(_ folder: String) throws(SharingError) -> BufferServer {
        if let known = state.withLock(\.server) { return known }
        let made = try BufferServer(folder: folder, limits: limits)
        return state.withLock { state in
            if let known = state.server { return known }
            state.server = made
            return made
        }
    }

    // MARK: Finding

    private func find(_ name: String, _ flags: BufferFlags) throws(BufferFileError) -> NamedBuffer {
        while true {
            if let known = state.withLock({ $0.names[name] }) { return known }
            do throws(BufferFileError) { return try attach(name) } catch {
                guard case .notFound = error, flags.contains(.waitsForWriter) else { throw error }
            }
            if interruption.isAsked { throw .interrupted }
            usleep(10_000)
        }
    }

    private func attach(_ name: String) throws(BufferFileError) -> NamedBuffer {
        guard let folder else { throw .notFound(name) }
        let attached: AttachedRing
        do throws(SharingError) {
            attached = try AttachedRing(any: name, in: folder, as: Self.processName)
        } catch { throw Self.translate(error, name) }
        let buffer = NamedBuffer(
            name: name,
            ring: attached.described?.headers ?? attached.ring,
            number: try takeNumber(),
            described: attached.described,
            attached: attached
        )
        register(buffer)
        return buffer
    }

    /// A ring of another process that an entry led to: it has a number here, so that its blocks can be passed on.
    func followed(_ ring: Ring) throws(BufferFileError) -> NamedBuffer {
        let buffer = NamedBuffer(name: ring.name, ring: ring, number: try takeNumber())
        register(buffer)
        return buffer
    }

    private func register(_ buffer: NamedBuffer) {
        state.withLock { $0.numbers[buffer.number] = Weak(buffer: buffer) }
    }

    private static let processName: String = {
        let path = CommandLine.arguments.first ?? "beltway"
        return String(path.split(separator: "/").last ?? "beltway")
    }()

    private static func translate(_ error: SharingError, _ name: String) -> BufferFileError {
        switch error {
        case .nobodyListens: .notFound(name)
        case .refused(.notAllowed, let text): .notAllowed(text)
        case .system(_, let path, EACCES): .notAllowed("\(path): permission denied")
        case .alreadyServed: .hasWriter(name)
        case .buffer(let error): .buffer(error)
        default: .sharing(error)
        }
    }

    /// The buffer that index entries call `number`.
    func buffer(_ number: UInt16) -> NamedBuffer? { state.withLock { $0.numbers[number]?.buffer } }

    /// Takes a buffer whose writer has ended out of the directory; who has it open keeps it.
    func forget(_ buffer: NamedBuffer) {
        let server: BufferServer? = state.withLock { state in
            guard state.names[buffer.name] === buffer else { return nil }
            state.names[buffer.name] = nil
            return state.server
        }
        server?.withdraw(buffer.name)
    }
}

/// Tells runs of a program apart.
enum DispatchClock {
    /// Nanoseconds of the wall clock, never 0.
    static var generation: UInt64 { beltway_wall_clock() | 1 }
}
