// SPDX-License-Identifier: Apache-2.0
// Who sends most, in bounded memory: the Space-Saving sketch (Metwally, Agrawal, El Abbadi 2005), cut into sets.
//
//     hash of address -> set      tags    | t0 t1 t2 t3 t4 t5 t6 t7 |   one byte a counter, 0 if unused
//                                 scores  | s0 s1 s2 s3 s4 s5 s6 s7 |   one cache line
//                                 senders | address, packets, bytes, missed | x 8
//
// One sketch serves both orders, by packets and by bytes: a counter's *score* is its bytes plus 512 for each packet.
// An address that has a counter adds to it; one that has none takes the counter of the least score in its set,
// starts with that score, and remembers it as what it may have missed. Tags are compared eight at a time in one
// word; a score carries the number of its counter in its low three bits, so the least score names its counter.
//
// Invariant 1. The scores of a set sum to what the set was given.
// Invariant 2. packets <= packets sent <= packets + missed / 512, and bytes <= bytes sent <= bytes + missed.
// Invariant 3. An address with more than an eighth of its set's score has a counter. With 128 sets that is, for
//              most, one part in 1,024 of all, in packets and in bytes alike within a factor of two around the usual
//              mean of 512 bytes a packet. Which addresses share a set depends on a key, so that nobody who does not
//              know it can crowd another one out on purpose.
public import BeltwayWire

/// The heaviest senders, by packets and by bytes.
@frozen public struct TopTalkers: ~Copyable {
    /// Counters that share a set.
    @inlinable public static var ways: Int { 8 }
    /// What one packet weighs in a score, in bytes.
    @inlinable public static var packetWeight: UInt64 { 512 }
    /// Scores stop growing here: so far below 2^61 that no sum wraps.
    @inlinable static var limit: UInt64 { 1 << 60 }

    @frozen @usableFromInline struct Sender: BitwiseCopyable {
        @usableFromInline var address = IPAddress.zero
        @usableFromInline var packets: UInt64 = 0
        @usableFromInline var bytes: UInt64 = 0
        @usableFromInline var missed: UInt64 = 0
        @inlinable init() {}
    }

    @usableFromInline var tags: [UInt64]
    @usableFromInline var scores: [UInt64]
    @usableFromInline var senders: [Sender]
    @usableFromInline let setMask: Int

    /// Makes an empty sketch.
    ///
    /// - Parameter sets: Sets of eight counters of 49 bytes; rounded up to a power of two, at most 65,536.
    public init(sets: Int = 128) {
        var size = 1
        while size < min(sets, 65_536) { size *= 2 }
        setMask = size - 1
        tags = [UInt64](repeating: 0, count: size)
        scores = (0..<size * TopTalkers.ways).map { UInt64($0 % TopTalkers.ways) }
        senders = [Sender](repeating: Sender(), count: size * TopTalkers.ways)
    }

    /// Adds what an address sent.
    ///
    /// - Parameters:
    ///   - packets: Packets in a row.
    ///   - bytes: Their bytes.
    ///   - address: Who sent them.
    ///   - hash: What ``TalkerHash`` gives for the address; the same key for the life of the sketch.
    @inlinable public mutating func add(packets: UInt64, bytes: UInt64, to address: IPAddress, hash: UInt64) {
        let set = Int(truncatingIfNeeded: hash) & setMask
        let tag = UInt8(truncatingIfNeeded: hash >> 56) | 1
        let weight =
            min(bytes, TopTalkers.limit) &+ min(packets, TopTalkers.limit >> 9) &* TopTalkers.packetWeight
        let first = set &* TopTalkers.ways
        var index = find(address, tag: tag, tags: tags[set], first: first)
        if index < 0 { index = takeOver(set: set, tag: tag, by: address) }
        let score = scores[index]
        scores[index] = min(score >> 3 &+ weight, TopTalkers.limit) << 3 | score & 7
        senders[index].packets &+= packets
        senders[index].bytes &+= bytes
    }

    /// The index of the address's counter, or -1.
    @inlinable @inline(__always)
    func find(_ address: IPAddress, tag: UInt8, tags: UInt64, first: Int) -> Int {
        // A byte of `difference` is zero where the tag is equal; the lowest marked byte is surely one, the ones above
        // it may be marked by its borrow and are then told apart by the address, as equal tags of others are.
        let difference = tags ^ 0x0101_0101_0101_0101 &* UInt64(tag)
        var matches = (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
        while matches != 0 {
            let index = first &+ matches.trailingZeroBitCount >> 3
            if senders[index].address == address { return index }
            matches &= matches &- 1
        }
        return -1
    }

    /// Gives the least counter of a set to another address.
    @inlinable mutating func takeOver(set: Int, tag: UInt8, by address: IPAddress) -> Int {
        let first = set &* TopTalkers.ways
        let (a, b) = (min(scores[first], scores[first &+ 1]), min(scores[first &+ 2], scores[first &+ 3]))
        let (c, d) = (
            min(scores[first &+ 4], scores[first &+ 5]), min(scores[first &+ 6], scores[first &+ 7])
        )
        let least = min(min(a, b), min(c, d))
        let way = least & 7
        let index = first &+ Int(truncatingIfNeeded: way)
        let shift = way &* 8
        tags[set] = tags[set] & ~(0xff << shift) | UInt64(tag) << shift
        var sender = Sender()
        sender.address = address
        sender.missed = least >> 3
        senders[index] = sender
        return index
    }

    /// The senders that have a counter, most packets first; equals in the order of their addresses.
    ///
    /// - Parameter limit: At most how many.
    /// - Returns: What was counted of each, and how much may have been missed.
    public func topByPackets(_ limit: Int) -> [Talker] { top(limit) { $0.packets } }

    /// The senders that have a counter, most bytes first; equals in the order of their addresses.
    ///
    /// - Parameter limit: At most how many.
    /// - Returns: What was counted of each, and how much may have been missed.
    public func topByBytes(_ limit: Int) -> [Talker] { top(limit) { $0.bytes } }

    private func top(_ limit: Int, by measure: (Sender) -> UInt64) -> [Talker] {
        var used = senders.filter { $0.packets > 0 }
        used.sort { a, b in
            measure(a) != measure(b) ? measure(a) > measure(b) : a.address < b.address
        }
        return used.prefix(max(0, limit)).map {
            Talker(
                address: $0.address,
                packets: $0.packets,
                bytes: $0.bytes,
                missedPackets: $0.missed / TopTalkers.packetWeight,
                missedBytes: $0.missed
            )
        }
    }
}

/// One sender and what it sent.
public struct Talker: Equatable, Sendable {
    /// Who sent.
    public var address: IPAddress
    /// Packets counted.
    public var packets: UInt64
    /// Bytes counted, original lengths.
    public var bytes: UInt64
    /// At most how many packets more it sent before it was followed.
    public var missedPackets: UInt64
    /// At most how many bytes more it sent before it was followed.
    public var missedBytes: UInt64
}

/// Spreads addresses over sets by a key.
@frozen public struct TalkerHash: Sendable, BitwiseCopyable {
    @usableFromInline let key: UInt64

    /// Makes a hash function.
    ///
    /// - Parameter key: Random for a live capture; fixed for a file, so that its statistics are repeatable.
    @inlinable public init(key: UInt64 = 0) { self.key = key }

    /// The hash of an address: a multiply-and-shift mix, so that neighbours in a subnet spread over the sets.
    @inlinable @inline(__always) public func callAsFunction(_ address: IPAddress) -> UInt64 {
        var mixed = (address.low ^ key) &+ address.high &* 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ mixed >> 32) &* 0xd6e8_feb8_6659_fd93
        mixed = (mixed ^ mixed >> 32) &* 0xd6e8_feb8_6659_fd93
        return mixed ^ mixed >> 32
    }
}
