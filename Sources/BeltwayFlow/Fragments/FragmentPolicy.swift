// SPDX-License-Identifier: Apache-2.0
// Whose bytes stand where two fragments overlap.
//
//     old      |-----------|            new ends ...
//     new   |-----|                     before old ends   at its end   beyond it
//
// Systems differ (Ptacek and Newsham, 1998), and differently from how they treat TCP segments: Novak, "Target-Based
// Fragmentation Reassembly" (2005), with the names that Suricata's `host-os-policy` gives them.

/// Which of two overlapping fragments counts.
public enum FragmentPolicy: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// What came first stands: HP-UX 11, Mac OS before X; the default.
    case first
    /// What came last stands: Cisco.
    case last
    /// The fragment that begins earlier, the older one if they begin alike: BSD, AIX, IRIX, Windows before XP.
    case bsd
    /// The fragment that begins later, the newer one if they begin alike: HP JetDirect.
    case bsdRight
    /// As BSD, but the newer one if they begin alike: Linux.
    case linux
    /// The older one, unless the newer one begins earlier and ends as late or later: Solaris.
    case solaris
    /// The older one, unless the newer one begins earlier and ends later: Windows.
    case windows

    /// The policy of a name, in any case, with or without hyphens.
    public init?(name: String) {
        switch name.lowercased().replacing("-", with: "").replacing("_", with: "") {
        case "first": self = .first
        case "last": self = .last
        case "bsd": self = .bsd
        case "bsdright": self = .bsdRight
        case "linux": self = .linux
        case "solaris": self = .solaris
        case "windows": self = .windows
        default: return nil
        }
    }

    /// The name that ``init(name:)`` takes.
    public var name: String { self == .bsdRight ? "bsd-right" : "\(self)" }

    /// Whether a fragment's bytes replace those of an older one where both overlap.
    ///
    /// - Parameters:
    ///   - new: Where the fragment that has come lies in the datagram.
    ///   - old: Where the one lies that was there.
    /// - Returns: True if the new bytes stand.
    func prefersNew(_ new: Range<Int>, over old: Range<Int>) -> Bool {
        switch self {
        case .first: false
        case .last: true
        case .bsd: new.lowerBound < old.lowerBound
        case .bsdRight: new.lowerBound >= old.lowerBound
        case .linux: new.lowerBound <= old.lowerBound
        case .solaris: new.lowerBound < old.lowerBound && new.upperBound >= old.upperBound
        case .windows: new.lowerBound < old.lowerBound && new.upperBound > old.upperBound
        }
    }
}

/// What the reassembly of fragments can be told.
public struct FragmentConfiguration: Sendable, BitwiseCopyable {
    /// Whose bytes stand where fragments overlap.
    public var policy = FragmentPolicy.first
    /// Seconds that a datagram may take from its first fragment to its last (Linux: 30; RFC 8200: 60).
    public var timeout: UInt32 = 30
    /// Bytes that all incomplete datagrams may hold, bookkeeping included; the oldest ones make room.
    public var budget = 4 << 20
    /// Fragments of one datagram; a link's least MTU of 68 bytes makes 1,365 (RFC 791).
    public var fragmentsPerDatagram = 2048

    /// Makes the default configuration.
    public init() {}
}

/// What became of fragments; datagrams unless it says fragments.
public struct FragmentStatistics: Equatable, Sendable {
    /// Fragments seen.
    public internal(set) var fragments: UInt64 = 0
    /// Put together.
    public internal(set) var reassembled: UInt64 = 0
    /// Given up: not complete in time, or when everything ended.
    public internal(set) var timedOut: UInt64 = 0
    /// Given up to keep to the budget.
    public internal(set) var evicted: UInt64 = 0
    /// Spoiled: a fragment that was not captured whole, or was overwritten before it was copied.
    public internal(set) var notCaptured: UInt64 = 0
    /// Spoiled: more fragments than are allowed.
    public internal(set) var tooMany: UInt64 = 0
    /// Fragments that end beyond 65,535 bytes (the ping of death); not used.
    public internal(set) var tooLong: UInt64 = 0
    /// Fragments that are not the last and no multiple of 8 bytes long, or empty, or beyond the datagram's end; not used.
    public internal(set) var malformed: UInt64 = 0
    /// Fragments that overlap earlier ones.
    public internal(set) var overlapping: UInt64 = 0

    /// Makes counters at zero.
    public init() {}
}
