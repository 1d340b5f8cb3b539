// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

@Suite struct `A view of TCP` {
    @Test func `shows every field`() throws {
        let bytes = PacketBuilder().tcp(
            from: 1,
            to: 65_535,
            sequence: .max,
            acknowledgement: 2,
            flags: [.urg, .fin],
            window: 3,
            urgent: 4,
            options: [1, 1, 1, 0]
        ).payload("ab").bytes
        let segment = try TCP(bytes.span.bytes)
        #expect(segment.sourcePort == 1)
        #expect(segment.destinationPort == 65_535)
        #expect(segment.sequence == .max)
        #expect(segment.acknowledgement == 2)
        #expect(segment.headerLength == 24)
        #expect(segment.flags == 0x21)
        #expect(segment.window == 3)
        #expect(segment.urgentPointer == 4)
        let payload = segment.payload.byteCount
        #expect(payload == 2)
    }

    @Test(arguments: 0..<20)
    func `refuses fewer bytes than its fixed header`(count: Int) {
        let bytes = Array(PacketBuilder().tcp().bytes[..<count])
        #expect(throws: WireError.truncated(need: 20, have: count)) { _ = try TCP(bytes.span.bytes) }
    }

    @Test(arguments: UInt8(0)..<5)
    func `refuses a data offset below five words`(words: UInt8) {
        let bytes = PacketBuilder().tcp(headerWords: words).bytes
        #expect(throws: WireError.invalid(field: .headerLength, value: UInt64(words) * 4)) {
            _ = try TCP(bytes.span.bytes)
        }
    }

    @Test func `refuses fewer bytes than its options`() {
        let bytes = PacketBuilder().tcp(headerWords: 15).bytes
        #expect(throws: WireError.truncated(need: 60, have: 20)) { _ = try TCP(bytes.span.bytes) }
    }

    @Test func `gives its options one after the other`() throws {
        let bytes = PacketBuilder().tcp(options: [2, 4, 5, 180, 1, 1, 4, 2, 3, 3, 7, 0]).bytes
        let segment = try TCP(bytes.span.bytes)
        var options = segment.options
        var kinds: [UInt8] = []
        var size: UInt16 = 0
        while let option = options.next() {
            kinds.append(option.kind)
            if option.kind == TCPOptions.Option.maximumSegmentSize {
                size = options.bytes.bigEndian16(at: option.start)
            }
        }
        #expect(kinds == [2, 4, 3])
        #expect(size == 1_460)
    }

    @Test(
        arguments: [[2], [2, 0, 1, 1], [2, 1], [8, 10, 0, 0], [1, 1, 1, 3], [5, 255, 1, 2]] as [[UInt8]]
    )
    func `ends its options where one contradicts the header's length`(bytes: [UInt8]) {
        let kinds = withExactCopy(of: bytes, count: bytes.count) { span in
            var options = TCPOptions(span)
            var kinds: [UInt8] = []
            while let option = options.next() { kinds.append(option.kind) }
            return kinds
        }
        #expect(kinds == [])
    }
}

@Suite struct `A view of UDP` {
    @Test func `shows every field`() throws {
        let bytes = PacketBuilder().udp(from: 53, to: 5_353, length: 9).payload("ab").bytes
        let datagram = try UDP(bytes.span.bytes)
        #expect(datagram.sourcePort == 53)
        #expect(datagram.destinationPort == 5_353)
        #expect(datagram.length == 9)
        #expect(datagram.checksum == 0)
        let payload = datagram.payload.byteCount
        #expect(payload == 2)
    }

    @Test(arguments: 0..<8)
    func `refuses fewer bytes than its header`(count: Int) {
        let bytes = [UInt8](repeating: 0, count: count)
        #expect(throws: WireError.truncated(need: 8, have: count)) { _ = try UDP(bytes.span.bytes) }
    }
}

@Suite struct `A view of SCTP` {
    @Test func `shows every field`() throws {
        let bytes = PacketBuilder().sctp(from: 1, to: 2, tag: 0xfeed_beef).payload("abc").bytes
        let packet = try SCTP(bytes.span.bytes)
        #expect(packet.sourcePort == 1)
        #expect(packet.destinationPort == 2)
        #expect(packet.verificationTag == 0xfeed_beef)
        #expect(packet.checksum == 0)
        let payload = packet.payload.byteCount
        #expect(payload == 3)
    }

    @Test(arguments: 0..<12)
    func `refuses fewer bytes than its header`(count: Int) {
        let bytes = [UInt8](repeating: 0, count: count)
        #expect(throws: WireError.truncated(need: 12, have: count)) { _ = try SCTP(bytes.span.bytes) }
    }
}

@Suite struct `A view of ICMP` {
    @Test func `shows every field in both versions`() throws {
        let bytes = PacketBuilder().icmp(type: 11, code: 1, rest: 0x0102_0304).payload("a").bytes
        let message = try ICMP(bytes.span.bytes)
        #expect(message.type == 11)
        #expect(message.code == 1)
        #expect(message.rest == 0x0102_0304)
        #expect(message.identifier == 0x0102)
        #expect(message.sequence == 0x0304)
        let message6 = try ICMPv6(bytes.span.bytes)
        #expect(message6.type == 11)
        #expect(message6.code == 1)
        #expect(message6.rest == 0x0102_0304)
        #expect(message6.identifier == 0x0102)
        #expect(message6.sequence == 0x0304)
        let payloads = [message.payload.byteCount, message6.payload.byteCount]
        #expect(payloads == [1, 1])
    }

    @Test(arguments: 0..<8)
    func `refuses fewer bytes than its header`(count: Int) {
        let bytes = [UInt8](repeating: 0, count: count)
        #expect(throws: WireError.truncated(need: 8, have: count)) { _ = try ICMP(bytes.span.bytes) }
        #expect(throws: WireError.truncated(need: 8, have: count)) { _ = try ICMPv6(bytes.span.bytes) }
    }

    @Test func `tells errors and queries by the type`() {
        let all = UInt8.min...UInt8.max
        #expect(all.filter { ICMP.isError(type: $0) } == [3, 4, 5, 11, 12])
        #expect(all.filter { ICMP.hasIdentifier(type: $0) } == [0, 8, 13, 14, 15, 16, 17, 18, 42, 43])
        #expect(all.filter { ICMPv6.isError(type: $0) } == [1, 2, 3, 4])
        #expect(all.filter { ICMPv6.hasIdentifier(type: $0) } == [128, 129, 160, 161])
    }
}
