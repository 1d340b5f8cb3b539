// SPDX-License-Identifier: Apache-2.0
// PCRE2 with its just-in-time compiler: the one file that calls it.
//
// Why the interface is safe: a compiled expression is immutable and freed by its class's deinit; what a match
// writes to (match data, stack) belongs to one `ExpressionScratch`, which cannot be copied; the subject is
// handed over inside `withUnsafeBytes` with its own length, and offsets are checked against it before.
// UTF mode is forbidden, so no subject can be "invalid".
import CPCRE2

/// One compiled regular expression; may be used by several threads at once, each with its own scratch.
@safe final class RegularExpression: @unchecked Sendable {
    fileprivate let code: OpaquePointer
    let isRelative: Bool
    let isNegated: Bool

    /// Why an expression does not compile.
    struct Failure: Error, Equatable {
        var offset: Int
        var reason: String
    }

    init(_ text: ExpressionText) throws(Failure) {
        var errorNumber: Int32 = 0
        var errorOffset = 0
        let options = Self.options(text.flags)
        let code = unsafe text.pattern.withUnsafeBufferPointer { pattern in
            unsafe pcre2_compile_8(
                pattern.baseAddress,
                pattern.count,
                options,
                &errorNumber,
                &errorOffset,
                nil
            )
        }
        guard let code = unsafe code else {
            throw Failure(offset: min(errorOffset, text.pattern.count), reason: Self.message(errorNumber))
        }
        unsafe self.code = code
        // Without a JIT (or for what it cannot compile) the interpreter does the same, only slower.
        _ = unsafe pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
        isRelative = text.isRelative
        isNegated = text.isNegated
    }

    deinit {
        unsafe pcre2_code_free_8(code)
    }

    private static func options(_ flags: ExpressionText.Flags) -> UInt32 {
        // A rule must not switch to UTF: packets are bytes.
        var options = UInt32(PCRE2_NEVER_UTF) | UInt32(PCRE2_NEVER_UCP) | UInt32(PCRE2_NEVER_BACKSLASH_C)
        if flags.contains(.ignoresCase) { options |= UInt32(PCRE2_CASELESS) }
        if flags.contains(.multipleLines) { options |= UInt32(PCRE2_MULTILINE) }
        if flags.contains(.dotMatchesAll) { options |= UInt32(PCRE2_DOTALL) }
        if flags.contains(.extended) { options |= UInt32(PCRE2_EXTENDED) }
        if flags.contains(.anchored) { options |= UInt32(PCRE2_ANCHORED) }
        if flags.contains(.dollarEndOnly) { options |= UInt32(PCRE2_DOLLAR_ENDONLY) }
        if flags.contains(.ungreedy) { options |= UInt32(PCRE2_UNGREEDY) }
        return options
    }

    private static func message(_ number: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 200)
        let length = unsafe buffer.withUnsafeMutableBufferPointer {
            unsafe pcre2_get_error_message_8(number, $0.baseAddress, $0.count)
        }
        return length > 0 ? String(decoding: buffer.prefix(Int(length)), as: UTF8.self) : "error \(number)"
    }
}

/// What one detector's matches write to.
@safe struct ExpressionScratch: ~Copyable {
    private let matchData: OpaquePointer
    private let context: OpaquePointer
    private let stack: OpaquePointer?

    /// What a match found.
    enum Outcome: Equatable {
        case match(start: Int, end: Int)
        case noMatch
        /// The match, depth, heap or stack limit was reached (Suricata's defaults: 3,500 and 1,500).
        case limit
        case failure
    }

    /// Reserves memory; nil if there is none.
    init?() {
        guard let matchData = unsafe pcre2_match_data_create_8(1, nil) else { return nil }
        guard let context = unsafe pcre2_match_context_create_8(nil) else {
            unsafe pcre2_match_data_free_8(matchData)
            return nil
        }
        let stack = unsafe pcre2_jit_stack_create_8(32 * 1024, 512 * 1024, nil)
        unsafe pcre2_set_match_limit_8(context, 3_500)
        unsafe pcre2_set_depth_limit_8(context, 1_500)
        unsafe pcre2_set_heap_limit_8(context, 4_096)
        if let stack = unsafe stack {
            unsafe pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
        }
        unsafe self.matchData = matchData
        unsafe self.context = context
        unsafe self.stack = stack
    }

    deinit {
        if let stack = unsafe stack { unsafe pcre2_jit_stack_free_8(stack) }
        unsafe pcre2_match_context_free_8(context)
        unsafe pcre2_match_data_free_8(matchData)
    }

    /// Looks for the expression in `subject`, starting at `start`; positions count from the subject's first byte.
    func match(_ expression: RegularExpression, in subject: RawSpan, from start: Int) -> Outcome {
        guard start >= 0, start <= subject.byteCount else { return .noMatch }
        let result = unsafe subject.withUnsafeBytes { bytes in
            // An empty span has no address; PCRE2 wants one even for no bytes.
            let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return unsafe withUnsafePointer(to: UInt8(0)) { empty in
                unsafe pcre2_match_8(
                    expression.code,
                    base ?? empty,
                    bytes.count,
                    start,
                    0,
                    matchData,
                    context
                )
            }
        }
        switch result {
        case 0...:
            guard let vector = unsafe pcre2_get_ovector_pointer_8(matchData) else { return .failure }
            let (first, last) = unsafe (vector[0], vector[1])
            // \K in a lookahead can put the start after the end.
            return .match(start: min(first, last), end: last)
        case PCRE2_ERROR_NOMATCH: return .noMatch
        case PCRE2_ERROR_MATCHLIMIT, PCRE2_ERROR_DEPTHLIMIT, PCRE2_ERROR_HEAPLIMIT,
            PCRE2_ERROR_JIT_STACKLIMIT:
            return .limit
        default: return .failure
        }
    }
}
