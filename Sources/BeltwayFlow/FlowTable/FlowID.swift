// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// The secret that flow identifiers are mixed with.
///
/// Files use ``files``, so that the same capture gives the same identifiers everywhere; a live appliance uses a
/// salt that it made once and stores, so that identifiers of different appliances do not meet.
@frozen public struct FlowIDSalt: Hashable, Sendable, BitwiseCopyable {
    /// First half.
    public var low: UInt64
    /// Second half.
    public var high: UInt64

    /// Makes a salt of two words.
    @inlinable public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// The fixed salt for capture files ("Beltway flow ids" in ASCII).
    public static let files = FlowIDSalt(low: 0x4265_6c74_7761_7920, high: 0x666c_6f77_2069_6473)
}

/// Makes flow identifiers: SipHash-1-3 of what is known at the flow's first packet, cut to 53 bits.
///
/// The inputs do not depend on which worker saw the packet or when, so neither does the identifier; a tuple that is
/// used again starts with another ordinal and so gets another one. 53 bits, because JSON readers keep numbers as
/// doubles. Flows that may carry tunnels are named by their key alone (``FlowTracker``). Never 0, which means "no flow".
/// Two of ten million flows share one with probability 0.6 %.
public enum FlowID {
    /// Returns the identifier of the flow that a packet begins.
    ///
    /// - Parameters:
    ///   - key: The flow's key.
    ///   - start: The first packet's time.
    ///   - ordinal: The first packet's running number in its producer's order.
    ///   - producer: Number of that producer.
    ///   - salt: Fixed for files, stored for live capture.
    /// - Returns: 1 to 2^53 - 1.
    public static func make(
        key: FlowKey,
        start: Timestamp,
        ordinal: UInt64,
        producer: UInt16,
        salt: FlowIDSalt
    ) -> UInt64 {
        var state = SipState(salt)
        state.absorb(key.a.high)
        state.absorb(key.a.low)
        state.absorb(key.b.high)
        state.absorb(key.b.low)
        state.absorb(key.transportWord)
        state.absorb(key.tunnelWord)
        state.absorb(start.nanoseconds)
        state.absorb(ordinal)
        state.absorb(UInt64(producer) | 66 << 56)  // SipHash's last word: the length in bytes on top
        return max(1, state.finish() & (1 << 53 - 1))
    }
}

/// SipHash (Aumasson and Bernstein, 2012) with one round per word and three at the end.
private struct SipState {
    var v0, v1, v2, v3: UInt64

    init(_ salt: FlowIDSalt) {
        v0 = salt.low ^ 0x736f_6d65_7073_6575
        v1 = salt.high ^ 0x646f_7261_6e64_6f6d
        v2 = salt.low ^ 0x6c79_6765_6e65_7261
        v3 = salt.high ^ 0x7465_6462_7974_6573
    }

    @inline(__always) mutating func absorb(_ word: UInt64) {
        v3 ^= word
        round()
        v0 ^= word
    }

    mutating func finish() -> UInt64 {
        v2 ^= 0xff
        round()
        round()
        round()
        return v0 ^ v1 ^ v2 ^ v3
    }

    @inline(__always) mutating func round() {
        v0 &+= v1
        v1 = v1 << 13 | v1 >> 51
        v1 ^= v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = v3 << 16 | v3 >> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 << 21 | v3 >> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 << 17 | v1 >> 47
        v1 ^= v2
        v2 = v2 << 32 | v2 >> 32
    }
}
