// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayTrace
import BeltwayWire
import Foundation
import Testing

/// The text that a buffer holds.
func copy(_ buffer: borrowing TextBuffer) -> String {
    var bytes: [UInt8] = []
    let span = buffer.bytes
    for index in span.indices { bytes.append(span[index]) }
    return String(decoding: bytes, as: UTF8.self)
}

/// The text that `body` appends.
func text(_ body: (inout TextBuffer) -> Void) -> String {
    var buffer = TextBuffer(capacity: 64)
    body(&buffer)
    return copy(buffer)
}

@Suite struct `A text buffer` {
    @Test func `writes numbers as the standard library does, at every power of ten and two`() {
        var values: [UInt64] = [0, .max]
        for exponent in 0..<20 {
            let power = (0..<exponent).reduce(UInt64(1)) { product, _ in product * 10 }
            values += [power &- 1, power, power &+ 1, power &* 9]
        }
        for exponent in 0..<64 { values += [(1 << exponent) &- 1, 1 << exponent, (1 << exponent) &+ 1] }
        for value in values {
            #expect(text { $0.append(decimal: value) } == "\(value)")
            #expect(text { $0.append(hexadecimal: value) } == String(value, radix: 16))
        }
    }

    @Test func `writes random numbers as the standard library does`() {
        var state: UInt64 = 0x9e37_79b9
        for round in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = state >> UInt64(round % 64)
            #expect(text { $0.append(decimal: value) } == "\(value)", "seed round \(round)")
        }
    }

    @Test(arguments: [Int64.min, -1, 0, 1, .max]) func `writes signed numbers`(value: Int64) {
        #expect(text { $0.append(decimal: value) } == "\(value)")
    }

    @Test func `writes every number of four digits with its leading zeros`() {
        for value in 0..<10_000 {
            #expect(text { $0.append(decimal: UInt64(value), digits: 4) } == String(format: "%04d", value))
        }
    }

    @Test func `writes every byte in hexadecimal and in dotted addresses`() {
        for byte in 0..<256 {
            #expect(text { $0.append(hexadecimal: UInt8(byte)) } == String(format: "%02x", byte))
            let address = UInt32(byte) << 24 | UInt32(255 - byte) << 16 | UInt32(byte) << 8 | UInt32(byte ^ 1)
            #expect(text { $0.append(dotted: address) } == "\(byte).\(255 - byte).\(byte).\(byte ^ 1)")
        }
    }

    @Test func `grows without losing what it holds`() {
        let written = text { buffer in
            for number in 0..<5000 {
                buffer.append(decimal: UInt64(number))
                buffer.append(" ")
            }
        }
        #expect(written == (0..<5000).map { "\($0) " }.joined())
    }

    @Test func `takes back a line that was begun`() {
        let written = text { buffer in
            buffer.append("kept\n")
            let mark = buffer.count
            buffer.append("begun")
            buffer.truncate(to: mark)
            buffer.append("next")
        }
        #expect(written == "kept\nnext")
    }

    @Test func `holds nothing after it was emptied`() {
        var buffer = TextBuffer()
        buffer.append("some text")
        buffer.removeAll()
        #expect(buffer.count == 0)
    }
}

@Suite struct `A time as text` {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000+0000"),
        (1_000, "1970-01-01T00:00:00.000001+0000"),
        (999_999_999, "1970-01-01T00:00:00.999999+0000"),
        (951_782_399_999_999_999, "2000-02-28T23:59:59.999999+0000"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000000+0000"),
        (951_868_800_000_000_000, "2000-03-01T00:00:00.000000+0000"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000+0000"),
        (1_795_347_601_123_456_789, "2026-11-22T11:40:01.123456+0000"),
        (UInt64.max, "2554-07-21T23:34:33.709551+0000"),
    ])
    func `is UTC with microseconds and a zone without colon`(nanoseconds: UInt64, expected: String) {
        #expect(text { $0.append(Timestamp(nanoseconds: nanoseconds)) } == expected)
    }

    @Test func `agrees with the C library on every day until 2110`() {
        for day in 0..<51_200 {
            let seconds = day * 86_400 + day % 86_400
            var time = time_t(seconds)
            var parts = tm()
            gmtime_r(&time, &parts)
            let expected = [
                parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                parts.tm_sec,
            ]
            let written = text { $0.append(Timestamp(seconds: UInt64(seconds))) }
            let fields = written.dropLast(12).split { !$0.isNumber }.compactMap { Int32($0) }
            if fields != expected { Issue.record("day \(day): \(written), expected \(expected)") }
        }
    }
}

@Suite struct `An IPv6 address as text` {
    @Test(arguments: [
        "::", "::1", "1::", "2001:db8::1", "2001:db8::2:1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1",
        "2001:db8::1:0:0:1", "fe80::aaaa:bbff:fecc:dddd", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0",
        "0:2:3:4:5:6:7:8",
        "::ffff:192.0.2.128", "::2:0:0:0:1", "ff02::1:ff00:0", "0:0:1::", "1:0:0:2::", "64:ff9b::c000:221",
    ])
    func `is what RFC 5952 recommends`(expected: String) throws {
        var bytes = in6_addr()
        try #require(inet_pton(AF_INET6, expected, &bytes) == 1)
        #expect(text { $0.append(address(bytes), version: 6) } == expected)
    }

    @Test func `agrees with the C library on addresses of few set groups`() {
        for pattern in 0..<6561 {
            // Eight groups of 0, 1 or 0xabcd; the C library also dots the deprecated ::a.b.c.d form.
            var groups: [UInt64] = []
            var rest = pattern
            for _ in 0..<8 {
                groups.append([0, 1, 0xabcd][rest % 3])
                rest /= 3
            }
            let halves = [groups[0..<4], groups[4..<8]].map { $0.reduce(0) { $0 << 16 | $1 } }
            let address = IPAddress(high: halves[0], low: halves[1])
            if address.high == 0, address.low >> 32 == 0, address.low > 0xffff { continue }
            var bytes = in6_addr()
            withUnsafeMutableBytes(of: &bytes) { raw in
                raw.storeBytes(of: address.high.bigEndian, as: UInt64.self)
                raw.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            var room = [CChar](repeating: 0, count: 64)
            inet_ntop(AF_INET6, &bytes, &room, 64)
            let expected = String(
                decoding: room.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                as: UTF8.self
            )
            #expect(text { $0.append(address, version: 6) } == expected)
        }
    }

    @Test func `of version 4 is dotted, whatever its first half holds`() {
        #expect(text { $0.append(IPAddress(v4: 0xc000_0201), version: 4) } == "192.0.2.1")
        #expect(text { $0.append(IPAddress(high: 7, low: 0x0102_0304), version: 4) } == "1.2.3.4")
    }

    private func address(_ bytes: in6_addr) -> IPAddress {
        withUnsafeBytes(of: bytes) { raw in
            IPAddress(
                high: UInt64(bigEndian: raw.load(as: UInt64.self)),
                low: UInt64(bigEndian: raw.load(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }
}
