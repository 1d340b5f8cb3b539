// SPDX-License-Identifier: Apache-2.0

// What Figure 9 calls: functions of 1 to 12 parameters, as small as those that the paper inlines (a packet counter, a
// port filter). The first parameter is the state and carries a chain of dependencies from call to call that no
// compiler can shorten; the others are words of a packet, loaded by the caller, which is the same for every method.

/// 64 words of packets, which stay in the first cache.
typealias PacketWords = Span<UInt64>

/// A function of so many parameters, and the ways to reach it.
protocol Callee {
    associatedtype Function
    /// Parameters, the state included.
    static var parameters: Int { get }
    /// Two functions of the same cost, reached through their addresses.
    static var functions: (Function, Function) { get }
    /// The function's body, at the place of the call.
    static func inlined(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64
    /// A call of a function that the compiler knows and may not inline.
    static func direct(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64
    /// A call through an address.
    static func indirect(
        _ function: Function,
        _ state: UInt64,
        _ words: PacketWords,
        _ at: Int
    ) -> UInt64
}

@inline(__always) private func turned(_ state: UInt64) -> UInt64 { state &<< 7 | state &>> 57 }
@inline(__always) private func word(_ words: PacketWords, _ at: Int) -> UInt64 { words[at & 63] }

enum Callee1: Callee {
    typealias Function = @convention(c) (UInt64) -> UInt64
    static var parameters: Int { 1 }
    static var functions: (Function, Function) {
        ({ s in turned(s) ^ (1) }, { s in turned(s) &+ (1) })
    }
    @inline(__always)
    static func inlined(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        body(state)
    }
    @inline(__always)
    static func direct(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        called(state)
    }
    @inline(__always)
    static func indirect(_ function: Function, _ state: UInt64, _ words: PacketWords, _ at: Int)
        -> UInt64
    {
        function(state)
    }
    @inline(__always) private static func body(_ s: UInt64) -> UInt64 { turned(s) ^ (1) }
    @inline(never) private static func called(_ s: UInt64) -> UInt64 { body(s) }
}

enum Callee2: Callee {
    typealias Function = @convention(c) (UInt64, UInt64) -> UInt64
    static var parameters: Int { 2 }
    static var functions: (Function, Function) {
        ({ s, a in turned(s) ^ (a) }, { s, a in turned(s) &+ (a) })
    }
    @inline(__always)
    static func inlined(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        body(state, word(words, at))
    }
    @inline(__always)
    static func direct(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        called(state, word(words, at))
    }
    @inline(__always)
    static func indirect(_ function: Function, _ state: UInt64, _ words: PacketWords, _ at: Int)
        -> UInt64
    {
        function(state, word(words, at))
    }
    @inline(__always) private static func body(_ s: UInt64, _ a: UInt64) -> UInt64 { turned(s) ^ (a) }
    @inline(never) private static func called(_ s: UInt64, _ a: UInt64) -> UInt64 { body(s, a) }
}

enum Callee3: Callee {
    typealias Function = @convention(c) (UInt64, UInt64, UInt64) -> UInt64
    static var parameters: Int { 3 }
    static var functions: (Function, Function) {
        ({ s, a, b in turned(s) ^ (a &+ b) }, { s, a, b in turned(s) &+ (a &+ b) })
    }
    @inline(__always)
    static func inlined(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        body(state, word(words, at), word(words, at &+ 1))
    }
    @inline(__always)
    static func direct(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        called(state, word(words, at), word(words, at &+ 1))
    }
    @inline(__always)
    static func indirect(_ function: Function, _ state: UInt64, _ words: PacketWords, _ at: Int)
        -> UInt64
    {
        function(state, word(words, at), word(words, at &+ 1))
    }
    @inline(__always) private static func body(_ s: UInt64, _ a: UInt64, _ b: UInt64) -> UInt64 {
        turned(s) ^ (a &+ b)
    }
    @inline(never) private static func called(_ s: UInt64, _ a: UInt64, _ b: UInt64) -> UInt64 {
        body(s, a, b)
    }
}

enum Callee4: Callee {
    typealias Function = @convention(c) (UInt64, UInt64, UInt64, UInt64) -> UInt64
    static var parameters: Int { 4 }
    static var functions: (Function, Function) {
        ({ s, a, b, c in turned(s) ^ (a &+ b &+ c) }, { s, a, b, c in turned(s) &+ (a &+ b &+ c) })
    }
    @inline(__always)
    static func inlined(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        body(state, word(words, at), word(words, at &+ 1), word(words, at &+ 2))
    }
    @inline(__always)
    static func direct(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        called(state, word(words, at), word(words, at &+ 1), word(words, at &+ 2))
    }
    @inline(__always)
    static func indirect(_ function: Function, _ state: UInt64, _ words: PacketWords, _ at: Int)
        -> UInt64
    {
        function(state, word(words, at), word(words, at &+ 1), word(words, at &+ 2))
    }
    @inline(__always) private static func body(_ s: UInt64, _ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
        turned(s) ^ (a &+ b &+ c)
    }
    @inline(never) private static func called(_ s: UInt64, _ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
        body(s, a, b, c)
    }
}

enum Callee6: Callee {
    typealias Function = @convention(c) (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) -> UInt64
    static var parameters: Int { 6 }
    static var functions: (Function, Function) {
        (
            { s, a, b, c, d, e in turned(s) ^ (a &+ b &+ c &+ d &+ e) },
            { s, a, b, c, d, e in turned(s) &+ (a &+ b &+ c &+ d &+ e) }
        )
    }
    @inline(__always)
    static func inlined(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        body(
            state,
            word(words, at),
            word(words, at &+ 1),
            word(words, at &+ 2),
            word(words, at &+ 3),
            word(words, at &+ 4)
        )
    }
    @inline(__always)
    static func direct(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        called(
            state,
            word(words, at),
            word(words, at &+ 1),
            word(words, at &+ 2),
            word(words, at &+ 3),
            word(words, at &+ 4)
        )
    }
    @inline(__always)
    static func indirect(_ function: Function, _ state: UInt64, _ words: PacketWords, _ at: Int)
        -> UInt64
    {
        function(
            state,
            word(words, at),
            word(words, at &+ 1),
            word(words, at &+ 2),
            word(words, at &+ 3),
            word(words, at &+ 4)
        )
    }
    @inline(__always) private static func body(
        _ s: UInt64,
        _ a: UInt64,
        _ b: UInt64,
        _ c: UInt64,
        _ d: UInt64,
        _ e: UInt64
    ) -> UInt64 { turned(s) ^ (a &+ b &+ c &+ d &+ e) }
    @inline(never) private static func called(
        _ s: UInt64,
        _ a: UInt64,
        _ b: UInt64,
        _ c: UInt64,
        _ d: UInt64,
        _ e: UInt64
    ) -> UInt64 { body(s, a, b, c, d, e) }
}

enum Callee8: Callee {
    typealias Function =
        @convention(c) (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) -> UInt64
    static var parameters: Int { 8 }
    static var functions: (Function, Function) {
        (
            { s, a, b, c, d, e, f, g in turned(s) ^ (a &+ b &+ c &+ d &+ e &+ f &+ g) },
            { s, a, b, c, d, e, f, g in turned(s) &+ (a &+ b &+ c &+ d &+ e &+ f &+ g) }
        )
    }
    @inline(__always)
    static func inlined(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        body(
            state,
            word(words, at),
            word(words, at &+ 1),
            word(words, at &+ 2),
            word(words, at &+ 3),
            word(words, at &+ 4),
            word(words, at &+ 5),
            word(words, at &+ 6)
        )
    }
    @inline(__always)
    static func direct(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        called(
            state,
            word(words, at),
            word(words, at &+ 1),
            word(words, at &+ 2),
            word(words, at &+ 3),
            word(words, at &+ 4),
            word(words, at &+ 5),
            word(words, at &+ 6)
        )
    }
    @inline(__always)
    static func indirect(_ function: Function, _ state: UInt64, _ words: PacketWords, _ at: Int)
        -> UInt64
    {
        function(
            state,
            word(words, at),
            word(words, at &+ 1),
            word(words, at &+ 2),
            word(words, at &+ 3),
            word(words, at &+ 4),
            word(words, at &+ 5),
            word(words, at &+ 6)
        )
    }
    @inline(__always) private static func body(
        _ s: UInt64,
        _ a: UInt64,
        _ b: UInt64,
        _ c: UInt64,
        _ d: UInt64,
        _ e: UInt64,
        _ f: UInt64,
        _ g: UInt64
    ) -> UInt64 { turned(s) ^ (a &+ b &+ c &+ d &+ e &+ f &+ g) }
    @inline(never) private static func called(
        _ s: UInt64,
        _ a: UInt64,
        _ b: UInt64,
        _ c: UInt64,
        _ d: UInt64,
        _ e: UInt64,
        _ f: UInt64,
        _ g: UInt64
    ) -> UInt64 { body(s, a, b, c, d, e, f, g) }
}

enum Callee12: Callee {
    typealias Function =
        @convention(c) (
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
        ) -> UInt64
    static var parameters: Int { 12 }
    static var functions: (Function, Function) {
        (
            { s, a, b, c, d, e, f, g, h, i, j, k in
                turned(s) ^ (a &+ b &+ c &+ d &+ e &+ f &+ g &+ h &+ i &+ j &+ k)
            },
            { s, a, b, c, d, e, f, g, h, i, j, k in
                turned(s) &+ (a &+ b &+ c &+ d &+ e &+ f &+ g &+ h &+ i &+ j &+ k)
            }
        )
    }
    @inline(__always)
    static func inlined(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        body(
            state,
            word(words, at),
            word(words, at &+ 1),
            word(words, at &+ 2),
            word(words, at &+ 3),
            word(words, at &+ 4),
            word(words, at &+ 5),
            word(words, at &+ 6),
            word(words, at &+ 7),
            word(words, at &+ 8),
            word(words, at &+ 9),
            word(words, at &+ 10)
        )
    }
    @inline(__always)
    static func direct(_ state: UInt64, _ words: PacketWords, _ at: Int) -> UInt64 {
        called(
            state,
            word(words, at),
            word(words, at &+ 1),
            word(words, at &+ 2),
            word(words, at &+ 3),
            word(words, at &+ 4),
            word(words, at &+ 5),
            word(words, at &+ 6),
            word(words, at &+ 7),
            word(words, at &+ 8),
            word(words, at &+ 9),
            word(words, at &+ 10)
        )
    }
    @inline(__always)
    static func indirect(_ function: Function, _ state: UInt64, _ words: PacketWords, _ at: Int)
        -> UInt64
    {
        function(
            state,
            word(words, at),
            word(words, at &+ 1),
            word(words, at &+ 2),
            word(words, at &+ 3),
            word(words, at &+ 4),
            word(words, at &+ 5),
            word(words, at &+ 6),
            word(words, at &+ 7),
            word(words, at &+ 8),
            word(words, at &+ 9),
            word(words, at &+ 10)
        )
    }
    @inline(__always) private static func body(
        _ s: UInt64,
        _ a: UInt64,
        _ b: UInt64,
        _ c: UInt64,
        _ d: UInt64,
        _ e: UInt64,
        _ f: UInt64,
        _ g: UInt64,
        _ h: UInt64,
        _ i: UInt64,
        _ j: UInt64,
        _ k: UInt64
    ) -> UInt64 { turned(s) ^ (a &+ b &+ c &+ d &+ e &+ f &+ g &+ h &+ i &+ j &+ k) }
    @inline(never) private static func called(
        _ s: UInt64,
        _ a: UInt64,
        _ b: UInt64,
        _ c: UInt64,
        _ d: UInt64,
        _ e: UInt64,
        _ f: UInt64,
        _ g: UInt64,
        _ h: UInt64,
        _ i: UInt64,
        _ j: UInt64,
        _ k: UInt64
    ) -> UInt64 { body(s, a, b, c, d, e, f, g, h, i, j, k) }
}
