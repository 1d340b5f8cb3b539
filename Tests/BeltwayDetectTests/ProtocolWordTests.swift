// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BeltwayDetect

@Suite struct `A rule's protocol word` {
    @Test(arguments: [("IP", "ip"), ("TCP", "tcp"), ("Udp", "udp"), ("ICMPv6", "icmpv6")])
    func `may be in upper case`(written: String, meant: String) {
        #expect(ProtocolMask(written) != nil)
        #expect(ProtocolMask(written) == ProtocolMask(meant))
    }
}
