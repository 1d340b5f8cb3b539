// SPDX-License-Identifier: Apache-2.0

/// The name of a ring of packets, taken apart: `eth0.1` is queue 1 of interface `eth0`, `eth0.100.0` is queue 0 of
/// `eth0.100`, and `eth0.0-113` holds the records of another link type of the first one's queue 0.
public struct RingName: Equatable, Sendable {
    /// The interface, or `file`.
    public var interface: String
    /// The queue.
    public var queue: Int
    /// Link type, if the ring is not the queue's first.
    public var linkType: Int?

    /// Takes a name apart; nil if it is not made so, as the name of an index need not be.
    public init?(_ name: String) {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
        let parts = name[name.index(after: dot)...].split(
            separator: "-",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        guard let queue = Self.number(parts[0]) else { return nil }
        if parts.count == 2 {
            guard let linkType = Self.number(parts[1]) else { return nil }
            self.linkType = linkType
        }
        interface = String(name[..<dot])
        self.queue = queue
    }

    private static func number(_ text: Substring) -> Int? {
        guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        return Int(text)
    }
}
