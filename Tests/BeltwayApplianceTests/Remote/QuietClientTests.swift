// SPDX-License-Identifier: Apache-2.0
// Clients that connect and then do less than they should: they hold a place for a bounded time, and only so many.
import BeltwayTestSupport
import Foundation
import Testing

@Suite(
    .serialized,
    .enabled(if: BeltwayProgram.path != nil, "\(BeltwayProgram.absence)"),
    .enabled(
        if: Certificates.folder != nil,
        "openssl is not here to make certificates with README's commands"
    ),
    .timeLimit(.minutes(3))
)
struct `A client of a server of rings` {
    /// A TCP connection that sends so much and then waits for the server to hang up.
    private final class Connection {
        let descriptor: Int32

        init(port: Int, sending bytes: [UInt8] = []) throws {
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let code = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard code == 0 else { throw NotReady(description: "connect: \(errno)") }
            if !bytes.isEmpty { _ = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0) } }
        }

        deinit { close(descriptor) }

        /// Whether the server hangs up within so many seconds.
        func isHungUp(within seconds: Int) -> Bool {
            var one = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&one, 1, Int32(seconds * 1_000)) == 1 else { return false }
            var byte: UInt8 = 0
            return recv(descriptor, &byte, 1, 0) <= 0
        }
    }

    @Test func `that never shakes hands is hung up on, and holds one of a bounded number of places`() throws {
        let served = try ServedCapture(clients: 2)
        // Nothing, the first bytes of a record, and a record of TLS that promises more than ever comes.
        let starts: [[UInt8]] = [[], [0x16, 3, 1], [0x16, 3, 1, 2, 0, 1, 0, 1], []]
        let held = try starts.map { try Connection(port: served.port, sending: $0) }
        // Twice as many connections as clients are open at a time; the next is closed at once.
        usleep(300_000)
        let fifth = try Connection(port: served.port)
        #expect(fifth.isHungUp(within: 5))
        #expect(held.allSatisfy { $0.isHungUp(within: 30) })
        // Their places are free again.
        let tap = try served.tap(["--count", "3"])
        try served.capture.send(1..<20)
        #expect(tap.wait().status == 0)
    }

    @Test func `that shook hands and says nothing is hung up on`() throws {
        let served = try ServedCapture(clients: 1)
        let ours = served.certificates
        let idle = try RunningProgram(
            [
                "bash", "-c",
                """
                sleep 100 | openssl s_client -connect 127.0.0.1:\(served.port) -quiet -CAfile \(ours / "ca.pem") \
                    -cert \(ours / "client.pem") -key \(ours / "client.key")
                """,
            ]
        )
        #expect(
            served.server.waitFor("client 127.0.0.1 left without a ring", seconds: 60),
            "\(served.server.errors)"
        )
        #expect(served.server.errors.contains("hello"), "\(served.server.errors)")
        idle.signal(SIGKILL)
        let tap = try served.tap(["--count", "3"])
        try served.capture.send(1..<20)
        #expect(tap.wait().status == 0)
    }
}
