// SPDX-License-Identifier: Apache-2.0
// A live capture through libpcap. One of the files that say `unsafe`.
//
// The interface is safe because the handle is closed once, with this object, and the bytes that libpcap lends
// until its next call are a span that depends on this object, which the next call changes.
public import BeltwayWire
import CLinux
import CPcap
import Glibc

/// An interface opened through libpcap: for what packet sockets cannot do, or where there are none.
@safe public struct LibpcapHandle: ~Copyable {
    /// What is captured.
    public let interface: String
    /// What its packets begin with.
    public let linkType: LinkType
    private let handle: OpaquePointer
    private let nanosecondsPerUnit: UInt64
    private var data: UnsafePointer<UInt8>?
    private var length = 0
    private var seen = pcap_stat()

    /// Opens an interface.
    ///
    /// - Parameters:
    ///   - interface: Any device that libpcap knows, pseudo-devices included.
    ///   - options: The queues are ignored: there is one.
    /// - Throws: ``LiveCaptureError`` with libpcap's words, or naming the missing permission.
    public init(_ interface: String, _ options: PacketSocketOptions) throws(LiveCaptureError) {
        let opened = try unsafe LibpcapHandle.activate(interface, options)
        self.interface = interface
        unsafe handle = opened.handle
        nanosecondsPerUnit = unsafe opened.isFine ? 1 : 1_000
        linkType = LibpcapHandle.linkType(unsafe pcap_datalink(opened.handle))
        unsafe data = nil
    }

    private static func activate(
        _ interface: String,
        _ options: PacketSocketOptions
    ) throws(LiveCaptureError) -> (handle: OpaquePointer, isFine: Bool) {
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard let handle = unsafe pcap_create(interface, &message) else {
            throw .libpcap(interface: interface, text(message))
        }
        unsafe pcap_set_snaplen(handle, 262_144)
        unsafe pcap_set_promisc(handle, options.isPromiscuous ? 1 : 0)
        unsafe pcap_set_timeout(handle, Int32(clamping: options.blockTimeout))
        unsafe pcap_set_buffer_size(handle, Int32(clamping: options.ringBytes))
        let isFine = unsafe pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO) == 0
        let status = unsafe pcap_activate(handle)
        var problem: LiveCaptureError?
        if status < 0 {
            problem = unsafe failure(status, interface, String(cString: pcap_geterr(handle)))
        } else if unsafe pcap_setnonblock(handle, 1, &message) != 0 {
            problem = .libpcap(interface: interface, text(message))
        } else if !options.filter.isEmpty, unsafe !attach(options.filter, handle) {
            problem = .libpcap(interface: interface, unsafe String(cString: pcap_geterr(handle)))
        }
        if let problem {
            unsafe pcap_close(handle)
            throw problem
        }
        return unsafe (handle, isFine)
    }

    deinit { unsafe pcap_close(handle) }

    private static func failure(_ status: Int32, _ interface: String, _ words: String) -> LiveCaptureError {
        switch status {
        case PCAP_ERROR_NO_SUCH_DEVICE: return .unknownInterface(interface, known: CaptureInterface.names)
        case PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED:
            return .noPermission(interface: interface, program: runningProgram())
        default:
            let standard = unsafe String(cString: pcap_statustostr(status))
            return .libpcap(interface: interface, words.isEmpty ? standard : words)
        }
    }

    private static func attach(_ program: [KernelInstruction], _ handle: OpaquePointer) -> Bool {
        var instructions = program.map {
            bpf_insn(code: $0.code, jt: $0.jumpTrue, jf: $0.jumpFalse, k: $0.operand)
        }
        let count = UInt32(instructions.count)
        return unsafe instructions.withUnsafeMutableBufferPointer { buffer in
            var description = unsafe bpf_program(bf_len: count, bf_insns: buffer.baseAddress)
            return unsafe pcap_setfilter(handle, &description) == 0
        }
    }

    /// Files' numbers for libpcap's own, where the two differ on Linux.
    static func linkType(_ type: Int32) -> LinkType {
        switch type {
        case 11: LinkType(rawValue: 100)  // DLT_ATM_RFC1483
        case 12: .raw  // DLT_RAW
        default: LinkType(rawValue: UInt16(truncatingIfNeeded: type))
        }
    }

    /// A packet that libpcap has, its bytes apart.
    struct Packet {
        var time: Timestamp
        var originalLength: UInt32
    }

    /// What libpcap had to say.
    enum Next {
        case packet(Packet)
        case nothing
        case failed(String)
    }

    /// Takes the next packet without waiting; the bytes of the one before are gone.
    mutating func next() -> Next {
        var header: UnsafeMutablePointer<pcap_pkthdr>?
        var bytes: UnsafePointer<UInt8>?
        switch unsafe pcap_next_ex(handle, &header, &bytes) {
        case 1:
            guard let header = unsafe header, let bytes = unsafe bytes else { return .nothing }
            unsafe data = bytes
            length = unsafe Int(header.pointee.caplen)
            let stamp = unsafe header.pointee.ts
            let fraction = UInt64(max(0, stamp.tv_usec)) &* nanosecondsPerUnit
            return unsafe .packet(
                Packet(
                    time: Timestamp(seconds: UInt64(max(0, stamp.tv_sec)), nanoseconds: fraction),
                    originalLength: header.pointee.len
                )
            )
        case 0: return .nothing
        default: return .failed(unsafe String(cString: pcap_geterr(handle)))
        }
    }

    /// The bytes of the packet that ``next()`` returned last.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            guard let data = unsafe data else { return RawSpan() }
            let span = unsafe RawSpan(_unsafeStart: data, byteCount: length)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Waits until there may be a packet.
    func wait(milliseconds: Int32) {
        let descriptor = unsafe pcap_get_selectable_fd(handle)
        guard descriptor >= 0 else {
            usleep(UInt32(milliseconds) * 1_000)
            return
        }
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        unsafe poll(&request, 1, milliseconds)
    }

    /// Packets since the last call: those that came, and those dropped by the kernel or the card.
    mutating func statistics() -> (received: UInt64, dropped: UInt64) {
        var now = pcap_stat()
        guard unsafe pcap_stats(handle, &now) == 0 else { return (0, 0) }
        defer { seen = now }
        // 32-bit counters that wrap.
        let dropped = UInt64(now.ps_drop &- seen.ps_drop) &+ UInt64(now.ps_ifdrop &- seen.ps_ifdrop)
        return (UInt64(now.ps_recv &- seen.ps_recv), dropped)
    }
}

private func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
