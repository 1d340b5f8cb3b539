// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire

// First fragments of chosen flows, by which their later fragments are known.
//
// Bounded without a list: two generations of at most 32,768 datagrams; a full one becomes the older one, and
// what the older one held is forgotten.

/// Datagrams whose first fragment was chosen, for a minute each (RFC 8200, 4.5: 60 s to reassemble).
struct FragmentTable: Sendable {
    static let lifetime: UInt64 = 60_000_000_000
    static let generation = 32_768

    private var newer: [DatagramKey: Timestamp] = [:]
    private var older: [DatagramKey: Timestamp] = [:]

    mutating func insert(_ key: DatagramKey, at time: Timestamp) {
        if newer.count >= FragmentTable.generation {
            older = newer
            newer = [:]
        }
        newer[key] = time
    }

    func contains(_ key: @autoclosure () -> DatagramKey, at time: Timestamp) -> Bool {
        if newer.isEmpty { return false }
        let key = key()
        guard let first = newer[key] ?? older[key] else { return false }
        return max(time.nanoseconds(since: first), first.nanoseconds(since: time)) <= FragmentTable.lifetime
    }
}
