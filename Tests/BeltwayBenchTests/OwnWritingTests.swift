// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import beltway_bench

@Suite struct `What tcpdump's own writing takes` {
    @Test(arguments: [170, 1514])
    func `is measured in microseconds for a packet`(length: Int) throws {
        let measured = try OwnWriting.microseconds(length: length)
        // Far beyond what any machine does in either direction: a mistaken unit is what would show.
        #expect(0.001..<100 ~= measured, "\(measured)")
    }
}
