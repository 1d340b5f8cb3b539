// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// The name of a segment's file, such as `000001-20261122T140500.123456789Z.pcapng`.
///
/// It is made of the segment's number within its ring's folder, and a time (UTC) that none of its first
/// region's packets precedes. Names sort as the segments were written. While it has no whole region yet, the
/// file has `.partial` appended; a crash may leave one, and the next run removes it.
public struct SegmentName: Equatable, Sendable {
    /// Counts from 1 within the ring's folder.
    public var number: Int
    /// The least time of the first region's chunk.
    public var time: Timestamp

    static let suffix = ".pcapng"
    static let partialSuffix = ".partial"

    /// Makes a name.
    public init(number: Int, time: Timestamp) {
        self.number = number
        self.time = time
    }

    /// Reads a file's name; nil for any other file.
    public init?(_ name: String) {
        guard name.hasSuffix(SegmentName.suffix) else { return nil }
        let parts = name.dropLast(SegmentName.suffix.count).split(
            separator: "-",
            omittingEmptySubsequences: false
        )
        guard parts.count == 2, (6...12).contains(parts[0].utf8.count),
            parts[0].utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(parts[0]),
            let time = SegmentName.time(parts[1])
        else { return nil }
        self.init(number: number, time: time)
    }

    /// The file's name.
    public var fileName: String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits + "-"
            + SegmentName.text(time) + SegmentName.suffix
    }

    // Civil dates from days: Howard Hinnant, "chrono-compatible low-level date algorithms".
    private static func text(_ time: Timestamp) -> String {
        let days = time.seconds / 86_400
        let second = time.seconds % 86_400
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
        return padded(year, 4) + padded(civilMonth, 2) + padded(day, 2) + "T" + padded(second / 3600, 2)
            + padded(second / 60 % 60, 2) + padded(second % 60, 2) + "."
            + padded(time.nanoseconds % 1_000_000_000, 9) + "Z"
    }

    private static func time(_ text: Substring) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard bytes.count == 26, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "."),
            bytes[25] == UInt8(ascii: "Z")
        else { return nil }
        func number(_ range: Range<Int>) -> UInt64? {
            var value: UInt64 = 0
            for byte in bytes[range] {
                guard (48...57).contains(byte) else { return nil }
                value = value * 10 + UInt64(byte - 48)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(4..<6), let day = number(6..<8),
            let hour = number(9..<11), let minute = number(11..<13), let second = number(13..<15),
            let fraction = number(16..<25), year >= 1970, (1...12).contains(month), (1...31).contains(day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let yearOfEra = shiftedYear % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = shiftedYear / 400 * 146_097 + dayOfEra - 719_468
        return Timestamp(seconds: days * 86_400 + hour * 3600 + minute * 60 + second, nanoseconds: fraction)
    }

    private static func padded(_ value: UInt64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
