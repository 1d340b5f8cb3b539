// SPDX-License-Identifier: Apache-2.0
// Symmetric hashes: both directions of a conversation give the same number.
//
//     address pair   seed, tunnel id, VLAN ids, {a, b}                     -> which worker
//     flow           seed, tunnel id, VLAN ids, {(a, port), (b, port)}, protocol -> which flow of that worker
//
// Each end is mixed by itself, for the flow with its port; sum and exclusive-or of the two results do not
// know which came first. So swapping both ends together changes nothing, swapping only the ports does, and
// there is no branch for the processor to guess wrong. A mix is one 64 x 64 -> 128 bit multiplication,
// folded; who does not know the seed cannot aim at collisions.

public import BeltwayWire

/// Symmetric 32-bit hashes of address pairs and flows, under a 64-bit key.
///
/// Budget: 5 ns for both hashes of a packet.
@frozen public struct FlowHash: Sendable, BitwiseCopyable {
    @usableFromInline let key0: UInt64
    @usableFromInline let key1: UInt64
    @usableFromInline let key2: UInt64
    @usableFromInline let key3: UInt64

    /// The key for files: the same packets give the same hashes, run to run.
    @inlinable public static var fileSeed: UInt64 { 0x6265_6c74_7761_7931 }

    /// Makes hashes that differ from those of any other seed.
    public init(seed: UInt64 = FlowHash.fileSeed) {
        // splitmix64 (Steele, Lea, Flood 2014) spreads the seed over four keys.
        var state = seed
        func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
        key0 = next()
        key1 = next()
        key2 = next()
        key3 = next()
    }

    /// Mixes two words into one: the 128-bit product, folded.
    @inlinable @inline(__always) static func mix(_ x: UInt64, _ y: UInt64) -> UInt64 {
        let product = x.multipliedFullWidth(by: y)
        return product.high ^ product.low
    }

    @inlinable @inline(__always) static func fold(_ x: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: x ^ x >> 32)
    }

    @inlinable @inline(__always) func mixed(_ address: IPAddress) -> UInt64 {
        FlowHash.mix(address.high ^ key0, address.low ^ key1)
    }

    /// Both hashes before they are cut to 32 bits; the second is made from the first.
    @inlinable @inline(__always) func pair(
        _ a: UInt64,
        _ b: UInt64,
        vlans: UInt32,
        tunnelID: UInt32
    ) -> UInt64 {
        let context = UInt64(tunnelID) << 32 | UInt64(vlans)
        return FlowHash.mix((a &+ b) ^ key2, (a ^ b) &+ context ^ key3)
    }

    @inlinable @inline(__always) func flow(
        pair: UInt64,
        _ a: UInt64,
        _ b: UInt64,
        portA: UInt16,
        portB: UInt16,
        transportProtocol: UInt8
    ) -> UInt64 {
        let x = a &+ UInt64(portA) &* FlowHash.portFactor
        let y = b &+ UInt64(portB) &* FlowHash.portFactor
        return FlowHash.mix((x &+ y) ^ pair, (x ^ y) &+ UInt64(transportProtocol) ^ key3)
    }

    /// Spreads a port over 64 bits: 2^64 divided by the golden ratio, odd.
    @inlinable static var portFactor: UInt64 { 0x9e37_79b9_7f4a_7c15 }

    /// Hashes two addresses in any order.
    ///
    /// - Parameters:
    ///   - a: One address.
    ///   - b: The other one.
    ///   - vlans: Two 12-bit identifiers as ``vlanIDs(_:)`` gives them; 0 if VLANs do not separate flows.
    ///   - tunnelID: `PacketHeaders.tunnelKey`: what both directions of the tunnel share.
    /// - Returns: The same number for both orders.
    @inlinable public func addressPair(
        _ a: IPAddress,
        _ b: IPAddress,
        vlans: UInt32 = 0,
        tunnelID: UInt32 = 0
    ) -> UInt32 {
        FlowHash.fold(pair(mixed(a), mixed(b), vlans: vlans, tunnelID: tunnelID))
    }

    /// Hashes two endpoints in any order, and their protocol.
    ///
    /// - Parameters:
    ///   - a: One end's address.
    ///   - portA: Its port, or 0.
    ///   - b: The other end's address.
    ///   - portB: Its port, or 0.
    ///   - transportProtocol: IP protocol number.
    ///   - vlans: Two 12-bit identifiers as ``vlanIDs(_:)`` gives them; 0 if VLANs do not separate flows.
    ///   - tunnelID: `PacketHeaders.tunnelKey`: what both directions of the tunnel share.
    /// - Returns: The same number for both directions.
    @inlinable public func flow(
        _ a: IPAddress,
        portA: UInt16,
        _ b: IPAddress,
        portB: UInt16,
        transportProtocol: UInt8,
        vlans: UInt32 = 0,
        tunnelID: UInt32 = 0
    ) -> UInt32 {
        let (x, y) = (mixed(a), mixed(b))
        return FlowHash.fold(
            flow(
                pair: pair(x, y, vlans: vlans, tunnelID: tunnelID),
                x,
                y,
                portA: portA,
                portB: portB,
                transportProtocol: transportProtocol
            )
        )
    }

    /// The identifiers of at most two VLAN tags, 12 bits each, the outer one in the low bits.
    ///
    /// A tag with identifier 0 gives only a priority (IEEE 802.1Q, 9.6): it counts as no tag.
    @inlinable @inline(__always) public static func vlanIDs(_ headers: borrowing PacketHeaders) -> UInt32 {
        UInt32(headers.vlan.outer & 0xfff) | UInt32(headers.vlan.inner & 0xfff) << 12
    }
}
