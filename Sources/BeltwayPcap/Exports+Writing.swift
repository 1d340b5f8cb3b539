// SPDX-License-Identifier: Apache-2.0
public import CPcap
public import Glibc

// Functions of <pcap/pcap.h> whose result depends on a handle's snap length and precision (3PCAP): filters and the heads
// of files. The real library does them, on a handle of its own that has both (`Capture.model`).

/// Runs `body` on the model of an activated handle of ours, on the handle itself otherwise; copies what went wrong.
private func onModel<Result>(
    _ pointer: OpaquePointer?,
    _ body: (RealHandle?) -> Result,
    hasFailed: (Result) -> Bool
) -> Result {
    guard let handle = unsafe ours(pointer), handle.isActivated else {
        return unsafe body(pointer)
    }
    var model: RealHandle?
    _ = handle.withCapture {
        unsafe model = $0.model
        return 0
    }
    guard let model = unsafe model else { return unsafe body(pointer) }
    let result = unsafe body(model)
    if hasFailed(result) { unsafe setErrorText(handle.real, String(cString: pcap_geterr(model))) }
    return result
}

/// Compiles an expression.
@c @implementation
public func pcap_compile(
    _ pointer: OpaquePointer?,
    _ program: UnsafeMutablePointer<bpf_program>?,
    _ text: UnsafePointer<CChar>?,
    _ optimize: Int32,
    _ mask: UInt32
) -> Int32 {
    unsafe onModel(
        pointer,
        { unsafe RealLibrary.functions.compile?($0, program, text, optimize, mask) ?? -1 }
    ) {
        $0 != 0
    }
}

/// Opens a file to write packets to.
@c @implementation
public func pcap_dump_open(_ pointer: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> OpaquePointer? {
    let file = unsafe onModel(pointer, { unsafe RealLibrary.functions.dumpOpen?($0, path) }) {
        unsafe $0 == nil
    }
    unsafe DumpBuffers.shared.give(to: file, of: pointer, path)
    return unsafe file
}

/// Writes a packet to an open file; may be given to pcap_loop.
@c @implementation
public func pcap_dump(
    _ file: UnsafeMutablePointer<UInt8>?,
    _ header: UnsafePointer<pcap_pkthdr>?,
    _ packet: UnsafePointer<UInt8>?
) {
    guard let header = unsafe header, let packet = unsafe packet,
        let stream = unsafe DumpBuffers.shared.unlocked(file)
    else {
        unsafe RealLibrary.functions.dump?(file, header, packet)
        return
    }
    // As the real library: nothing more to a file that has failed, and numbers in this machine's order.
    guard unsafe ferror(stream) == 0 else { return }
    let about = unsafe header.pointee
    var head = (
        UInt32(truncatingIfNeeded: about.ts.tv_sec), UInt32(truncatingIfNeeded: about.ts.tv_usec),
        about.caplen,
        about.len
    )
    guard unsafe fwrite_unlocked(&head, 16, 1, stream) == 1 else { return }
    unsafe fwrite_unlocked(packet, Int(about.caplen), 1, stream)
}

/// Closes a file of packets.
@c @implementation
public func pcap_dump_close(_ file: OpaquePointer?) {
    let buffer = unsafe DumpBuffers.shared.take(from: file)
    unsafe RealLibrary.functions.dumpClose?(file)
    unsafe buffer?.deallocate()
}

/// Opens a file to write more packets to.
@c @implementation
public func pcap_dump_open_append(_ pointer: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> OpaquePointer?
{
    let file = unsafe onModel(pointer, { unsafe RealLibrary.functions.dumpOpenAppend?($0, path) }) {
        unsafe $0 == nil
    }
    unsafe DumpBuffers.shared.give(to: file, of: pointer, path)
    return unsafe file
}

/// Writes packets to an open file.
@c @implementation
public func pcap_dump_fopen(_ pointer: OpaquePointer?, _ file: UnsafeMutablePointer<FILE>?) -> OpaquePointer?
{
    unsafe onModel(pointer, { unsafe RealLibrary.functions.dumpToFile?($0, file) }) { unsafe $0 == nil }
}
