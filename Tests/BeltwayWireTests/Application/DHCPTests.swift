// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire
import Testing

/// A reply with four options, one of which says that the fields of the head hold more.
private let reply: [UInt8] =
    bytes("02 01 06 00 12345678 0005 0000 0a000009 0a00000a 0a000001 0a000002 020000000001")
    + [UInt8](repeating: 0, count: 10) + [12, 1, 0x61, 255] + [UInt8](repeating: 0, count: 60)
    + [66, 1, 0x62, 0] + [UInt8](repeating: 0, count: 124) + bytes("63825363 350105 00 340103 ff 0c0163")

/// The options of a message: code and data.
private func options(_ bytes: RawSpan) -> (found: [[UInt8]], isWhole: Bool) {
    guard let message = try? DHCPMessage(bytes) else { return ([], false) }
    var found: [[UInt8]] = []
    let isWhole = message.forEachOption { code, data in
        found.append([code] + array(bytes.extracting(data)))
    }
    return (found, isWhole)
}

@Suite struct `A DHCP message` {
    @Test func `has the fields of RFC 2131`() throws {
        let message = try DHCPMessage(reply.span.bytes)
        let (operation, type, seconds) = (message.operation, message.hardwareType, message.seconds)
        #expect(operation == 2 && type == 1 && seconds == 5)
        let words = [message.transaction, message.clientAddress, message.assignedAddress]
        #expect(words == [0x1234_5678, 0x0a00_0009, 0x0a00_000a])
        let addresses = [message.nextServer, message.relay]
        #expect(addresses == [0x0a00_0001, 0x0a00_0002])
        let hardware = array(message.hardwareAddress)
        #expect(hardware == [2, 0, 0, 0, 0, 1])
    }

    @Test func `has the options up to the end, then those in the fields that option 52 names`() {
        let (found, isWhole) = options(reply.span.bytes)
        #expect(found == [[53, 5], [52, 3], [66, 0x62], [12, 0x61]])
        #expect(isWhole)
    }

    @Test func `with an option that is cut has those before it`() {
        let cut = Array(reply.prefix(240) + [53, 1, 5, 12, 4, 0x61])
        let (found, isWhole) = options(cut.span.bytes)
        #expect(found == [[53, 5]])
        #expect(!isWhole)
    }

    @Test func `without the cookie or shorter than its head is refused`() {
        var other = reply
        other[238] = 0
        #expect(throws: WireError.invalid(field: .magic, value: 0x6382_0063)) {
            _ = try DHCPMessage(other.span.bytes)
        }
        #expect(throws: WireError.truncated(need: 240, have: 239)) {
            _ = try DHCPMessage(reply.span.bytes.extracting(first: 239))
        }
        #expect(DHCPMessage.probe(reply.span.bytes) == .yes)
        #expect(DHCPMessage.probe(other.span.bytes) == .no)
    }

    @Test(arguments: [UInt64(1), 2]) func `never reaches beyond its bytes`(seed: UInt64) {
        survives(reply, seed: seed) { span in
            guard let message = try? DHCPMessage(span) else { return .notThisProtocol }
            #expect(message.hardwareAddress.byteCount <= 16)
            message.forEachOption { _, data in #expect(data.upperBound <= span.byteCount) }
            return .complete(length: span.byteCount)
        }
    }
}
