// SPDX-License-Identifier: Apache-2.0
internal import CPcap

// Functions of <pcap/pcap.h> that set and tell options (3PCAP).

/// Sets an option of a handle of ours that is not activated yet, or passes the call on.
private func set(
    _ pointer: OpaquePointer?,
    _ value: Int32,
    _ real: RealLibrary.HandleAndNumber?,
    _ body: (inout CaptureOptions) -> Int32
) -> Int32 {
    guard let handle = unsafe ours(pointer) else { return unsafe real?(pointer, value) ?? -1 }
    guard !handle.isActivated else {
        return handle.tell(Failure(.activated, "the handle is activated already"))
    }
    return body(&handle.options)
}

/// Sets how much of each packet is wanted.
@c @implementation
public func pcap_set_snaplen(_ pointer: OpaquePointer?, _ value: Int32) -> Int32 {
    unsafe set(pointer, value, RealLibrary.functions.setSnapLength) {
        $0.snapLength = CaptureOptions.snapLength(value)
        return 0
    }
}

/// Whether the interface is promiscuous is the capture's business.
@c @implementation
public func pcap_set_promisc(_ pointer: OpaquePointer?, _ value: Int32) -> Int32 {
    unsafe set(pointer, value, RealLibrary.functions.setPromiscuous) { _ in 0 }
}

/// Asks for monitor mode, which pcap_activate then refuses.
@c @implementation
public func pcap_set_rfmon(_ pointer: OpaquePointer?, _ value: Int32) -> Int32 {
    unsafe set(pointer, value, RealLibrary.functions.setRFMon) {
        $0.wantsMonitorMode = value != 0
        return 0
    }
}

/// A ring has no monitor mode.
@c @implementation
public func pcap_can_set_rfmon(_ pointer: OpaquePointer?) -> Int32 {
    unsafe ours(pointer) != nil ? 0 : RealLibrary.functions.canSetRFMon?(pointer) ?? -1
}

/// Sets how long packets may wait for more.
@c @implementation
public func pcap_set_timeout(_ pointer: OpaquePointer?, _ value: Int32) -> Int32 {
    unsafe set(pointer, value, RealLibrary.functions.setTimeout) {
        $0.timeoutMilliseconds = value
        return 0
    }
}

/// Times are those of the capture; who asks for others is warned (PCAP_WARNING_TSTAMP_TYPE_NOTSUP).
@c @implementation
public func pcap_set_tstamp_type(_ pointer: OpaquePointer?, _ value: Int32) -> Int32 {
    unsafe set(pointer, value, RealLibrary.functions.setTimestampType) { _ in
        value == PCAP_TSTAMP_HOST ? 0 : PCAP_WARNING_TSTAMP_TYPE_NOTSUP
    }
}

/// Asks for packets as soon as they come.
@c @implementation
public func pcap_set_immediate_mode(_ pointer: OpaquePointer?, _ value: Int32) -> Int32 {
    unsafe set(pointer, value, RealLibrary.functions.setImmediate) {
        $0.isImmediate = value != 0
        return 0
    }
}

/// The ring has the size that the capture gave it.
@c @implementation
public func pcap_set_buffer_size(_ pointer: OpaquePointer?, _ value: Int32) -> Int32 {
    unsafe set(pointer, value, RealLibrary.functions.setBufferSize) { _ in 0 }
}

/// Sets whether fractions of a second are micro- or nanoseconds.
@c @implementation
public func pcap_set_tstamp_precision(_ pointer: OpaquePointer?, _ value: Int32) -> Int32 {
    let handle = unsafe ours(pointer)
    return unsafe set(pointer, value, RealLibrary.functions.setPrecision) {
        guard value == PCAP_TSTAMP_PRECISION_MICRO || value == PCAP_TSTAMP_PRECISION_NANO else {
            return handle?.tell(Failure(.noPrecision, "micro- and nanoseconds are known, not \(value)")) ?? -1
        }
        $0.isInNanoseconds = value == PCAP_TSTAMP_PRECISION_NANO
        return 0
    }
}

/// Which of the two it is.
@c @implementation
public func pcap_get_tstamp_precision(_ pointer: OpaquePointer?) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.getPrecision?(pointer) ?? -1
    }
    return handle.options.isInNanoseconds ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO
}

/// The ring holds all protocols.
@c @implementation
public func pcap_set_protocol_linux(_ pointer: OpaquePointer?, _ value: Int32) -> Int32 {
    unsafe set(pointer, value, RealLibrary.functions.setProtocol) { _ in 0 }
}

/// How much of each packet was asked for.
@c @implementation
public func pcap_snapshot(_ pointer: OpaquePointer?) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.snapshot?(pointer) ?? -1
    }
    return Int32(handle.options.snapLength)
}

/// Whether reading never sleeps.
@c @implementation
public func pcap_getnonblock(_ pointer: OpaquePointer?, _ errors: UnsafeMutablePointer<CChar>?) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.getNonBlocking?(pointer, errors) ?? -1
    }
    return handle.options.isNonBlocking ? 1 : 0
}

/// Sets whether reading never sleeps.
@c @implementation
public func pcap_setnonblock(
    _ pointer: OpaquePointer?,
    _ value: Int32,
    _ errors: UnsafeMutablePointer<CChar>?
) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.setNonBlocking?(pointer, value, errors) ?? -1
    }
    handle.options.isNonBlocking = value != 0
    guard handle.isActivated else { return 0 }
    let code = handle.withCapture {
        $0.options.isNonBlocking = value != 0
        return 0
    }
    if code != 0 { unsafe fill(errors, "the handle is in use") }
    return code
}
