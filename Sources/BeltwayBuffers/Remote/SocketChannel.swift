// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// A connected stream socket as a channel, without encryption: for loopback, tests and benchmarks.
///
/// Between hosts use TLS, which `beltway serve` and `beltway tap --from` insist on. Safe because spans are handed to
/// system calls for the length of the call, with their own lengths.
public struct SocketChannel: ~Copyable, RemoteChannel {
    private let descriptor: Int32

    private static var withoutWaiting: Int32 { Int32(MSG_DONTWAIT) }
    private static var withoutSignal: Int32 { Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL) }

    /// Takes over a connected socket.
    ///
    /// - Parameter descriptor: Closed with the channel.
    public init(takingOver descriptor: Int32) {
        self.descriptor = descriptor
        var on: Int32 = 1
        // Requests are small and waited for. (A socket that is no TCP socket does not know the option.)
        let length = socklen_t(MemoryLayout<Int32>.size)
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, length)
    }

    deinit { close(descriptor) }

    /// Connects to a port of this host.
    ///
    /// - Throws: ``RemoteError/system(call:errno:)``.
    public static func connect(toLoopbackPort port: UInt16) throws(RemoteError) -> SocketChannel {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { throw .system(call: "socket", errno: errno) }
        var address = LoopbackListener.address(port)
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            let number = errno
            close(file)
            throw .system(call: "connect to port \(port)", errno: number)
        }
        return SocketChannel(takingOver: file)
    }

    /// Sends all the bytes, waiting for the other end to take them.
    public mutating func send(_ bytes: RawSpan, nanoseconds: Int64) throws(RemoteError) {
        let deadline = monotonicNanoseconds() &+ nanoseconds
        var sent = 0
        while sent < bytes.byteCount {
            let count = unsafe bytes.extracting(sent...).withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Self.withoutSignal)
            }
            if count > 0 {
                sent += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                let left = deadline - monotonicNanoseconds()
                guard left > 0 else {
                    throw .timedOut("room to send", seconds: Int(nanoseconds / 1_000_000_000))
                }
                try wait(for: Int16(POLLOUT), nanoseconds: left)
            case EPIPE, ECONNRESET: throw .closed
            default: throw .system(call: "send", errno: errno)
            }
        }
    }

    /// Receives what has come.
    public mutating func receive(
        into bytes: inout MutableRawSpan,
        nanoseconds: Int64
    ) throws(RemoteError) -> Int {
        let deadline = nanoseconds > 0 ? monotonicNanoseconds() &+ nanoseconds : 0
        while true {
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe recv(descriptor, $0.baseAddress, $0.count, Self.withoutWaiting)
            }
            if count > 0 { return count }
            if count == 0 { throw .closed }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                let left = nanoseconds > 0 ? deadline - monotonicNanoseconds() : 0
                guard left > 0 else { return 0 }
                try wait(for: Int16(POLLIN), nanoseconds: left)
            case ECONNRESET: throw .closed
            default: throw .system(call: "recv", errno: errno)
            }
        }
    }

    private func wait(for events: Int16, nanoseconds: Int64) throws(RemoteError) {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        // Rounded up: a wait of less than a millisecond must not become a loop.
        let milliseconds = Int32(clamping: (nanoseconds + 999_999) / 1_000_000)
        if unsafe poll(&entry, 1, milliseconds) < 0, errno != EINTR {
            throw .system(call: "poll", errno: errno)
        }
    }
}

/// A socket that listens on a port of the loopback interface, for tests and benchmarks.
public final class LoopbackListener: Sendable {
    private let descriptor: Int32
    /// The port, chosen by the system.
    public let port: UInt16

    /// Opens it.
    ///
    /// - Throws: ``RemoteError/system(call:errno:)``.
    public init() throws(RemoteError) {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { throw .system(call: "socket", errno: errno) }
        var address = Self.address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                guard unsafe bind(file, $0, length) == 0, listen(file, 16) == 0 else { return Int32(-1) }
                return unsafe getsockname(file, $0, &length)
            }
        }
        guard status == 0 else {
            let number = errno
            close(file)
            throw .system(call: "listening on the loopback interface", errno: number)
        }
        descriptor = file
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }

    static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    /// Waits for a client.
    ///
    /// - Parameter nanoseconds: At most so long.
    /// - Returns: A channel to the client.
    /// - Throws: ``RemoteError/timedOut(_:seconds:)`` if none came.
    public func accept(nanoseconds: Int64) throws(RemoteError) -> SocketChannel {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&entry, 1, Int32(clamping: (nanoseconds + 999_999) / 1_000_000)) > 0 else {
            throw .timedOut("client", seconds: Int(nanoseconds / 1_000_000_000))
        }
        let file = Glibc.accept(descriptor, nil, nil)
        guard file >= 0 else { throw .system(call: "accept", errno: errno) }
        return SocketChannel(takingOver: file)
    }
}

/// Time that only goes forward, for time-outs.
@usableFromInline func monotonicNanoseconds() -> Int64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
