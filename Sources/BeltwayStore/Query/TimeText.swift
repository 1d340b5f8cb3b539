// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// Times and durations as people write them, on the command line and in expressions.
public enum TimeText {
    /// What ``time(_:now:)`` accepts, for error messages.
    public static let expected =
        "a time such as 2026-11-22T11:40:00Z, 15m, \"2h ago\", now, or seconds since 1970"

    /// Reads a point in time.
    ///
    ///     2026-11-22   2026-11-22T11:40   2026-11-22T11:40:01.123456Z   ...+01:00   ...+0000     RFC 3339, UTC without zone
    ///     15m   1h30m   "2h ago"     so long before `now`              now              1795347600.5     seconds since 1970
    ///
    /// - Parameters:
    ///   - text: At most 64 bytes.
    ///   - now: What relative times count back from.
    /// - Returns: The time, or nil if the text is none of these or lies before 1970.
    public static func time(_ text: String, now: Timestamp) -> Timestamp? {
        guard text.utf8.count <= 64 else { return nil }
        var text = Substring(text.lowercased())
        while text.last == " " { text.removeLast() }
        while text.first == " " { text.removeFirst() }
        if text == "now" { return now }
        if let seconds = scaled(text, unit: 1_000_000_000) { return Timestamp(nanoseconds: seconds) }
        var relative = text
        if relative.hasSuffix("ago") {
            relative.removeLast(3)
            while relative.last == " " { relative.removeLast() }
        }
        if let span = duration(relative) {
            return Timestamp(nanoseconds: now.nanoseconds > span ? now.nanoseconds - span : 0)
        }
        return dateTime(text)
    }

    /// Reads a duration in nanoseconds: `90`, `1.5` (seconds), `300ms`, `2m`, `1h30m`, `7d`, `2w`; nil for other text.
    static func duration(_ text: Substring) -> UInt64? {
        if let seconds = scaled(text, unit: 1_000_000_000) { return seconds }
        var rest = text.lowercased()[...]
        guard !rest.isEmpty, rest.utf8.count <= 64 else { return nil }
        var total: UInt64 = 0
        while !rest.isEmpty {
            let number = rest.prefix { $0 == "." || ("0"..."9").contains($0) }
            rest.removeFirst(number.count)
            let unit = rest.prefix { ("a"..."z").contains($0) }
            rest.removeFirst(unit.count)
            guard let factor = unitNanoseconds[String(unit)], let part = scaled(number, unit: factor) else {
                return nil
            }
            let (sum, overflow) = total.addingReportingOverflow(part)
            if overflow { return nil }
            total = sum
        }
        return total
    }

    private static let unitNanoseconds: [String: UInt64] = [
        "ns": 1, "us": 1000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000,
        "d": 86_400_000_000_000, "w": 604_800_000_000_000,
    ]

    /// A decimal number times `unit`, exact to the unit's last place; nil for other text or on overflow.
    static func scaled(_ text: Substring, unit: UInt64) -> UInt64? {
        let parts = text.utf8.split(
            separator: UInt8(ascii: "."),
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        guard let whole = parts.first, (1...20).contains(whole.count),
            parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { (48...57).contains($0) } }),
            let number = UInt64(Substring(whole))
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        if overflow { return nil }
        guard parts.count == 2 else { return product }
        var fraction: UInt64 = 0
        var place = unit
        for digit in parts[1] {
            // Digits below the unit's last place say nothing: 0.25h is 900 s, 1.5ns is 1 ns.
            if place < 10 { break }
            fraction += place / 10 * UInt64(digit - 48)
            place = place / 10
        }
        let (sum, carry) = product.addingReportingOverflow(fraction)
        return carry ? nil : sum
    }

    /// RFC 3339, section 5.6; the time, its seconds and the zone may be missing.
    private static func dateTime(_ text: Substring) -> Timestamp? {
        var scanner = DigitScanner(text)
        guard let year = scanner.digits(4), (1970...2554).contains(year), scanner.skip("-"),
            let month = scanner.digits(2), (1...12).contains(month), scanner.skip("-"),
            let day = scanner.digits(2), (1...daysIn(month, of: year)).contains(day)
        else { return nil }
        var seconds = Int64(daysSince1970(year, month, day)) * 86400
        var nanoseconds: UInt64 = 0
        if !scanner.isAtEnd {
            guard scanner.skip("t") || scanner.skip(" "), let hour = scanner.digits(2), hour < 24,
                scanner.skip(":"),
                let minute = scanner.digits(2), minute < 60
            else { return nil }
            seconds += Int64(hour * 3600 + minute * 60)
            if scanner.skip(":") {
                // 60 is a leap second.
                guard let second = scanner.digits(2), second <= 60 else { return nil }
                seconds += Int64(second)
                if scanner.skip(".") {
                    guard let fraction = scanner.fraction() else { return nil }
                    nanoseconds = fraction
                }
            }
            guard let offset = zone(&scanner) else { return nil }
            seconds -= offset
        }
        guard scanner.isAtEnd, seconds >= 0 else { return nil }
        return Timestamp(seconds: UInt64(seconds), nanoseconds: nanoseconds)
    }

    /// Seconds east of UTC; 0 without a zone.
    private static func zone(_ scanner: inout DigitScanner) -> Int64? {
        if scanner.isAtEnd || scanner.skip("z") { return 0 }
        let isEast = scanner.skip("+")
        guard isEast || scanner.skip("-"), let hours = scanner.digits(2), hours < 24 else { return nil }
        _ = scanner.skip(":")
        guard let minutes = scanner.digits(2), minutes < 60 else { return nil }
        let offset = Int64(hours * 3600 + minutes * 60)
        return isEast ? offset : -offset
    }

    private static func daysIn(_ month: Int, of year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let years = year - 1
        let beforeYear = years * 365 + years / 4 - years / 100 + years / 400 - 719_162
        return beforeYear + (1..<month).reduce(0) { $0 + daysIn($1, of: year) } + day - 1
    }
}

/// Reads fixed numbers of digits and single characters from the front of a text.
private struct DigitScanner {
    private var rest: Substring.UTF8View

    init(_ text: Substring) { rest = text.utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let first = rest.first, UInt32(first) == character.value else { return false }
        rest.removeFirst()
        return true
    }

    mutating func digits(_ count: Int) -> Int? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
        rest.removeFirst(count)
        return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
    }

    /// Digits after the point as nanoseconds; those beyond the ninth are dropped.
    mutating func fraction() -> UInt64? {
        let digits = rest.prefix { (48...57).contains($0) }
        guard !digits.isEmpty else { return nil }
        rest.removeFirst(digits.count)
        let nine = Array(digits.prefix(9)) + Array(repeating: 48, count: max(0, 9 - digits.count))
        return nine.reduce(0) { $0 * 10 + UInt64($1 - 48) }
    }
}
