// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
public import CPcap
internal import Glibc

// Functions of <pcap/pcap.h> that read (3PCAP).

/// Hands over packets until so many were, or pcap_breakloop is called.
@c @implementation
public func pcap_loop(
    _ pointer: OpaquePointer?,
    _ count: Int32,
    _ callback: pcap_handler?,
    _ user: UnsafeMutablePointer<UInt8>?
) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.loop?(pointer, count, callback, user) ?? -1
    }
    guard let callback = unsafe callback else { return handle.tell(Failure(.error, "no callback")) }
    let counters = handle.counters
    return handle.withCapture { unsafe $0.loop(count, counters, callback, user) }
}

/// Hands over what is there, or comes within the time-out.
@c @implementation
public func pcap_dispatch(
    _ pointer: OpaquePointer?,
    _ count: Int32,
    _ callback: pcap_handler?,
    _ user: UnsafeMutablePointer<UInt8>?
) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.dispatch?(pointer, count, callback, user) ?? -1
    }
    guard let callback = unsafe callback else { return handle.tell(Failure(.error, "no callback")) }
    let counters = handle.counters
    return handle.withCapture { unsafe $0.dispatch(count, counters, callback, user) }
}

/// Reads one packet; its bytes are there until the next call.
@c @implementation
public func pcap_next_ex(
    _ pointer: OpaquePointer?,
    _ header: UnsafeMutablePointer<UnsafeMutablePointer<pcap_pkthdr>?>?,
    _ bytes: UnsafeMutablePointer<UnsafePointer<UInt8>?>?
) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.nextEx?(pointer, header, bytes) ?? -1
    }
    let counters = handle.counters
    return handle.withCapture { capture in
        let code = capture.next(counters)
        if code == 1 {
            unsafe header?.pointee = capture.header
            unsafe bytes?.pointee = UnsafePointer(capture.bytes.assumingMemoryBound(to: UInt8.self))
        }
        return code
    }
}

/// Reads one packet, or nothing.
@c @implementation
public func pcap_next(
    _ pointer: OpaquePointer?,
    _ header: UnsafeMutablePointer<pcap_pkthdr>?
) -> UnsafePointer<UInt8>? {
    guard unsafe ours(pointer) != nil else { return unsafe RealLibrary.functions.next?(pointer, header) }
    var found: UnsafeMutablePointer<pcap_pkthdr>?
    var bytes: UnsafePointer<UInt8>?
    guard unsafe pcap_next_ex(pointer, &found, &bytes) == 1, let found = unsafe found else { return nil }
    unsafe header?.pointee = found.pointee
    return unsafe bytes
}

/// Ends reading; a signal handler or another thread may call it.
@c @implementation
public func pcap_breakloop(_ pointer: OpaquePointer?) {
    guard let handle = unsafe ours(pointer) else {
        unsafe RealLibrary.functions.breakLoop?(pointer)
        return
    }
    handle.call.raise()
}

/// Packets that passed the filter or were lost, and those that were lost: with no filter, `published = read + lost`.
///
/// As on a kernel's capture of Linux, ps_recv counts those that were dropped as well.
@c @implementation
public func pcap_stats(_ pointer: OpaquePointer?, _ stats: UnsafeMutablePointer<pcap_stat>?) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.stats?(pointer, stats) ?? -1
    }
    guard handle.isActivated else {
        return handle.tell(Failure(.notActivated, "the handle is not activated"))
    }
    let (accepted, lost) = (handle.counters.accepted, handle.counters.lost)
    unsafe stats?.pointee.ps_recv = UInt32(truncatingIfNeeded: accepted &+ lost)
    unsafe stats?.pointee.ps_drop = UInt32(truncatingIfNeeded: lost)
    unsafe stats?.pointee.ps_ifdrop = 0
    return 0
}

/// Sets which packets are wanted from now on.
@c @implementation
public func pcap_setfilter(_ pointer: OpaquePointer?, _ program: UnsafeMutablePointer<bpf_program>?) -> Int32
{
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.setFilter?(pointer, program) ?? -1
    }
    guard let program = unsafe program else { return handle.tell(Failure(.error, "no filter")) }
    return handle.withCapture { capture in
        do throws(Failure) {
            capture.filter = unsafe try PacketFilter(program.pointee)
            return 0
        } catch {
            return handle.tell(error)
        }
    }
}

/// Sets whether packets that came, or that went, are wanted; those of which it is not known are both.
@c @implementation
public func pcap_setdirection(_ pointer: OpaquePointer?, _ direction: pcap_direction_t) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.setDirection?(pointer, direction) ?? -1
    }
    return handle.withCapture {
        $0.unwanted =
            direction == PCAP_D_IN ? .outbound : direction == PCAP_D_OUT ? .inbound : []
        return 0
    }
}

/// Nothing is ever sent by a ring.
@c @implementation
public func pcap_inject(_ pointer: OpaquePointer?, _ bytes: UnsafeRawPointer?, _ length: Int) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.inject?(pointer, bytes, length) ?? -1
    }
    return handle.tell(Failure(.error, "a ring cannot send packets"))
}

/// Nothing is ever sent by a ring.
@c @implementation
public func pcap_sendpacket(
    _ pointer: OpaquePointer?,
    _ bytes: UnsafePointer<UInt8>?,
    _ length: Int32
) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.sendPacket?(pointer, bytes, length) ?? -1
    }
    return handle.tell(Failure(.error, "a ring cannot send packets"))
}

// MARK: Polling

/// The descriptor that tells a poller to read (`ReadyTimer`), made when it is asked for.
private func readyDescriptor(_ handle: Handle) -> Int32 {
    var descriptor: Int32 = -1
    let code = handle.withCapture { capture in
        if capture.timer == nil {
            capture.timer = ReadyTimer(
                longestTick: capture.options.isImmediate ? 1_000_000 : capture.options.timeoutNanoseconds
            )
        }
        descriptor = capture.timer?.descriptor ?? -1
        return 0
    }
    return code == 0 ? descriptor : -1
}

/// A descriptor that can be polled.
@c @implementation
public func pcap_get_selectable_fd(_ pointer: OpaquePointer?) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.selectable?(pointer) ?? -1
    }
    return readyDescriptor(handle)
}

/// The same descriptor: there is no other.
@c @implementation
public func pcap_fileno(_ pointer: OpaquePointer?) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.fileNumber?(pointer) ?? -1
    }
    return readyDescriptor(handle)
}

/// Pollers of ours need no time-out: the descriptor is a timer.
@c @implementation
public func pcap_get_required_select_timeout(_ pointer: OpaquePointer?) -> UnsafePointer<timeval>? {
    guard unsafe ours(pointer) != nil else { return unsafe RealLibrary.functions.selectTimeout?(pointer) }
    return nil
}
