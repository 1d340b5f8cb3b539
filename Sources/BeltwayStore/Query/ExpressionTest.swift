// SPDX-License-Identifier: Apache-2.0

/// A parsed expression: what is asked, and how the answers are combined.
indirect enum ExpressionNode: Sendable {
    case all([ExpressionNode])
    case any([ExpressionNode])
    case not(ExpressionNode)
    case test(ExpressionTest)
}

/// One question about one field.
///
/// A field with two values (`ip`, `port`, `vlan`) passes if one of them does.
struct ExpressionTest: Sendable {
    var field: QueryField
    var predicate: Predicate

    enum Predicate: Sendable {
        case address([AddressRange])
        case number(NumberTest)
        case text(TextTest)
    }
}

/// What a number must be; numbers are compared as the columns hold them, in 64 bits with sign.
enum NumberTest: Sendable, Equatable {
    case oneOf([Int64])
    case less(Int64)
    case lessOrEqual(Int64)
    case greater(Int64)
    case greaterOrEqual(Int64)

    func holds(_ number: Int64) -> Bool {
        switch self {
        case .oneOf(let numbers): numbers.contains(number)
        case .less(let bound): number < bound
        case .lessOrEqual(let bound): number <= bound
        case .greater(let bound): number > bound
        case .greaterOrEqual(let bound): number >= bound
        }
    }
}

/// What a text must be.
enum TextTest: Sendable, Equatable {
    /// Equal, case included.
    case oneOf([String])
    /// Of this shape (``Glob``), whatever its case.
    case glob(String)

    func holds(_ text: String) -> Bool {
        switch self {
        case .oneOf(let texts): texts.contains(text)
        case .glob(let pattern): Glob(pattern).matches(text)
        }
    }
}
