// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import CLinux
internal import CRingPeer
internal import Glibc

/// What bytes go through.
enum PipeKind: Hashable {
    case pipe
    case socketPair
    /// A c-DBuf of so many bytes.
    case stream(Int)
    /// Two threads and memory that both have, as a bound.
    case memory

    var name: String {
        switch self {
        case .pipe: "Linux pipe"
        case .socketPair: "UNIX socketpair"
        case .stream(let size): "c-DBuf of \(byteLabel(Double(size)))"
        case .memory: "shared memory, two threads"
        }
    }
}

/// What one transfer cost.
struct Transfer {
    var bytes: UInt64
    var seconds: Double
    /// Of both sides.
    var switches: UInt64
    var faults: UInt64
}

/// Moves bytes from this process into another (or another thread) for a while.
///
/// Safe: descriptors are this function's own; memory that C copies from and to is lent for the call.
struct PipeContest {
    /// Bytes per call.
    let call: Int
    private let block: [UInt8]

    init(call: Int) {
        self.call = call
        block = blockOfBytes(call)
    }

    func run(_ kind: PipeKind, seconds: Double) throws -> Transfer {
        switch kind {
        case .pipe: try throughKernel(seconds) { unsafe Glibc.pipe(&$0) }
        case .socketPair:
            try throughKernel(seconds) { ends in
                let code = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
                if code == 0 { ends.reverse() }
                return code
            }
        case .stream(let capacity): try throughRing(capacity, seconds)
        case .memory: try throughMemory(seconds)
        }
    }

    /// Through two descriptors: the reader's, the writer's.
    private func throughKernel(_ seconds: Double, _ make: (inout [Int32]) -> Int32) throws -> Transfer {
        var ends: [Int32] = [-1, -1]
        guard make(&ends) == 0 else { throw FigureTrouble(description: "no pipe: errno \(errno)") }
        for end in ends { _ = beltway_fcntl(end, F_SETFD, FD_CLOEXEC) }
        var writer = KernelPipe(descriptor: ends[1])
        let peer: PeerProcess
        do {
            defer { close(ends[0]) }
            peer = try PeerProcess(["peer", "kernel", "--call", "\(call)"], descriptors: [ends[0]])
            try peer.waitUntilReady()
        } catch {
            writer.close()
            throw error
        }
        return try pump(&writer, peer, seconds)
    }

    private func throughRing(_ capacity: Int, _ seconds: Double) throws -> Transfer {
        let ring = try Ring(
            name: "bench.pipe",
            options: RingOptions(kind: .stream, policy: .blocking, capacity: capacity)
        )
        let place = try ring.makeInheritedReader(holds: true)
        let peer = try PeerProcess(["peer", "stream", "--call", "\(call)"], descriptors: place.descriptors)
        try peer.waitUntilReady()
        var writer = StreamWriter(ring)
        return try pump(&writer, peer, seconds)
    }

    @inline(never)
    private func pump<Writer: PipeWriter & ~Copyable>(
        _ writer: inout Writer,
        _ peer: PeerProcess,
        _ seconds: Double
    ) throws -> Transfer {
        let before = PeerReport.use()
        let start = wallSeconds()
        var bytes: UInt64 = 0
        var nextLook: UInt64 = 65_536
        do {
            defer { writer.close() }
            while true {
                try writer.write(block.rawSpan)
                bytes &+= UInt64(block.count)
                guard bytes >= nextLook else { continue }
                nextLook = bytes &+ 65_536
                if wallSeconds() >= start + seconds { break }
            }
        }
        let report = try peer.finish()
        let after = PeerReport.use()
        guard report.bytes == bytes, report.lost == 0 else {
            throw FigureTrouble(
                description: "\(bytes) bytes were written and \(report.bytes) read, \(report.lost) lost"
            )
        }
        return Transfer(
            bytes: bytes,
            seconds: Double(report.end) / 1e9 - start,
            switches: after.switches - before.switches + report.switches,
            faults: after.faults - before.faults + report.faults
        )
    }

    private func throughMemory(_ seconds: Double) throws -> Transfer {
        guard let stream = unsafe stream_peer_create(UInt64(max(262_144, call))) else {
            throw FigureTrouble(description: "no memory")
        }
        defer { unsafe stream_peer_destroy(stream) }
        let shared = unsafe SharedStream(stream)
        let call = UInt64(call)
        let before = PeerReport.use()
        let start = wallSeconds()
        let peer = PeerThread {
            let memory = CallMemory(Int(call))
            let bytes = unsafe stream_peer_read(
                shared.stream,
                memory.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                call
            )
            return (bytes, wallSeconds())
        }
        let bytes = unsafe block.withUnsafeBufferPointer {
            unsafe stream_peer_write(stream, $0.baseAddress, call, seconds)
        }
        let (read, end) = peer.join()
        let after = PeerReport.use()
        guard read == bytes else { throw FigureTrouble(description: "\(bytes) bytes written, \(read) read") }
        return Transfer(
            bytes: bytes,
            seconds: end - start,
            switches: after.switches - before.switches,
            faults: after.faults - before.faults
        )
    }

    /// Lets a second thread have the stream; it lives until that thread was joined.
    @safe private struct SharedStream: @unchecked Sendable {
        let stream: OpaquePointer
        init(_ stream: OpaquePointer) { unsafe self.stream = stream }
    }
}
