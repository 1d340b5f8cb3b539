// SPDX-License-Identifier: Apache-2.0
// libFuzzer: a data buffer whose control page, chunk table, descriptors and names are the input.

private let memory = try? ForgedMemory()

/// One input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let memory else { return 0 }
    DataBufferForgery.run(ForgedInput(Array(UnsafeBufferPointer(start: start, count: count))), on: memory)
    return 0
}
