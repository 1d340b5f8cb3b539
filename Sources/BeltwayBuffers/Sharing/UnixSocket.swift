// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

// The system calls behind sharing: sockets that carry whole messages, descriptors and credentials.
//
// Safe because every pointer handed to the system is an array or a local that outlives the call, with its own length
// beside it; every descriptor that comes in is owned by an object at once, and closed with it.

/// A descriptor that is closed with the object.
final class OwnedDescriptor: Sendable {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    deinit { close(number) }

    /// Another descriptor of the same file, which the caller closes; nil if the process has no more of them.
    func duplicate() -> Int32? {
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 0)
        return copy >= 0 ? copy : nil
    }
}

/// What the system calls an error number.
func systemMessage(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }

/// Whether an error number says that one may not.
func isPermission(_ number: Int32) -> Bool { number == EACCES || number == EPERM }

/// A folder of sockets, by which they can be named however long its path is.
///
/// A socket's path has at most 107 bytes (`sun_path`). A longer one is reached through /proc/self/fd, which names the
/// same folder in a few bytes.
final class SocketFolder: Sendable {
    let path: String
    private let folder: OwnedDescriptor

    init(_ path: String) throws(SharingError) {
        let descriptor = unsafe beltway_open_folder(path)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, errno: -descriptor) }
        self.path = path
        folder = OwnedDescriptor(descriptor)
    }

    /// The path of a socket, for people.
    func path(of name: String) -> String { path.hasSuffix("/") ? path + name : path + "/" + name }

    /// The path of a socket, for the system.
    func address(of name: String) throws(SharingError) -> String {
        let isPlain = name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x2f && $0 != 0x7f }
        guard isPlain, !name.isEmpty, !name.hasPrefix("."),
            name.utf8.count <= SharingMessage.greatestNameLength
        else { throw .invalidName(name) }
        let full = path(of: name)
        let limit = Int(beltway_unix_path_length())
        return full.utf8.count <= limit ? full : "/proc/self/fd/\(folder.number)/\(name)"
    }

    /// Names of the sockets in the folder, sorted.
    func sockets() -> [String] {
        guard let stream = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if isSocket(name) == true { names.append(name) }
        }
        return names.sorted()
    }

    /// Whether a name is one of a socket; nil if nothing has it.
    func isSocket(_ name: String) -> Bool? {
        var facts = stat()
        guard let address = try? address(of: name), unsafe lstat(address, &facts) == 0 else { return nil }
        return facts.st_mode & S_IFMT == S_IFSOCK
    }

    /// Removes a socket's name.
    func remove(_ name: String) {
        guard isSocket(name) == true, let address = try? address(of: name) else { return }
        _ = unsafe unlink(address)
    }

    /// The inode behind a name: who removes a socket makes sure that it is its own.
    func inode(of name: String) -> UInt64? {
        var facts = stat()
        guard let address = try? address(of: name), unsafe lstat(address, &facts) == 0 else { return nil }
        return UInt64(facts.st_ino)
    }

    /// Binds a socket to a name, with owner, group and mode as the policy wants them.
    func listen(_ name: String, _ policy: AccessPolicy, backlog: Int32) throws(SharingError) -> UnixSocket {
        let address = try address(of: name)
        let descriptor = unsafe beltway_unix_listen(address, 0o600, backlog)
        guard descriptor >= 0 else {
            throw .system(call: "bind", path: path(of: name), errno: -descriptor)
        }
        let socket = UnixSocket(descriptor)
        let isOurs = policy.owner == geteuid() && policy.group == getegid()
        // Who may not give the file away opens it to all: the policy, not the file, decides who attaches.
        let given = unsafe isOurs || lchown(address, policy.owner, policy.group) == 0
        guard unsafe chmod(address, mode_t(given ? policy.socketMode : 0o666)) == 0 else {
            let number = errno
            _ = unsafe unlink(address)
            throw .system(call: "chmod", path: path(of: name), errno: number)
        }
        return socket
    }

    /// Connects to a name; everything on the connection is bounded by the time.
    func connect(_ name: String, milliseconds: Int32) throws(SharingError) -> UnixSocket {
        let descriptor = unsafe beltway_unix_connect(try address(of: name), milliseconds)
        if descriptor >= 0 { return UnixSocket(descriptor) }
        switch -descriptor {
        case ENOENT, ECONNREFUSED, ENOTSOCK: throw .nobodyListens(path: path(of: name))
        case EAGAIN: throw .timedOut(path: path(of: name))
        default: throw .system(call: "connect", path: path(of: name), errno: -descriptor)
        }
    }
}

/// A UNIX socket of whole messages.
final class UnixSocket: Sendable {
    let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }

    /// What a receive brought.
    enum Received {
        case message([UInt8], [OwnedDescriptor])
        case nothing
        case ended
        case tooLong
        case failed(Int32)
    }

    /// Takes the next connection; the error number if there is none.
    func accept() -> Result<UnixSocket, SystemFailure> {
        let number = beltway_unix_accept(descriptor)
        return number >= 0 ? .success(UnixSocket(number)) : .failure(SystemFailure(errno: -number))
    }

    /// Who is at the other end; nil if the system does not say.
    func peer() -> PeerIdentity? {
        var (process, user, group) = (Int32(0), UInt32(0), UInt32(0))
        guard unsafe beltway_peer_credentials(descriptor, &process, &user, &group) == 0 else { return nil }
        // NGROUPS_MAX is 65,536; who is in more than this many is judged by the first ones.
        var groups = [UInt32](repeating: 0, count: 1024)
        let count = unsafe beltway_peer_groups(descriptor, &groups, Int32(groups.count))
        let kept = count > 0 ? Array(groups.prefix(Int(count))) : []
        return PeerIdentity(process: process, user: user, group: group, groups: kept)
    }

    /// Sends one message; 0, or the error number.
    func send(_ bytes: [UInt8], descriptors: [Int32] = [], waits: Bool = false) -> Int32 {
        unsafe bytes.withUnsafeBytes { message in
            unsafe descriptors.withUnsafeBufferPointer { list in
                unsafe beltway_send_message(
                    descriptor,
                    message.baseAddress,
                    message.count,
                    list.baseAddress,
                    Int32(list.count),
                    waits ? 1 : 0
                )
            }
        }
    }

    /// Receives one message of at most `limit` bytes, with at most so many descriptors.
    ///
    /// With none, whatever descriptors the peer sends never reach this process.
    func receive(limit: Int, descriptors: Int = 0, waits: Bool = false) -> Received {
        var list = [Int32](repeating: -1, count: descriptors)
        var count: Int32 = 0
        var taken = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, length in
            taken = unsafe list.withUnsafeMutableBufferPointer { room in
                unsafe beltway_receive_message(
                    descriptor,
                    buffer.baseAddress,
                    limit,
                    room.baseAddress,
                    Int32(descriptors),
                    &count,
                    waits ? 1 : 0
                )
            }
            length = max(0, taken)
        }
        let owned = list.prefix(Int(count)).map { OwnedDescriptor($0) }
        if taken > 0 { return .message(bytes, owned) }
        switch -taken {
        case 0: return .ended
        case Int(EAGAIN): return .nothing
        case Int(EMSGSIZE): return .tooLong
        case let number: return .failed(Int32(number))
        }
    }

    /// Whether the other end has taken every message that was sent to it.
    var isTaken: Bool { beltway_unread_by_peer(descriptor) == 0 }

    /// Whether the other end has gone.
    var isHungUp: Bool {
        var one = [pollfd(fd: descriptor, events: 0, revents: 0)]
        return waitForEvents(&one, milliseconds: 0) > 0 && one[0].revents & Int16(POLLHUP | POLLERR) != 0
    }
}

/// A failed system call.
struct SystemFailure: Error {
    let errno: Int32
}

/// poll(2); returns how many descriptors have something to say.
func waitForEvents(_ set: inout [pollfd], milliseconds: Int32) -> Int32 {
    unsafe set.withUnsafeMutableBufferPointer { unsafe poll($0.baseAddress, nfds_t($0.count), milliseconds) }
}

/// A word by which one thread interrupts another one's poll(2).
final class PollSignal: Sendable {
    private let event: OwnedDescriptor

    init() throws(SharingError) {
        let number = beltway_event()
        guard number >= 0 else { throw .system(call: "eventfd", path: "sharing", errno: -number) }
        event = OwnedDescriptor(number)
    }

    var descriptor: Int32 { event.number }

    func raise() {
        var one: UInt64 = 1
        _ = unsafe write(event.number, &one, 8)
    }

    func clear() {
        var count: UInt64 = 0
        _ = unsafe read(event.number, &count, 8)
    }
}

/// Starts a detached thread.
///
/// Safe: what it is given is retained for it and released by it, or here if it never came to be.
func startThread(named name: String, _ body: @escaping @Sendable () -> Void) -> Int32 {
    final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    let retained = unsafe Unmanaged.passRetained(Start(name, body))
    let code = unsafe beltway_start_thread(retained.toOpaque()) { given in
        guard let given = unsafe given else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(given).takeRetainedValue()
        _ = unsafe beltway_name_thread(start.name)
        start.body()
        return nil
    }
    if code != 0 { unsafe retained.release() }
    return code
}
