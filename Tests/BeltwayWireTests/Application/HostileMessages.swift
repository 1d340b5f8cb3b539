// SPDX-License-Identifier: Apache-2.0
// What every parser of messages must survive: any prefix of a real message, and messages with bytes changed.
import BeltwayTestSupport
import BeltwayWire
import Testing

/// The bytes that hexadecimal digits write; anything else between them is passed over.
func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}

/// A copy of bytes.
func array(_ bytes: RawSpan) -> [UInt8] {
    var copy: [UInt8] = []
    for index in 0..<bytes.byteCount { copy.append(bytes.byte(at: index)) }
    return copy
}

/// The text that bytes write, as far as they are UTF-8.
func text(_ bytes: RawSpan) -> String {
    String(decoding: array(bytes), as: UTF8.self)
}

/// The text that bytes write, if there are any.
func optionalText(_ bytes: RawSpan?) -> String? {
    guard let bytes else { return nil }
    return text(bytes)
}

/// The text that bytes write.
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// What is wrong with an answer about `count` bytes, by the invariants of MessageFraming.swift; nil if nothing.
func complaint(about framing: Framing, count: Int) -> String? {
    switch framing {
    case .complete(let length):
        length > 0 && length <= count ? nil : "complete(\(length)) of \(count) bytes"
    case .needMore(let need):
        need > count ? nil : "needMore(\(need)) of \(count) bytes"
    case .notThisProtocol:
        nil
    }
}

/// Calls `walk` with every prefix of a message, and with `rounds` copies of it that have some bytes changed.
///
/// - Parameters:
///   - message: A message as it should be.
///   - seed: What the changes follow from.
///   - rounds: How many changed copies.
///   - walk: Reads all that the parser offers and returns its framing, checked against the invariants.
func survives(_ message: [UInt8], seed: UInt64, rounds: Int = 2_000, walk: (RawSpan) -> Framing) {
    for count in 0...message.count {
        let framing = withExactCopy(of: message, count: count, walk)
        if let complaint = complaint(about: framing, count: count) {
            Issue.record("cut to \(count): \(complaint)")
        }
    }
    var numbers = SeededNumbers(seed: seed)
    for round in 0..<rounds {
        var changed = message
        for _ in 0...numbers.next() % 4 {
            let index = Int(numbers.next() % UInt64(changed.count))
            switch numbers.next() % 4 {
            case 0: changed[index] = 0xff
            case 1: changed[index] = 0
            case 2: changed[index] ^= 1 << UInt8(numbers.next() % 8)
            default: changed[index] = UInt8(truncatingIfNeeded: numbers.next())
            }
        }
        let isCut = numbers.next() % 3 == 0
        let count = isCut ? Int(numbers.next() % UInt64(changed.count + 1)) : changed.count
        let framing = withExactCopy(of: changed, count: count, walk)
        if let complaint = complaint(about: framing, count: count) {
            Issue.record("seed \(seed), round \(round): \(complaint)")
        }
    }
}
