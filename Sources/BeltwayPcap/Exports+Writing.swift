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
    unsafe onModel(pointer, { unsafe RealLibrary.functions.dumpOpen?($0, path) }) { unsafe $0 == nil }
}

/// Opens a file to write more packets to.
@c @implementation
public func pcap_dump_open_append(_ pointer: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> OpaquePointer?
{
    unsafe onModel(pointer, { unsafe RealLibrary.functions.dumpOpenAppend?($0, path) }) { unsafe $0 == nil }
}

/// Writes packets to an open file.
@c @implementation
public func pcap_dump_fopen(_ pointer: OpaquePointer?, _ file: UnsafeMutablePointer<FILE>?) -> OpaquePointer?
{
    unsafe onModel(pointer, { unsafe RealLibrary.functions.dumpToFile?($0, file) }) { unsafe $0 == nil }
}
