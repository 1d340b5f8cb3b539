// SPDX-License-Identifier: Apache-2.0
// libFuzzer: datagrams of a ring's socket, and the streams between hosts, read by either end.

import BeltwayBuffers
import BeltwayWire

private let buffer: DataBuffer? = {
    let buffer = try? makeBuffer(32_768, .fastReader)
    guard var producer = buffer?.makeProducer() else { return nil }
    for ordinal in UInt64(0)..<100 { _ = producer.append(ordinal: ordinal, length: 300) }
    producer.publish()
    return buffer
}()

/// One input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let buffer else { return 0 }
    let input = ForgedInput(Array(UnsafeBufferPointer(start: start, count: count)))
    SharingForgery.run(input)
    RemoteForgery.run(input, serving: buffer)
    return 0
}
