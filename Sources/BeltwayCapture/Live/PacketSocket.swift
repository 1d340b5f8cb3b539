// SPDX-License-Identifier: Apache-2.0
// A packet socket with its TPACKET_V3 ring (packet(7), Documentation/networking/packet_mmap.rst).
// One of the files that say `unsafe`.
//
//    block 0        block 1        block 2   ...            each 1 MiB
//   +--------------+--------------+--------------+-----
//   | ours         | ours, next   | the kernel's |          who owns a block says its status word
//   +--------------+--------------+--------------+-----
//
// The interface is safe because blocks are lent only while their status word says that they are ours, every
// offset that the kernel wrote is checked against the block before it is followed, and the mapping and the
// descriptor go away with this object, which its blocks' users hold.
import CLinux
import Glibc
import Synchronization

/// One queue of an interface: a socket of which the kernel writes packets straight into shared memory.
@safe public final class PacketSocket: @unchecked Sendable {
    static let blockLength = 1 << 20
    /// Bytes before each packet that are ours: a VLAN tag and a cooked header fit.
    static let headroom: Int32 = 32

    /// The interface that it captures.
    public let interface: CaptureInterface
    /// Which of the interface's queues it is, from 0.
    public let queue: Int
    let options: PacketSocketOptions
    let descriptor: Int32
    private let memory: UnsafeMutableRawPointer
    private let blockCount: Int
    private var next = 0

    /// Opens the queues of an interface; nothing is lost or seen twice while they come up.
    ///
    /// Every socket first declines all packets, so that none arrives unfiltered or before the group is
    /// complete.
    ///
    /// - Parameters:
    ///   - interface: What to capture.
    ///   - options: How.
    /// - Returns: As many sockets as there are queues, capturing.
    /// - Throws: ``LiveCaptureError`` naming what is missing.
    public static func open(
        _ interface: CaptureInterface,
        _ options: PacketSocketOptions
    ) throws(LiveCaptureError) -> [PacketSocket] {
        guard options.queues >= 1, options.queues <= 256 else {
            throw .invalidOption("\(options.queues) queues; expected 1 to 256")
        }
        guard options.filter.count + 3 <= Int(BPF_MAXINSNS) else {
            throw .invalidOption(
                "a filter of \(options.filter.count) instructions; the kernel runs at most 4093 and ours"
            )
        }
        var sockets: [PacketSocket] = []
        var group: Int32?
        for queue in 0..<options.queues {
            let socket = try PacketSocket(interface, queue: queue, options)
            if options.queues > 1 { group = try socket.joinGroup(group) }
            sockets.append(socket)
        }
        for socket in sockets { try socket.start() }
        return sockets
    }

    private init(_ interface: CaptureInterface, queue: Int, _ options: PacketSocketOptions)
        throws(LiveCaptureError)
    {
        self.interface = interface
        self.queue = queue
        self.options = options
        let kind = interface.isCooked ? SOCK_DGRAM : SOCK_RAW
        // Protocol 0: nothing arrives before bind.
        let descriptor = beltway_packet_socket(Int32(kind.rawValue), 0)
        guard descriptor >= 0 else { throw LiveCaptureError("socket", interface.name, errno) }
        self.descriptor = descriptor
        blockCount = max(2, (options.ringBytes + PacketSocket.blockLength - 1) / PacketSocket.blockLength)
        let length = blockCount * PacketSocket.blockLength
        var mapped: UnsafeMutableRawPointer?
        do throws(LiveCaptureError) {
            try PacketSocket.prepare(descriptor, interface, options, blockCount: blockCount)
            unsafe mapped = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
            guard unsafe mapped != MAP_FAILED else { throw LiveCaptureError("mmap", interface.name, errno) }
            if beltway_bind_packet(descriptor, interface.index, beltway_all_protocols()) != 0 {
                throw LiveCaptureError("bind", interface.name, errno)
            }
        } catch {
            if let mapped = unsafe mapped, unsafe mapped != MAP_FAILED { unsafe munmap(mapped, length) }
            close(descriptor)
            throw error
        }
        guard let mapped = unsafe mapped else { preconditionFailure("mmap gave neither memory nor an error") }
        unsafe memory = mapped
    }

    deinit {
        unsafe munmap(memory, blockCount * PacketSocket.blockLength)
        close(descriptor)
    }

    private static func prepare(
        _ descriptor: Int32,
        _ interface: CaptureInterface,
        _ options: PacketSocketOptions,
        blockCount: Int
    ) throws(LiveCaptureError) {
        func set<Value: BitwiseCopyable>(_ option: Int32, _ name: String, _ value: Value)
            throws(LiveCaptureError)
        {
            var value = value
            let size = socklen_t(MemoryLayout<Value>.size)
            if unsafe setsockopt(descriptor, SOL_PACKET, option, &value, size) != 0 {
                throw LiveCaptureError(name, interface.name, errno)
            }
        }
        try attach([declineEverything], descriptor, interface)
        try set(PACKET_VERSION, "PACKET_VERSION", Int32(TPACKET_V3.rawValue))
        try set(PACKET_RESERVE, "PACKET_RESERVE", headroom)
        var request = tpacket_req3()
        request.tp_block_size = UInt32(blockLength)
        request.tp_block_nr = UInt32(blockCount)
        request.tp_frame_size = 2048  // not used by V3, but checked
        request.tp_frame_nr = UInt32(blockCount * (blockLength / 2048))
        request.tp_retire_blk_tov = options.blockTimeout
        try set(PACKET_RX_RING, "PACKET_RX_RING", request)
        if options.isPromiscuous, interface.index > 0, !interface.isLoopback {
            var membership = packet_mreq()
            membership.mr_ifindex = interface.index
            membership.mr_type = UInt16(PACKET_MR_PROMISC)
            try set(PACKET_ADD_MEMBERSHIP, "PACKET_ADD_MEMBERSHIP", membership)
        }
    }

    /// Joins the group that shares the interface, or founds it.
    ///
    /// By the flow's symmetric hash, and never DEFRAG: the kernel would hand over reassembled datagrams in
    /// place of the fragments that were on the wire.
    private func joinGroup(_ group: Int32?) throws(LiveCaptureError) -> Int32 {
        let unique: Int32 = 0x2000  // PACKET_FANOUT_FLAG_UNIQUEID
        let mode = PACKET_FANOUT_HASH | (group == nil ? unique : 0)
        var argument = UInt32(bitPattern: (group ?? 0) | mode << 16)
        if unsafe setsockopt(descriptor, SOL_PACKET, PACKET_FANOUT, &argument, 4) != 0 {
            throw LiveCaptureError("PACKET_FANOUT", interface.name, errno)
        }
        if let group { return group }
        var length: socklen_t = 4
        if unsafe getsockopt(descriptor, SOL_PACKET, PACKET_FANOUT, &argument, &length) != 0 {
            throw LiveCaptureError("PACKET_FANOUT", interface.name, errno)
        }
        return Int32(argument & 0xffff)
    }
}

extension PacketSocket {
    /// Lets packets in, by the options' filter.
    private func start() throws(LiveCaptureError) {
        _ = statistics()
        if options.filter.isEmpty {
            var unused: Int32 = 0
            if unsafe setsockopt(descriptor, SOL_SOCKET, SO_DETACH_FILTER, &unused, 4) != 0 {
                throw LiveCaptureError("SO_DETACH_FILTER", interface.name, errno)
            }
        } else {
            let prefix = options.letsTaggedPass ? PacketSocket.acceptTagged : []
            try PacketSocket.attach(prefix + options.filter, descriptor, interface)
        }
    }

    /// Lets nothing in any more; what has come is still there.
    func refuseEverything() {
        try? PacketSocket.attach([PacketSocket.declineEverything], descriptor, interface)
    }

    /// Keeps a packet whose VLAN tag the kernel holds apart, and leaves the others to what follows.
    fileprivate static var acceptTagged: [KernelInstruction] {
        [
            // BPF_LD | BPF_B | BPF_ABS at SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT
            KernelInstruction(code: 0x30, operand: 0xffff_f000 + 48),
            KernelInstruction(code: 0x15, jumpTrue: 1, jumpFalse: 0, operand: 0),
            KernelInstruction(code: 0x06, operand: 262_144),
        ]
    }

    /// BPF_RET | BPF_K with 0: keep no byte.
    fileprivate static var declineEverything: KernelInstruction { KernelInstruction(code: 6, operand: 0) }

    fileprivate static func attach(
        _ program: [KernelInstruction],
        _ descriptor: Int32,
        _ interface: CaptureInterface
    ) throws(LiveCaptureError) {
        var instructions = program.map {
            sock_filter(code: $0.code, jt: $0.jumpTrue, jf: $0.jumpFalse, k: $0.operand)
        }
        let count = UInt16(instructions.count)
        let result = unsafe instructions.withUnsafeMutableBufferPointer { buffer in
            var description = unsafe sock_fprog(len: count, filter: buffer.baseAddress)
            return unsafe setsockopt(
                descriptor,
                SOL_SOCKET,
                SO_ATTACH_FILTER,
                &description,
                socklen_t(MemoryLayout<sock_fprog>.size)
            )
        }
        if result != 0 { throw LiveCaptureError("SO_ATTACH_FILTER", interface.name, errno) }
    }

    /// Packets since the last call: those that came, and those among them that were dropped.
    func statistics() -> (received: UInt64, dropped: UInt64) {
        var numbers = tpacket_stats_v3()
        var length = socklen_t(MemoryLayout<tpacket_stats_v3>.size)
        guard unsafe getsockopt(descriptor, SOL_PACKET, PACKET_STATISTICS, &numbers, &length) == 0 else {
            return (0, 0)
        }
        return (UInt64(numbers.tp_packets), UInt64(numbers.tp_drops))
    }

    /// What waiting for a block brought.
    enum Waited {
        case something
        case nothing
        /// The interface is down; it may come up again.
        case down
        case vanished
        case failed(Int32)
    }

    /// Waits until the kernel hands a block over.
    func wait(milliseconds: Int32) -> Waited {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let count = unsafe poll(&request, 1, milliseconds)
        if count < 0 { return errno == EINTR ? .nothing : .failed(errno) }
        guard count > 0 else { return .nothing }
        guard request.revents & Int16(POLLERR) != 0 else { return .something }
        var code: Int32 = 0
        var length: socklen_t = 4
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0, code != 0 else {
            return .something
        }
        guard code == ENETDOWN else { return .failed(code) }
        return isVanished ? .vanished : .down
    }

    /// Whether the interface does not exist any more.
    var isVanished: Bool {
        interface.index > 0 && beltway_interface_exists(descriptor, interface.index) == -ENODEV
    }

    /// The next block that is full or timed out, in order; give it back by ``release(_:)``.
    func readyBlock() -> PacketBlock? {
        let block = unsafe PacketBlock(
            base: memory + next * PacketSocket.blockLength,
            length: PacketSocket.blockLength
        )
        guard block.isOurs else { return nil }
        return consume block
    }

    /// Gives the block back that ``readyBlock()`` returned last.
    func release(_ block: consuming PacketBlock) {
        block.giveBack()
        next = next + 1 == blockCount ? 0 : next + 1
    }
}
