// SPDX-License-Identifier: Apache-2.0
// A network of one's own for live tests: a namespace without a name, so that nothing is left behind even if
// the test dies, and a pair of interfaces in it, `capture0` and `sender0`, without IPv6 so that nothing else
// is sent.
import CLinux
import Foundation

/// A network namespace that lives as long as this object and the sockets opened in it.
public final class NetworkNamespace: @unchecked Sendable {
    /// Why live tests cannot run here, or nil if they can.
    public static let absence: String? = {
        guard geteuid() == 0 else { return "Live tests need root, for a network namespace of their own." }
        do {
            let namespace = try NetworkNamespace()
            try namespace.addPair()
            return nil
        } catch {
            return "Live tests need network namespaces and veth pairs: \(error)"
        }
    }()

    /// What went wrong in setting a namespace up.
    public struct Failure: Error, CustomStringConvertible {
        /// One line.
        public var description: String
    }

    private let descriptor: Int32

    /// Makes a namespace with nothing in it but a loopback interface that is down.
    public init() throws {
        var opened: Int32 = -1
        onThread {
            if beltway_unshare_network() == 0 {
                opened = beltway_open("/proc/thread-self/ns/net", O_RDONLY, 0)
            }
        }
        guard opened >= 0 else { throw Failure(description: "unshare: \(String(cString: strerror(errno)))") }
        descriptor = opened
    }

    deinit { close(descriptor) }

    /// Runs `body` on a thread that is in the namespace; sockets opened there stay there.
    public func run<Result>(_ body: () throws -> Result) throws -> Result {
        var outcome: Swift.Result<Result, any Error>?
        onThread {
            outcome = Swift.Result {
                guard beltway_setns(self.descriptor) == 0 else { throw Failure(description: "setns failed") }
                return try body()
            }
        }
        guard let outcome else { throw Failure(description: "the thread did not run") }
        return try outcome.get()
    }

    /// Runs `ip` with these arguments in the namespace.
    public func ip(_ arguments: String) throws {
        try run {
            let words = ["ip"] + arguments.split(separator: " ").map(String.init)
            var child: pid_t = 0
            var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
            defer { for case let pointer? in pointers { free(pointer) } }
            let code = posix_spawnp(&child, "ip", nil, nil, &pointers, environ)
            guard code == 0 else { throw Failure(description: "ip: \(String(cString: strerror(code)))") }
            var status: Int32 = 0
            waitpid(child, &status, 0)
            guard status == 0 else { throw Failure(description: "ip \(arguments): status \(status >> 8)") }
        }
    }

    /// Adds the pair of interfaces and brings it up.
    public func addPair(mtu: Int = 1_500) throws {
        // Before the interfaces exist, so that they never send router solicitations.
        try run {
            for name in ["all", "default"] {
                let setting = beltway_open("/proc/sys/net/ipv6/conf/\(name)/disable_ipv6", O_WRONLY, 0)
                if setting >= 0 {
                    write(setting, "1", 1)
                    close(setting)
                }
            }
        }
        try ip("link add capture0 mtu \(mtu) type veth peer name sender0 mtu \(mtu)")
        for name in ["capture0", "sender0"] { try ip("link set \(name) arp off up") }
    }
}

/// Runs `body` on a new thread and waits for it.
private func onThread(_ body: () -> Void) {
    withoutActuallyEscaping(body) { escaping in
        let done = DispatchSemaphore(value: 0)
        let job = Job(escaping)
        let thread = Thread {
            job.body()
            done.signal()
        }
        thread.start()
        done.wait()
        job.body = {}
    }
}

private final class Job: @unchecked Sendable {
    var body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
}

/// Sends frames as they are on one interface.
public final class FrameSender: @unchecked Sendable {
    private let descriptor: Int32

    /// Opens a sender on an interface of the calling thread's namespace.
    public init(interface: String) throws {
        descriptor = beltway_packet_socket(Int32(SOCK_RAW.rawValue), 0)
        guard descriptor >= 0 else { throw NetworkNamespace.Failure(description: "no packet socket") }
        let index = beltway_interface_index(descriptor, interface)
        guard index > 0, beltway_bind_packet(descriptor, index, 0) == 0 else {
            throw NetworkNamespace.Failure(description: "cannot send on \(interface)")
        }
    }

    deinit { close(descriptor) }

    /// Sends one frame.
    ///
    /// - Returns: Whether the system took it.
    @discardableResult
    public func send(_ frame: [UInt8]) -> Bool {
        frame.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, 0) } == frame.count
    }

    /// Sends frames at a bounded rate.
    ///
    /// - Returns: How many the system took.
    public func send(_ frames: [[UInt8]], perSecond rate: Int) -> Int {
        var sent = 0
        let start = Date()
        for (index, frame) in frames.enumerated() {
            if send(frame) { sent += 1 }
            if index % 32 == 31 {
                let due = start.addingTimeInterval(Double(index + 1) / Double(rate))
                let wait = due.timeIntervalSinceNow
                if wait > 0 { usleep(UInt32(wait * 1e6)) }
            }
        }
        return sent
    }
}
