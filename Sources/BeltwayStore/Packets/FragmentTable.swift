// SPDX-License-Identifier: Apache-2.0
import BeltwayWire

// First fragments of chosen flows, by which their later fragments are known.
//
// Bounded without a list: two generations of at most 32,768 datagrams; a full one becomes the older one, and
// what the older one held is forgotten.

/// Datagrams whose first fragment was chosen, for a minute each (RFC 8200, 4.5: 60 s to reassemble).
struct FragmentTable: Sendable {
    static let lifetime: UInt64 = 60_000_000_000
    static let generation = 32_768

    /// What fragments of one datagram have in common.
    struct Datagram: Hashable {
        var source: IPAddress
        var destination: IPAddress
        var identification: UInt32
        var transportProtocol: UInt8
        var ipVersion: UInt8

        init(_ headers: borrowing PacketHeaders) {
            source = headers.source
            destination = headers.destination
            identification = headers.fragmentID
            transportProtocol = headers.transportProtocol
            ipVersion = headers.ipVersion
        }
    }

    private var newer: [Datagram: Timestamp] = [:]
    private var older: [Datagram: Timestamp] = [:]

    mutating func insert(_ headers: borrowing PacketHeaders, at time: Timestamp) {
        if newer.count >= FragmentTable.generation {
            older = newer
            newer = [:]
        }
        newer[Datagram(headers)] = time
    }

    func contains(_ headers: borrowing PacketHeaders, at time: Timestamp) -> Bool {
        if newer.isEmpty { return false }
        let datagram = Datagram(headers)
        guard let first = newer[datagram] ?? older[datagram] else { return false }
        return max(time.nanoseconds(since: first), first.nanoseconds(since: time)) <= FragmentTable.lifetime
    }
}
