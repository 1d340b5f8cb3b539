// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

/// A frame of 802.11 with data, up to LLC's end.
private let frame = [8, 1] + [UInt8](repeating: 0, count: 22) + [0xaa, 0xaa, 3, 0, 0, 0, 8, 0]

/// What is wrong with a datagram of the data channel, by the datagram.
private let refused: [(bytes: [UInt8], error: WireError)] = [
    // In DTLS (RFC 5415, 4.2).
    ([1, 0x10, 3, 0, 0, 0, 0, 0] + frame, .invalid(field: .version, value: 1)),
    ([0x10, 0x10, 3, 0, 0, 0, 0, 0] + frame, .invalid(field: .version, value: 0x10)),
    // A header shorter than its fixed part, and one longer than the datagram.
    ([0, 8, 3, 0, 0, 0, 0, 0] + frame, .invalid(field: .version, value: 0)),
    ([0, 0xf8, 3, 0, 0, 0, 0, 0], .truncated(need: 124, have: 8)),
    // A fragment, a keep-alive.
    ([0, 0x10, 3, 0x80, 0, 1, 0, 0] + frame, .invalid(field: .linkType, value: 0x80)),
    ([0, 0x10, 2, 8, 0, 0, 0, 0], .invalid(field: .linkType, value: 8)),
    // A radio that is not 802.11 (binding 0 and 2).
    ([0, 0x10, 1, 0, 0, 0, 0, 0] + frame, .invalid(field: .linkType, value: 1)),
    ([0, 0x10, 5, 0, 0, 0, 0, 0] + frame, .invalid(field: .linkType, value: 5)),
]

private func read(_ bytes: [UInt8], count: Int? = nil) throws -> (length: Int, etherType: UInt16) {
    try withExactCopy(of: bytes, count: count ?? bytes.count) {
        let header = try CAPWAP($0)
        return (header.headerLength, header.etherType)
    }
}

@Suite struct `A header of CAPWAP's data channel` {
    @Test func `leads to a frame of 802.11, or one of Ethernet`() throws {
        let wireless = try read([0, 0x10, 3, 0, 0, 0, 0, 0] + frame)
        #expect(wireless.length == 8 + 24 && wireless.etherType == 0)
        let withRadio = try read([0, 0x20, 3, 0x30, 0, 0, 0, 0, 6, 1, 2, 3, 4, 5, 6, 0] + frame)
        #expect(withRadio.length == 16 + 24)
        let bridged = try read([0, 0x10, 2, 0, 0, 0, 0, 0, 1, 2])
        #expect(bridged.length == 8 && bridged.etherType == EtherType.bridgedEthernet)
    }

    @Test(arguments: refused.indices)
    func `is refused in datagrams that carry no whole frame`(index: Int) {
        let (bytes, error) = refused[index]
        #expect(throws: error) { _ = try read(bytes) }
    }

    @Test func `is never read beyond the datagram's end`() {
        let whole: [UInt8] = [0, 0x20, 3, 0x30, 0, 0, 0, 0, 6, 1, 2, 3, 4, 5, 6, 0] + frame
        for count in 0..<(16 + 24) { #expect(throws: WireError.self) { _ = try read(whole, count: count) } }
    }
}
