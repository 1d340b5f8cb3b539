// SPDX-License-Identifier: Apache-2.0
import BeltwayWire

/// Reads the values that a field is compared with.
struct ExpressionValues {
    let field: QueryField
    let now: Timestamp
    private(set) var numbers: [Int64] = []
    private var addresses: [AddressRange] = []
    private var texts: [String] = []

    init(field: QueryField, now: Timestamp) {
        self.field = field
        self.now = now
    }

    /// Takes one more value, or answers false if it is not of the field's kind.
    mutating func add(_ text: String) -> Bool {
        switch field.kind {
        case .text: texts.append(text)
        case .address:
            guard let range = AddressRange(text) else { return false }
            addresses.append(range)
        default:
            guard let number = number(text) else { return false }
            numbers.append(number)
        }
        return true
    }

    /// The test that a field's value is one of those taken.
    var equality: ExpressionTest.Predicate {
        switch field.kind {
        case .text: .text(.oneOf(texts))
        case .address: .address(addresses)
        default: .number(.oneOf(numbers))
        }
    }

    private func number(_ text: String) -> Int64? {
        switch field.kind {
        case .number: ExpressionValues.count(text)
        case .duration: TimeText.duration(Substring(text)).flatMap { Int64(exactly: $0) }
        case .time: TimeText.time(text, now: now).map { FlowQuery.column($0) }
        case .boolean: ["true": 1, "yes": 1, "1": 1, "false": 0, "no": 0, "0": 0][text.lowercased()]
        case .choice:
            // A state may be written as EVE does, or as `SYN-SENT`.
            field.choices.first { $0.name == text.lowercased() }?.value
                ?? field.choices.first { $0.name == text.lowercased().replacing("-", with: "_") }?.value
                ?? (field.common == .proto
                    ? AddressText.decimal(Substring(text).utf8, most: 255).map(Int64.init) : nil)
        case .address, .text: nil
        }
    }

    /// A number with an optional suffix k, M, G or T (powers of 1,000).
    private static func count(_ text: String) -> Int64? {
        var digits = Substring(text)
        var unit: UInt64 = 1
        if let suffix = digits.last?.lowercased(), let factor = suffixes[suffix] {
            unit = factor
            digits.removeLast()
        } else if digits.contains(".") {
            return nil
        }
        return TimeText.scaled(digits, unit: unit).flatMap { Int64(exactly: $0) }
    }

    private static let suffixes: [String: UInt64] = [
        "k": 1000, "m": 1_000_000, "g": 1_000_000_000, "t": 1_000_000_000_000,
    ]

    /// What a field's values look like, for error messages.
    static func expected(_ field: QueryField) -> String {
        switch field.kind {
        case .address: "an address or block such as 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32"
        case .number: "a number such as 443 or 1.5M"
        case .duration: "a duration such as 1.5, 300ms or 2m"
        case .time: TimeText.expected
        case .boolean: "true or false"
        case .text: "a text such as eth0 or \"two words\""
        case .choice:
            field.common == .proto
                ? "a protocol such as tcp, udp, icmp or a number up to 255"
                : "one of " + field.choices.map(\.name).joined(separator: ", ")
        }
    }
}
