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

    @Test(arguments: [UInt64(1), 2]) func `never reach beyond their bytes`(seed: UInt64) {
        for message in [request, refusal, [0, 0, 0, 34] + request, reading + reading] {
            survives(message, seed: seed) { span in
                let isOne =
                    KerberosMessage.isMessage(span) || KerberosMessage.isFirst(inStream: span)
                    || ModbusMessage.areMessages(span)
                return isOne ? .complete(length: span.byteCount) : .notThisProtocol
            }
        }
    }
}
