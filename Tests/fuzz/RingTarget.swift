// SPDX-License-Identifier: Apache-2.0
// libFuzzer: rings of slots, bytes, marked blocks and entries, whose owner writes the input into them.

private let forged = try? ForgedRing()

/// One input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let forged else { return 0 }
    RingForging.run(ForgedInput(Array(UnsafeBufferPointer(start: start, count: count))), on: forged)
    return 0
}
