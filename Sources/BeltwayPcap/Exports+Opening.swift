// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire
public import CPcap
internal import Glibc

// Functions of <pcap/pcap.h> that find and open devices; each is documented by its page of the manual (3PCAP).
// A handle or device that is not ours goes to the real library as it came.

/// Finds all devices: the real library's, then ours.
@c @implementation
public func pcap_findalldevs(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<pcap_if_t>?>?,
    _ errors: UnsafeMutablePointer<CChar>?
) -> Int32 {
    guard let list = unsafe list, let real = unsafe RealLibrary.functions.findAllDevices else { return -1 }
    let code = unsafe real(list, errors)
    guard code == 0 else { return code }
    var place = unsafe list
    while let device = unsafe place.pointee {
        guard let next = unsafe withUnsafeMutablePointer(to: &device.pointee.next, { unsafe Optional($0) })
        else { break }
        unsafe place = next
    }
    for device in Device.all() {
        // Freed by pcap_freealldevs, so allocated as the real library does.
        guard let memory = unsafe calloc(1, MemoryLayout<pcap_if_t>.size) else { break }
        let made = unsafe memory.assumingMemoryBound(to: pcap_if_t.self)
        unsafe made.pointee.name = strdup(device.name)
        unsafe made.pointee.description = strdup(device.description)
        unsafe made.pointee.flags = UInt32(
            PCAP_IF_UP | PCAP_IF_RUNNING | PCAP_IF_CONNECTION_STATUS_CONNECTED
        )
        unsafe place.pointee = made
        unsafe withUnsafeMutablePointer(to: &made.pointee.next) { unsafe place = $0 }
    }
    return 0
}

/// Network number and mask of a device; of ours, those of the interface that is captured, if it is there.
@c @implementation
public func pcap_lookupnet(
    _ name: UnsafePointer<CChar>?,
    _ network: UnsafeMutablePointer<UInt32>?,
    _ mask: UnsafeMutablePointer<UInt32>?,
    _ errors: UnsafeMutablePointer<CChar>?
) -> Int32 {
    guard let real = unsafe RealLibrary.functions.lookUpNet else { return -1 }
    guard let device = unsafe device(name) else { return unsafe real(name, network, mask, errors) }
    let interface = RingName(device.target)?.interface ?? device.target
    if unsafe real(interface, network, mask, errors) == 0 { return 0 }
    unsafe network?.pointee = 0
    unsafe mask?.pointee = 0
    return 0
}

private func device(_ name: UnsafePointer<CChar>?) -> Device? {
    guard let name = unsafe name,
        unsafe strncmp(name, Device.word, Device.word.utf8.count) == 0 || getenv("BELTWAY_INSTEAD") != nil
    else { return nil }
    return unsafe String(validatingCString: name).flatMap { Device($0) }
}

/// Makes a handle for a device.
@c @implementation
public func pcap_create(
    _ name: UnsafePointer<CChar>?,
    _ errors: UnsafeMutablePointer<CChar>?
) -> OpaquePointer? {
    guard let device = unsafe device(name) else {
        return unsafe RealLibrary.functions.create?(name, errors)
    }
    // Without a ring it is pcap_activate that fails, as for an interface that is not there.
    let linkType = device.linkType ?? LinkType.ethernet.rawValue
    guard
        let real = unsafe pcap_open_dead(Int32(linkType), Int32(CaptureOptions.greatestSnapLength))
    else {
        unsafe fill(errors, "out of memory")
        return nil
    }
    guard HandleTable.shared.add(unsafe Handle(device, linkType: linkType, real: real)) else {
        unsafe RealLibrary.functions.close?(real)
        unsafe fill(errors, "too many handles of Beltway's are open")
        return nil
    }
    return unsafe real
}

/// Makes a handle and activates it.
@c @implementation
public func pcap_open_live(
    _ name: UnsafePointer<CChar>?,
    _ snapLength: Int32,
    _ promiscuous: Int32,
    _ timeout: Int32,
    _ errors: UnsafeMutablePointer<CChar>?
) -> OpaquePointer? {
    guard unsafe device(name) != nil else {
        return unsafe RealLibrary.functions.openLive?(name, snapLength, promiscuous, timeout, errors)
    }
    guard let handle = unsafe pcap_create(name, errors) else { return nil }
    _ = unsafe pcap_set_snaplen(handle, snapLength)
    _ = unsafe pcap_set_timeout(handle, timeout)
    guard unsafe pcap_activate(handle) >= 0 else {
        unsafe fill(errors, String(cString: pcap_geterr(handle)))
        unsafe pcap_close(handle)
        return nil
    }
    return unsafe handle
}

/// Attaches to the rings of a handle's device: from here on packets are offered to it.
@c @implementation
public func pcap_activate(_ pointer: OpaquePointer?) -> Int32 {
    guard let handle = unsafe ours(pointer) else {
        return unsafe RealLibrary.functions.activate?(pointer) ?? -1
    }
    do throws(Failure) {
        try activate(handle)
        return 0
    } catch {
        return handle.tell(error)
    }
}

private func activate(_ handle: Handle) throws(Failure) {
    let options = handle.options
    guard !handle.isActivated else {
        throw Failure(.activated, "the handle is activated already")
    }
    if options.wantsMonitorMode { throw Failure(.noMonitorMode, "a ring has no monitor mode") }
    let attached = try handle.device.attach(as: programName)
    guard attached[0].buffer.linkType.rawValue == handle.linkType else {
        throw Failure(.error, "\(handle.device.name) has been started anew with another link type; try again")
    }
    guard
        let model = unsafe pcap_open_dead_with_tstamp_precision(
            Int32(handle.linkType),
            Int32(options.snapLength),
            UInt32(options.isInNanoseconds ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO)
        )
    else { throw Failure(.error, "out of memory") }
    let capture: Capture
    do throws(Failure) {
        capture = try unsafe Capture(attached, options, model: model, call: handle.call)
    } catch {
        unsafe RealLibrary.functions.close?(model)
        throw error
    }
    handle.activate(capture)
}

/// What the host program is called, for the list of readers.
private var programName: String {
    let path = CommandLine.arguments.first ?? "libpcap"
    return String(path.split(separator: "/").last?.prefix(60) ?? "libpcap")
}

/// Lets go of a handle.
@c @implementation
public func pcap_close(_ pointer: OpaquePointer?) {
    _ = unsafe HandleTable.shared.remove(pointer)
    unsafe RealLibrary.functions.close?(pointer)
}
