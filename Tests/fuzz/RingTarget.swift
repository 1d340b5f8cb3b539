// SPDX-License-Identifier: Apache-2.0
// libFuzzer: rings of slots, bytes, marked blocks, entries, and blocks with headers out of band, whose owner writes the
// input into them.

private let forged = try? ForgedRing()
private let headers = try? ForgedRing()

/// One input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let forged, let headers else { return 0 }
    let input = ForgedInput(Array(UnsafeBufferPointer(start: start, count: count)))
    RingForging.run(input, on: forged, headers: headers)
    return 0
}
