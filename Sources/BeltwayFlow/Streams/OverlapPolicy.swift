// SPDX-License-Identifier: Apache-2.0
// Whose bytes stand where two segments overlap, before they are handed over.
//
//     old      |-----------|            new ends ...
//     new   |-----|                     before old ends   at its end   beyond it
//
// A host hands over what is in order at once, and trims what comes again (RFC 9293, 3.10.7.4). So a choice exists only
// among segments that wait behind a hole, and the systems differ there: Novak and Sturges, "Target-Based TCP Stream
// Reassembly" (2007), with the names that Suricata's `host-os-policy` gives them.

/// Which of two overlapping segments counts.
public enum OverlapPolicy: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// What came first stands; the default.
    case first
    /// What came last stands, up to the moment the receiver acknowledges it: bytes wait for their acknowledgement.
    case last
    /// A segment that overlaps another is dropped whole (a protocol scrubber; paper, 5.4).
    case drop
    /// BSD and those that follow it.
    case bsd
    /// Linux since 2.2.
    case linux
    /// Linux before that.
    case oldLinux
    /// Solaris 9 and later.
    case solaris
    /// HP-UX 10.
    case hpux10
    /// HP-UX 11.
    case hpux11
    /// IRIX.
    case irix
    /// Mac OS X.
    case macos
    /// Windows up to XP.
    case windows
    /// Windows Vista and later.
    case vista
    /// Windows Server 2003.
    case windows2003

    /// The policy of a name: Suricata's (`bsd`, `old-linux`, `hpux10`, `windows2k3` ...), `first`, `last` or `drop`.
    ///
    /// - Parameter name: In any case, with or without hyphens.
    public init?(name: String) {
        switch name.lowercased().replacing("-", with: "").replacing("_", with: "") {
        case "first": self = .first
        case "last": self = .last
        case "drop": self = .drop
        case "bsd": self = .bsd
        case "linux": self = .linux
        case "oldlinux": self = .oldLinux
        case "solaris": self = .solaris
        case "hpux10": self = .hpux10
        case "hpux11": self = .hpux11
        case "irix": self = .irix
        case "macos": self = .macos
        case "windows": self = .windows
        case "vista": self = .vista
        case "windows2003", "windows2k3": self = .windows2003
        default: return nil
        }
    }

    /// The name that ``init(name:)`` takes.
    public var name: String {
        switch self {
        case .oldLinux: "old-linux"
        default: "\(self)"
        }
    }

    /// Whether bytes wait until the receiver has acknowledged them.
    @inlinable @inline(__always) var waitsForAcknowledgement: Bool { self == .last }

    /// Whether a segment's bytes replace those of an older one where both overlap.
    ///
    /// - Parameters:
    ///   - new: Stream offsets of the whole segment that has come.
    ///   - old: Stream offsets of the whole segment that was there.
    /// - Returns: True if the new bytes stand.
    func prefersNew(_ new: Range<UInt64>, over old: Range<UInt64>) -> Bool {
        let startsBefore = new.lowerBound < old.lowerBound
        let startsWith = new.lowerBound == old.lowerBound
        let endsWithOrBeyond = new.upperBound >= old.upperBound
        let endsBeyond = new.upperBound > old.upperBound
        return switch self {
        case .first, .vista, .drop: false
        case .last: true
        case .bsd, .hpux10, .irix, .macos, .windows, .windows2003: startsBefore
        case .linux: startsBefore || startsWith && endsBeyond
        case .oldLinux: startsBefore || startsWith && endsWithOrBeyond
        case .solaris, .hpux11: startsBefore || startsWith ? endsWithOrBeyond : endsBeyond
        }
    }
}
