// SPDX-License-Identifier: Apache-2.0
import BeltwayWire
import Testing

/// An AS-REQ of 30 bytes as far as its message type, and as much of nothing as its lengths say.
private let request: [UInt8] =
    [0x6a, 0x20, 0x30, 0x1e, 0xa1, 3, 2, 1, 5, 0xa2, 3, 2, 1, 10] + [UInt8](repeating: 0, count: 20)
private let refusal: [UInt8] =
    [0x7e, 0x82, 0, 14, 0x30, 12, 0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 30, 0, 0]
private let reading: [UInt8] = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 2]

private func isMessage(_ bytes: [UInt8]) -> Bool { KerberosMessage.isMessage(bytes.span.bytes) }

private func isRFB(_ text: String) -> Bool { RemoteFrameBuffer.isGreeting(Array(text.utf8).span.bytes) }
private func isDHT(_ text: String) -> Bool { BitTorrentDHT.isMessage(Array(text.utf8).span.bytes) }
private func isDNP3(_ bytes: [UInt8]) -> Bool { DNP3Message.isMessage(bytes.span.bytes) }

/// DNP3's checksum of a head, bit by bit from the other end: the polynomial x^16 + x^13 + x^12 + x^11 + x^10 + x^8 + x^6 +
/// x^5 + x^2 + 1, bits of a byte from the lowest on, the result inverted.
private func checksum(_ head: [UInt8]) -> UInt16 {
    var register: UInt16 = 0
    for byte in head.prefix(8) {
        for bit in 0..<8 {
            let isSet = (register >> 15 & 1) ^ UInt16(byte >> UInt8(bit) & 1) == 1
            register = isSet ? register << 1 ^ 0x3d65 : register << 1
        }
    }
    var turned: UInt16 = 0
    for bit in 0..<16 where register >> UInt16(bit) & 1 == 1 { turned |= 1 << UInt16(15 - bit) }
    return ~turned
}

private func isModbus(_ bytes: [UInt8]) -> Bool { ModbusMessage.areMessages(bytes.span.bytes) }

@Suite struct `Messages of Kerberos and Modbus` {
    @Test func `of Kerberos are known by their version and its type, which agrees with the tag`() {
        #expect(isMessage(request))
        #expect(isMessage(refusal))
        for place in [0, 2, 4, 5, 8, 9, 13] {
            var damaged = request
            damaged[place] ^= 0x41
            #expect(!isMessage(damaged), "\(place)")
        }
        for count in 0..<14 { #expect(!isMessage(Array(request[..<count]))) }
    }

    @Test func `of Modbus fill what is there`() {
        #expect(isModbus(reading))
        #expect(isModbus(reading + reading))
        for (place, value) in [(2, UInt8(1)), (4, 1), (5, 1), (5, 7), (7, 0), (7, 0x80)] {
            var damaged = reading
            damaged[place] = value
            #expect(!isModbus(damaged), "\(place) \(value)")
        }
    }

    @Test func `of VNC, DNP3 and BitTorrent are known by their first bytes`() {
        #expect(isRFB("RFB 003.008\n") && isRFB("RFB 004.001\nmore"))
        for text in ["RFB 003.008", "RFB 003,008\n", "RFB 00a.008\n", "RFC 003.008\n"] {
            #expect(!isRFB(text))
        }
        // A request of link status from 1 to 1024.
        let head: [UInt8] = [5, 0x64, 5, 0xc9, 0, 4, 1, 0, 0, 0]
        let sum = checksum(head)
        let whole = Array(head.prefix(8)) + [UInt8(truncatingIfNeeded: sum), UInt8(sum >> 8)]
        #expect(isDNP3(whole) && isDNP3(whole + [1, 2]))
        for place in 0..<10 {
            var damaged = whole
            damaged[place] ^= 1
            #expect(!isDNP3(damaged), "\(place)")
        }
        let question = "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
        let refusal = "d1:eli201e1:ae1:t2:aa1:y1:ee"
        #expect(isDHT(question) && isDHT(refusal))
        for text in [String(question.dropLast()), question + "x", "d1:ad2:id19:e", "d1:el"] {
            #expect(!isDHT(text))
        }
    }

    @Test(arguments: [UInt64(1), 2]) func `never reach beyond their bytes`(seed: UInt64) {
        let greeting = Array("RFB 003.008\n".utf8)
        let link: [UInt8] = [5, 0x64, 5, 0xc9, 0, 4, 1, 0, 0, 0]
        for message in [greeting, link, request, refusal, [0, 0, 0, 34] + request, reading + reading] {
            survives(message, seed: seed) { span in
                let isOne =
                    KerberosMessage.isMessage(span) || KerberosMessage.isFirst(inStream: span)
                    || ModbusMessage.areMessages(span) || RemoteFrameBuffer.isGreeting(span)
                    || DNP3Message.isMessage(span) || BitTorrentDHT.isMessage(span)
                return isOne ? .complete(length: span.byteCount) : .notThisProtocol
            }
        }
    }
}
