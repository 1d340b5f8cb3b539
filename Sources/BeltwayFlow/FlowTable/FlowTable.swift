// SPDX-License-Identifier: Apache-2.0
// The memory of one worker's flows: a hash index over a slab. Its interface is safe.
//
//   index   2^k words        | hash (32) | slot + 1 (32) |   0 = empty; linear probing, at most 5/8 full
//                                              |
//   slab    segments of 4096  [ entry | entry | free > ... ]   192 bytes each, on 64-byte lines, never moved,
//                             [ sizes | sizes | ...        ]   32 bytes each behind them
//
// Invariant 1. Every slot below `highWater` holds an initialised entry (live or free) until the table goes.
// Invariant 2. A live entry has exactly one word in the index, found from `entry.hash` without crossing an empty one.
// Invariant 3. The index always has an empty word, so that every probe ends.
//
// Why the interface is safe: slots are checked against `highWater`, segments live as long as the table (which owns
// them and cannot be copied), entries are plain bits, so a stale slot shows another flow but never foreign memory.
// The index hash is keyed with a secret of this process, so a sender cannot choose packets that collide.

public import BeltwayWire

/// A hash table from flow keys to flow entries, bounded, with slots that stay put.
@safe public struct FlowTable: ~Copyable {
    /// The slot that is none.
    @inlinable public static var none: UInt32 { .max }
    /// Bytes that one flow takes in the slab.
    @inlinable public static var bytesPerFlow: Int { entryLength + 32 }
    @inlinable static var entryLength: Int { 192 }
    @inlinable static var segmentShift: UInt32 { 12 }
    @inlinable static var initialIndexCount: Int { 1024 }

    /// Most flows held at a time.
    public let capacity: Int
    /// Flows held now.
    public private(set) var count = 0

    @usableFromInline var index: UnsafeMutablePointer<UInt64>
    @usableFromInline var mask: Int
    @usableFromInline let segments: UnsafeMutablePointer<UnsafeMutableRawPointer>
    @usableFromInline var highWater: UInt32 = 0
    private var segmentCount = 0
    private var firstFree = FlowTable.none
    @usableFromInline let secret: (UInt64, UInt64, UInt64, UInt64)

    /// Makes an empty table.
    ///
    /// - Parameter capacity: Most flows at a time; brought into 1 to 2^28.
    public init(capacity: Int) {
        self.capacity = min(max(capacity, 1), 1 << 28)
        mask = FlowTable.initialIndexCount - 1
        unsafe index = .allocate(capacity: FlowTable.initialIndexCount)
        unsafe index.initialize(repeating: 0, count: FlowTable.initialIndexCount)
        unsafe segments = .allocate(capacity: (self.capacity >> Int(FlowTable.segmentShift)) + 1)
        var random = SystemRandomNumberGenerator()
        secret = (random.next(), random.next(), random.next(), random.next())
    }

    deinit {
        for segment in 0..<segmentCount { unsafe segments[segment].deallocate() }
        unsafe segments.deallocate()
        unsafe index.deallocate()
    }

    /// Bytes of memory that the table has asked for (the system backs only what was touched).
    public var memoryBytes: Int {
        (mask + 1) * 8 + segmentCount * (FlowTable.bytesPerFlow << Int(FlowTable.segmentShift))
    }

    /// Whether another flow needs one to go first.
    @inlinable public var isFull: Bool { count >= capacity }

    /// The entry in `slot`; traps if the slot was never in use.
    @inlinable
    public subscript(slot: UInt32) -> FlowEntry {
        unsafeAddress {
            precondition(slot < highWater, "slot outside the flow table")
            return unsafe UnsafePointer(address(of: slot))
        }
        unsafeMutableAddress {
            precondition(slot < highWater, "slot outside the flow table")
            return unsafe address(of: slot)
        }
    }

    @unsafe @inlinable @inline(__always)
    func address(of slot: UInt32) -> UnsafeMutablePointer<FlowEntry> {
        let segment = unsafe segments[Int(slot >> FlowTable.segmentShift)]
        let within = Int(slot & (1 << FlowTable.segmentShift - 1))
        return unsafe (segment + within &* FlowTable.entryLength).assumingMemoryBound(to: FlowEntry.self)
    }

    @unsafe @inlinable @inline(__always)
    func sizesAddress(of slot: UInt32) -> UnsafeMutablePointer<FlowSizes> {
        let segment = unsafe segments[Int(slot >> FlowTable.segmentShift)]
        let within = Int(slot & (1 << FlowTable.segmentShift - 1))
        let start = FlowTable.entryLength << Int(FlowTable.segmentShift)
        return unsafe (segment + start + within &* 32).assumingMemoryBound(to: FlowSizes.self)
    }

    /// The sizes of the flow in `slot`; traps if the slot was never in use.
    @inlinable
    subscript(sizes slot: UInt32) -> FlowSizes {
        unsafeAddress {
            precondition(slot < highWater, "slot outside the flow table")
            return unsafe UnsafePointer(sizesAddress(of: slot))
        }
        unsafeMutableAddress {
            precondition(slot < highWater, "slot outside the flow table")
            return unsafe sizesAddress(of: slot)
        }
    }

    /// Hashes a key: folded multiplications with this process's secret.
    ///
    /// - Parameters:
    ///   - key: The flow's key.
    ///   - hash: The classifier's symmetric hash of the flow, mixed in.
    /// - Returns: 32 bits for ``find(_:hash:)`` and ``insert(_:hash:)``.
    @inlinable @inline(__always)
    public func mixedHash(_ key: FlowKey, _ hash: UInt32) -> UInt32 {
        let addresses = fold(key.a.low ^ secret.0, key.b.low ^ secret.1)
        let prefixes = fold(key.a.high ^ secret.2, key.b.high ^ key.tunnelWord ^ secret.3)
        let ports = fold(key.transportWord ^ secret.1, addresses ^ UInt64(hash) ^ secret.2)
        let all = ports ^ prefixes
        return UInt32(truncatingIfNeeded: all ^ all >> 32)
    }

    @inlinable @inline(__always)
    func fold(_ x: UInt64, _ y: UInt64) -> UInt64 {
        let product = x.multipliedFullWidth(by: y)
        return product.high ^ product.low
    }

    /// Looks a key up.
    ///
    /// - Parameters:
    ///   - key: The flow's key.
    ///   - hash: What ``mixedHash(_:_:)`` gave for it.
    /// - Returns: The slot, or ``none``.
    @inlinable @inline(__always)
    public func find(_ key: FlowKey, hash: UInt32) -> UInt32 {
        var position = Int(hash) & mask
        while true {
            let word = unsafe index[position]
            if word == 0 { return FlowTable.none }
            if UInt32(truncatingIfNeeded: word >> 32) == hash {
                let slot = UInt32(truncatingIfNeeded: word) &- 1
                if unsafe address(of: slot).pointee.key == key { return slot }
            }
            position = (position &+ 1) & mask
        }
    }

    /// Adds an entry whose key is not in the table; the table must not be full.
    ///
    /// - Parameters:
    ///   - entry: The entry; its `hash` is set here.
    ///   - hash: What ``mixedHash(_:_:)`` gave for its key.
    /// - Returns: Its slot, valid until ``remove(_:)``.
    public mutating func insert(_ entry: consuming FlowEntry, hash: UInt32) -> UInt32 {
        precondition(!isFull, "insertion into a full flow table")
        if (count + 1) * 8 > (mask + 1) * 5 { growIndex() }
        let slot = takeSlot()
        entry.hash = hash
        let isTCP = entry.key.transportProtocol == IPProtocol.tcp
        unsafe address(of: slot).initialize(to: entry)
        unsafe sizesAddress(of: slot).initialize(to: FlowSizes(isTCP: isTCP))
        var position = Int(hash) & mask
        while unsafe index[position] != 0 { position = (position + 1) & mask }
        unsafe index[position] = UInt64(hash) << 32 | UInt64(slot + 1)
        count += 1
        return slot
    }

    /// Takes a live entry out; its slot may be handed out again.
    public mutating func remove(_ slot: UInt32) {
        precondition(slot < highWater, "slot outside the flow table")
        var hole = Int(self[slot].hash) & mask
        let wanted = UInt64(self[slot].hash) << 32 | UInt64(slot + 1)
        while unsafe index[hole] != wanted {
            precondition(unsafe index[hole] != 0, "removal of a flow that is not in the table")
            hole = (hole + 1) & mask
        }
        // Close the gap: move back each later word of the run whose own place is not between the hole and it.
        var next = (hole + 1) & mask
        while true {
            let word = unsafe index[next]
            if word == 0 { break }
            let home = Int(word >> 32) & mask
            if (next &- home) & mask >= (next &- hole) & mask {
                unsafe index[hole] = word
                hole = next
            }
            next = (next + 1) & mask
        }
        unsafe index[hole] = 0
        self[slot].next = firstFree
        firstFree = slot
        count -= 1
    }

    /// A free slot, the most recently freed first: its lines are likely still in the cache.
    private mutating func takeSlot() -> UInt32 {
        if firstFree != FlowTable.none {
            let slot = firstFree
            firstFree = self[slot].next
            return slot
        }
        let slot = highWater
        if Int(slot >> FlowTable.segmentShift) == segmentCount {
            let bytes = FlowTable.bytesPerFlow << Int(FlowTable.segmentShift)
            let segment = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
            unsafe (segments + segmentCount).initialize(to: segment)
            segmentCount += 1
        }
        highWater += 1
        return slot
    }

    /// Doubles the index; its words carry their hashes, so that no entry is touched.
    private mutating func growIndex() {
        let newCount = (mask + 1) * 2
        let grown = UnsafeMutablePointer<UInt64>.allocate(capacity: newCount)
        unsafe grown.initialize(repeating: 0, count: newCount)
        for old in 0...mask {
            let word = unsafe index[old]
            if word == 0 { continue }
            var position = Int(word >> 32) & (newCount - 1)
            while unsafe grown[position] != 0 { position = (position + 1) & (newCount - 1) }
            unsafe grown[position] = word
        }
        unsafe index.deallocate()
        unsafe index = grown
        mask = newCount - 1
    }
}
