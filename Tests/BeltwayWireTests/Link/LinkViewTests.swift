// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `Views of link headers` {
    @Test func `Ethernet shows its addresses, its EtherType and what follows`() throws {
        let bytes = PacketBuilder().ethernet(from: [1, 2, 3, 4, 5, 6], to: [255, 254, 253, 252, 251, 250])
            .ipv4().bytes
        let frame = try Ethernet(bytes.span.bytes)
        #expect(frame.destination == 0xfffe_fdfc_fbfa)
        #expect(frame.source == 0x0102_0304_0506)
        #expect(frame.etherType == 0x0800)
        let payload = frame.payload.byteCount
        #expect(payload == 20)
    }

    @Test func `a VLAN tag shows its parts`() throws {
        let bytes = PacketBuilder().vlan(0xfff, priority: 7).ipv6().bytes
        let tag = try VLANTag(bytes.span.bytes)
        #expect(tag.control == 0xefff)
        #expect(tag.priority == 7)
        #expect(tag.dropEligible == false)
        #expect(tag.identifier == 0xfff)
        #expect(tag.etherType == 0x86dd)
        let payload = tag.payload.byteCount
        #expect(payload == 40)
    }

    @Test func `SNAP shows organisation and number`() throws {
        let bytes = PacketBuilder().snap(organisation: [0, 0, 0xf8]).ipv4().bytes
        let header = try SNAP(bytes.span.bytes)
        #expect(header.organisation == 0xf8)
        #expect(header.etherType == 0x0800)
        let payload = header.payload.byteCount
        #expect(payload == 20)
    }

    @Test func `SNAP refuses other LLC`() {
        let bytes: [UInt8] = [0x42, 0x42, 3, 0, 0, 0, 0, 0]
        #expect(throws: WireError.invalid(field: .linkType, value: 0x4242)) { _ = try SNAP(bytes.span.bytes) }
    }

    @Test func `Linux cooked shows its fields in both versions`() throws {
        let first = PacketBuilder().linuxCooked(hardwareType: 772).ipv4().bytes
        let cooked = try LinuxCooked(first.span.bytes)
        #expect(cooked.packetType == 0)
        #expect(cooked.hardwareType == 772)
        #expect(cooked.addressLength == 6)
        #expect(cooked.address == 0x0200_0000_0001_0000)
        #expect(cooked.etherType == 0x0800)
        let second = PacketBuilder().linuxCooked2(hardwareType: 772).ipv4().bytes
        let cooked2 = try LinuxCooked2(second.span.bytes)
        #expect(cooked2.etherType == 0x0800)
        #expect(cooked2.interfaceIndex == 2)
        #expect(cooked2.hardwareType == 772)
        #expect(cooked2.packetType == 0)
        #expect(cooked2.addressLength == 6)
        #expect(cooked2.address == 0x0200_0000_0001_0000)
        let payloads = [cooked.payload.byteCount, cooked2.payload.byteCount]
        #expect(payloads == [20, 20])
    }

    @Test(arguments: [false, true])
    func `loopback shows its family whatever the byte order`(bigEndian: Bool) throws {
        let bytes = PacketBuilder().loopback(family: 30, bigEndian: bigEndian).ipv6().bytes
        let header = try Loopback(bytes.span.bytes)
        #expect(header.family == 30)
        let payload = header.payload.byteCount
        #expect(payload == 40)
    }

    @Test(
        arguments: [
            ([0xff, 3, 0, 0x21], 4, 0x21), ([0xff, 3, 0x21], 3, 0x21), ([0, 0x57], 2, 0x57),
            ([0x57], 1, 0x57),
            ([0xc0, 0x21], 2, 0xc021),
        ] as [([UInt8], Int, UInt16)]
    )
    func `PPP finds its protocol number`(bytes: [UInt8], length: Int, number: UInt16) throws {
        let frame = try PPP(bytes.span.bytes)
        #expect(frame.headerLength == length)
        #expect(frame.protocolNumber == number)
        let payload = frame.payload.byteCount
        #expect(payload == 0)
    }

    @Test(arguments: [([], 1), ([0xff, 3], 3), ([0xff, 3, 0], 4), ([0], 2)] as [([UInt8], Int)])
    func `PPP refuses fewer bytes than its header`(bytes: [UInt8], need: Int) {
        #expect(throws: WireError.truncated(need: need, have: bytes.count)) { _ = try PPP(bytes.span.bytes) }
    }

    @Test(arguments: 0..<20)
    func `each refuses fewer bytes than its header`(count: Int) {
        let bytes = [UInt8](repeating: 0xaa, count: count)
        func refusal(_ need: Int) -> WireError { .truncated(need: need, have: count) }
        if count < 14 { #expect(throws: refusal(14)) { _ = try Ethernet(bytes.span.bytes) } }
        if count < 4 { #expect(throws: refusal(4)) { _ = try VLANTag(bytes.span.bytes) } }
        if count < 8 { #expect(throws: refusal(8)) { _ = try SNAP(bytes.span.bytes) } }
        if count < 16 { #expect(throws: refusal(16)) { _ = try LinuxCooked(bytes.span.bytes) } }
        if count < 20 { #expect(throws: refusal(20)) { _ = try LinuxCooked2(bytes.span.bytes) } }
        if count < 4 { #expect(throws: refusal(4)) { _ = try Loopback(bytes.span.bytes) } }
    }
}
