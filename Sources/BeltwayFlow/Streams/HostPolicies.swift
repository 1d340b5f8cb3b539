// SPDX-License-Identifier: Apache-2.0
// Which host treats overlaps how: what Suricata's `host-os-policy` says, prefixes of addresses and systems.
//
//     10.0.0.0/8 linux     10.1.0.0/16 windows     2001:db8::/32 bsd          the longest prefix counts
//
// Asked once for each flow and each datagram in fragments, by the address that gets the data: one look-up for each length
// of prefix that is in use, which allocates nothing.
public import BeltwayWire

/// Overlap policies by the receiver's network.
public struct HostPolicies: Sendable, Equatable {
    /// What holds for one network.
    public struct Policy: Sendable, Equatable, BitwiseCopyable {
        /// For segments of TCP.
        public var segments: OverlapPolicy
        /// For fragments of IP.
        public var fragments: FragmentPolicy

        /// Makes the policies of a network.
        public init(segments: OverlapPolicy, fragments: FragmentPolicy) {
            (self.segments, self.fragments) = (segments, fragments)
        }
    }

    /// The networks of one length.
    private struct Level: Equatable {
        let length: Int
        var networks: [IPAddress: Policy] = [:]
    }

    /// Longest first; lengths count in the 128 bits of an address, those of IPv4 from its mapped form.
    private var levels: [Level] = []
    /// Bits in front of an IPv4 address in its mapped form.
    private static var mappedBits: Int { 96 }

    /// No network has a policy of its own.
    public init() {}

    /// Whether no network has a policy of its own.
    public var isEmpty: Bool { levels.isEmpty }

    /// Adds a network; one that is there already gets the new policy.
    ///
    /// - Parameters:
    ///   - address: An address of it; bits beyond the prefix are left out.
    ///   - length: Bits of its prefix: 0 to 32 for IPv4, to 128 for IPv6.
    ///   - version: 4 or 6.
    ///   - policy: What holds there.
    public mutating func add(_ address: IPAddress, length: Int, version: UInt8, _ policy: Policy) {
        let bits = version == 4 ? length + HostPolicies.mappedBits : length
        let place = levels.firstIndex { $0.length <= bits } ?? levels.count
        if place == levels.count || levels[place].length != bits {
            levels.insert(Level(length: bits), at: place)
        }
        levels[place].networks[address.prefix(bits)] = policy
    }

    /// The policy of the most specific network that an address is in.
    ///
    /// - Parameters:
    ///   - address: Who gets the data.
    ///   - version: 4 or 6.
    /// - Returns: The policy; nil if it is in none.
    public func policy(of address: IPAddress, version: UInt8) -> Policy? {
        for level in levels {
            if version == 4, level.length < HostPolicies.mappedBits { return nil }
            if let found = level.networks[address.prefix(level.length)] { return found }
        }
        return nil
    }
}

extension FragmentPolicy {
    /// How a system that treats segments so treats fragments: both as Suricata has them of one name.
    public init(ofSystem policy: OverlapPolicy) {
        self =
            switch policy {
            case .first, .drop, .hpux11, .macos: .first
            case .last: .last
            case .bsd, .hpux10, .irix: .bsd
            case .linux, .oldLinux: .linux
            case .solaris: .solaris
            case .windows, .vista, .windows2003: .windows
            }
    }
}

extension IPAddress {
    /// The first bits, the others 0.
    fileprivate func prefix(_ bits: Int) -> IPAddress {
        IPAddress(
            high: bits >= 64 ? high : high & ~(UInt64.max >> UInt64(max(bits, 0))),
            low: bits >= 128 ? low : bits <= 64 ? 0 : low & ~(UInt64.max >> UInt64(bits - 64))
        )
    }
}
