// SPDX-License-Identifier: Apache-2.0
// Addresses and times as text.
public import BeltwayWire

extension TextBuffer {
    /// Appends an address: dotted decimal for IP version 4, else as RFC 5952 writes IPv6.
    ///
    /// - Parameters:
    ///   - address: The address; for version 4 only its last 32 bits are written.
    ///   - version: 4, or anything else for IPv6.
    @inlinable public mutating func append(_ address: IPAddress, version: UInt8) {
        if version == 4 {
            append(dotted: address.v4)
        } else {
            append(ipv6: address)
        }
    }

    /// Appends four numbers with dots between them.
    @inlinable public mutating func append(dotted address: UInt32) {
        appendOctet(UInt8(truncatingIfNeeded: address >> 24))
        append(0x2e)
        appendOctet(UInt8(truncatingIfNeeded: address >> 16))
        append(0x2e)
        appendOctet(UInt8(truncatingIfNeeded: address >> 8))
        append(0x2e)
        appendOctet(UInt8(truncatingIfNeeded: address))
    }

    @inlinable @inline(__always) mutating func appendOctet(_ octet: UInt8) {
        // Three digits in the low three bytes, then shifted past the leading zeros.
        let value = UInt64(octet)
        let hundreds = (value &* 41) >> 12
        let below = value &- hundreds &* 100
        let tens = (below &* 103) >> 10
        let digits = hundreds | tens << 8 | (below &- tens &* 10) << 16 | 0x303030
        let skipped = value >= 100 ? 0 : value >= 10 ? 1 : 2
        append(word: digits >> UInt64(skipped &* 8), size: 3 &- skipped)
    }

    /// Appends an IPv6 address as RFC 5952, section 4 recommends: lower case, no leading zeros, the longest run of
    /// two or more zero groups (the first of equals) as `::`, and a mapped IPv4 address dotted (section 5).
    public mutating func append(ipv6 address: IPAddress) {
        if address.isMappedV4 {
            append("::ffff:")
            append(dotted: address.v4)
            return
        }
        let run = TextBuffer.longestZeroRun(address)
        var group = 0
        while group < 8 {
            if group == run.start {
                append("::")
                group = run.start + run.length
                continue
            }
            if group > 0, group != run.start + run.length { append(0x3a) }
            append(hexadecimal: TextBuffer.group(group, of: address))
            group += 1
        }
    }

    /// Appends all 32 digits of an IPv6 address, as Suricata's events have them: `2001:0db8:0000:...`.
    public mutating func append(wholeIPv6 address: IPAddress) {
        for group in 0..<8 {
            if group > 0 { append(0x3a) }
            let value = TextBuffer.group(group, of: address)
            append(hexadecimal: UInt8(truncatingIfNeeded: value >> 8))
            append(hexadecimal: UInt8(truncatingIfNeeded: value))
        }
    }

    static func group(_ index: Int, of address: IPAddress) -> UInt64 {
        let half = index < 4 ? address.high : address.low
        return half >> UInt64(48 - (index & 3) * 16) & 0xffff
    }

    /// The first longest run of zero groups; length 0 and a start that no group has if none is two groups long.
    static func longestZeroRun(_ address: IPAddress) -> (start: Int, length: Int) {
        var best = (start: 9, length: 0)
        var index = 0
        while index < 8 {
            var length = 0
            while index + length < 8, group(index + length, of: address) == 0 { length += 1 }
            if length >= 2, length > best.length { best = (index, length) }
            index += length + 1
        }
        return best
    }

    /// Appends a time as EVE writes it, in UTC with microseconds: `2026-11-22T11:40:01.123456+0000`.
    ///
    /// - Parameter time: Any time; years stay within four digits up to ``Timestamp/distantFuture`` (2554).
    @inlinable public mutating func append(_ time: Timestamp) {
        appendDateAndTime(time)
        append("+0000")
    }

    /// Appends `2026-11-22T11:40:01`.
    ///
    /// - Parameter seconds: Since 1970, within the years 5 to 9999.
    public mutating func append(secondsSince1970 seconds: Int64) {
        // Five eras of 400 years later, so that no day is negative.
        let days = seconds >= 0 ? seconds / 86_400 : -((86_399 - seconds) / 86_400)
        let date = TextBuffer.civil(days: UInt64(days + 5 * 146_097))
        let clock = UInt64(seconds - days * 86_400)
        append(decimal: date.year - 2000, digits: 4)
        append(0x2d)
        append(decimal: date.month, digits: 2)
        append(0x2d)
        append(decimal: date.day, digits: 2)
        append(0x54)
        append(decimal: clock / 3600, digits: 2)
        append(0x3a)
        append(decimal: clock / 60 % 60, digits: 2)
        append(0x3a)
        append(decimal: clock % 60, digits: 2)
    }

    /// Appends `2026-11-22T11:40:01.123456`.
    @inlinable public mutating func appendDateAndTime(_ time: Timestamp) {
        let seconds = time.seconds
        let days = seconds / 86_400
        let date = TextBuffer.civil(days: days)
        let clock = seconds &- days &* 86_400
        let hour = clock / 3600
        let minute = clock / 60 &- hour &* 60
        // YYYYMMDD and HHMMSS as one number each, then their digits spread with the separators between.
        let ymd =
            TextBuffer.eightDigits(date.year &* 10_000 &+ date.month &* 100 &+ date.day) | TextBuffer.zeros
        let hms = TextBuffer.eightDigits(hour &* 10_000 &+ minute &* 100 &+ clock % 60) | TextBuffer.zeros
        append(word: ymd & 0xffff_ffff | 0x2d << 32 | (ymd >> 32 & 0xffff) << 40 | 0x2d << 56, size: 8)
        append(
            word: ymd >> 48 | 0x54 << 16 | (hms >> 16 & 0xffff) << 24 | 0x3a << 40 | (hms >> 32 & 0xffff)
                << 48,
            size: 8
        )
        append(word: 0x3a | (hms >> 48) << 8 | 0x2e << 24, size: 4)
        let micro = time.nanoseconds % 1_000_000_000 / 1000
        append(word: (TextBuffer.eightDigits(micro) | TextBuffer.zeros) >> 16, size: 6)
    }

    /// Year, month and day of a day number (0 is 1970-01-01) in the Gregorian calendar.
    ///
    /// Counts from 1 March of the year 0, so that the leap day is the last of its year: era of 400 years, day of the
    /// era, year of the era, day of the year, and the month from a straight line through the months' lengths.
    @inlinable static func civil(days: UInt64) -> (year: UInt64, month: UInt64, day: UInt64) {
        let shifted = days &+ 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted &- era &* 146_097
        let yearOfEra =
            (dayOfEra &- dayOfEra / 1460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let marchMonth = (5 &* dayOfYear &+ 2) / 153
        let day = dayOfYear &- (153 &* marchMonth &+ 2) / 5 &+ 1
        let month = marchMonth < 10 ? marchMonth &+ 3 : marchMonth &- 9
        return (yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0), month, day)
    }
}
