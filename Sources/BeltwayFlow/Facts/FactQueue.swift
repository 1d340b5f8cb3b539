// SPDX-License-Identifier: Apache-2.0
// The bounded queue that facts leave a worker by: one producer, one consumer, no locks. Safe because
// every slot number is reduced modulo the capacity.
//
//        head (consumer stores)        tail (producer stores)
//          v                             v
//   | .. | f | f | f | f | f | f | f | .  | .. |      numbers run on, slot = number modulo capacity (a power of two)
//
// Invariant 1. head <= tail <= head + capacity, and slots head ..< tail hold facts.
// Invariant 2. Only the producer stores `tail`, only the consumer stores `head`: both handles cannot be copied, and
//              each is handed out once.
// Invariant 3. `closed` is stored after the producer's last `tail`: who sees it and then an empty queue has all.
//
// Each side keeps the other's index as it last saw it and loads it again only when that says full or empty, so the
// cache lines of the indexes travel once per batch, not once per fact.

import Glibc
import Synchronization

/// What the producer does when the queue is full.
public enum FactQueuePolicy: Sendable {
    /// Waits for the consumer: offline, where nothing may be lost.
    case blocking
    /// Counts the fact as dropped: live, where nobody may wait.
    case dropping
}

/// The memory between one ``FactProducer`` and one ``FactConsumer``.
///
/// Safe because slot numbers are reduced modulo the capacity, facts are plain bits, and the memory lives as long as
/// this object, which both handles keep.
@safe public final class FactQueue: @unchecked Sendable {
    /// Facts it holds, a power of two.
    public let capacity: Int
    /// What transactions say.
    fileprivate let bodies: FactBodies

    // Indexes and counters of each side lie 128 bytes apart: a cache line and its neighbour that is fetched with it.
    private let producerPadding = InlineArray<16, UInt64>(repeating: 0)
    fileprivate let tail = Atomic<UInt64>(0)
    fileprivate let dropCount = Atomic<UInt64>(0)
    fileprivate let closed = Atomic<Bool>(false)
    private let consumerPadding = InlineArray<16, UInt64>(repeating: 0)
    fileprivate let head = Atomic<UInt64>(0)
    fileprivate let abandoned = Atomic<Bool>(false)
    private let endPadding = InlineArray<16, UInt64>(repeating: 0)
    private let handedOut = Atomic<UInt8>(0)
    fileprivate let slots: UnsafeMutablePointer<Fact>

    /// Makes an empty queue.
    ///
    /// - Parameters:
    ///   - capacity: Facts; rounded up to a power of two from 2 to 2^24.
    ///   - bodyBytes: Bytes of what transactions say; rounded up to a power of two from 64 KiB.
    public init(capacity: Int, bodyBytes: Int = 1 << 20) {
        var rounded = 2
        while rounded < capacity, rounded < 1 << 24 { rounded *= 2 }
        self.capacity = rounded
        bodies = FactBodies(capacity: bodyBytes)
        unsafe slots = .allocate(capacity: rounded)
    }

    deinit { unsafe slots.deallocate() }

    /// The writing end; a second call is a programmer error and traps.
    public func makeProducer(_ policy: FactQueuePolicy) -> FactProducer {
        handOut(1)
        return FactProducer(queue: self, policy: policy)
    }

    /// The reading end; a second call is a programmer error and traps.
    public func makeConsumer() -> FactConsumer {
        handOut(2)
        return FactConsumer(queue: self)
    }

    /// Facts that were dropped because the queue was full; may be read by any thread.
    public var dropped: UInt64 {
        dropCount.load(ordering: .relaxed)  // a counter: orders nothing, no partner
    }

    /// Facts that were put into the queue, dropped ones not counted; may be read by any thread.
    public var accepted: UInt64 {
        tail.load(ordering: .relaxed)  // a counter here: the reader takes no fact on its strength
    }

    private func handOut(_ end: UInt8) {
        // Uniqueness needs the read-modify-write only, no order and no partner.
        let (before, _) = handedOut.bitwiseOr(end, ordering: .relaxed)
        precondition(before & end == 0, "each end of a fact queue is handed out once")
    }

    fileprivate func put(_ fact: Fact, at number: UInt64) {
        unsafe (slots + Int(number & UInt64(capacity - 1))).initialize(to: fact)
    }

    fileprivate func fact(at number: UInt64) -> Fact {
        unsafe slots[Int(number & UInt64(capacity - 1))]
    }
}

/// The writing end of a ``FactQueue``: a worker's sink.
///
/// When it goes, the queue is closed.
public struct FactProducer: FactSink, ~Copyable {
    private let queue: FactQueue
    private let policy: FactQueuePolicy
    private var tail: UInt64 = 0
    private var headSeen: UInt64 = 0
    private var bodyTail: UInt64 = 0
    private var bodyHeadSeen: UInt64 = 0

    fileprivate init(queue: FactQueue, policy: FactQueuePolicy) {
        self.queue = queue
        self.policy = policy
    }

    deinit { FactProducer.close(queue) }

    /// Puts a fact into the queue; waits or drops if it is full, and drops if the consumer is gone.
    public mutating func record(_ fact: Fact) {
        if isFull() {
            if policy == .blocking { waitForRoom() }
            if isFull() {
                queue.dropCount.add(1, ordering: .relaxed)  // a counter: orders nothing, no partner
                return
            }
        }
        publish(fact)
    }

    /// Puts a transaction and its body into the queue; waits or drops if either has no room.
    public mutating func record(_ transaction: TransactionRecord, body: Span<UInt8>) {
        let count = body.count
        if isFull() || hasNoRoom(count) {
            if policy == .blocking { waitForRoom(body: count) }
            if isFull() || hasNoRoom(count) {
                queue.dropCount.add(1, ordering: .relaxed)  // a counter: orders nothing, no partner
                return
            }
        }
        var transaction = transaction
        transaction.bodyLength = UInt32(truncatingIfNeeded: count)
        transaction.bodyPosition = queue.bodies.start(after: bodyTail, count: count)
        queue.bodies.put(body, at: transaction.bodyPosition)
        bodyTail = transaction.bodyPosition &+ UInt64(count)
        publish(.transaction(transaction))
    }

    private mutating func publish(_ fact: Fact) {
        queue.put(fact, at: tail)
        tail &+= 1
        // Partner: the acquiring load of `tail` in FactConsumer.drain, which then reads the slot and its body.
        queue.tail.store(tail, ordering: .releasing)
    }

    /// Whether a body of `count` bytes must wait.
    private mutating func hasNoRoom(_ count: Int) -> Bool {
        let end = queue.bodies.start(after: bodyTail, count: count) &+ UInt64(count)
        if end &- bodyHeadSeen <= UInt64(queue.bodies.capacity) { return false }
        // Partner: the releasing store of `head` in FactConsumer.drain: the consumer has done with the bodies before.
        bodyHeadSeen = queue.bodies.head.load(ordering: .acquiring)
        return end &- bodyHeadSeen > UInt64(queue.bodies.capacity)
    }

    /// Says that no fact will follow; does nothing the second time.
    public mutating func close() { FactProducer.close(queue) }

    private static func close(_ queue: FactQueue) {
        // Partner: the acquiring load of `closed` in FactConsumer.isFinished, which then loads the last tail.
        queue.closed.store(true, ordering: .releasing)
    }

    private mutating func isFull() -> Bool {
        if tail &- headSeen < UInt64(queue.capacity) { return false }
        // Partner: the releasing store of `head` in FactConsumer.drain: the consumer has done with the slots before it.
        headSeen = queue.head.load(ordering: .acquiring)
        return tail &- headSeen >= UInt64(queue.capacity)
    }

    /// Waits until there is room or nobody to make it: yields first, then sleeps up to a millisecond at a time.
    private mutating func waitForRoom(body count: Int = 0) {
        // A body that the ring can never take is dropped by the caller.
        if count > queue.bodies.capacity / 2 { return }
        var turn: UInt32 = 0
        while isFull() || hasNoRoom(count) {
            // Partner: the store in FactConsumer's deinit; nothing is read on its strength.
            if queue.abandoned.load(ordering: .relaxed) { return }
            if turn < 16 { sched_yield() } else { usleep(min(1000, 20 << min(turn - 16, 6))) }
            turn &+= 1
        }
    }
}

/// The reading end of a ``FactQueue``: held by the writer thread.
///
/// When it goes, a producer that waits for room stops waiting and counts what it cannot deliver as dropped.
public struct FactConsumer: ~Copyable {
    private let queue: FactQueue
    private var head: UInt64 = 0
    private var bodyHead: UInt64 = 0
    private var tailSeen: UInt64 = 0

    fileprivate init(queue: FactQueue) { self.queue = queue }

    deinit {
        // Partner: the load in FactProducer.waitForRoom; nothing is read on its strength.
        queue.abandoned.store(true, ordering: .relaxed)
    }

    /// Facts that were dropped so far because the queue was full.
    public var dropped: UInt64 { queue.dropped }

    /// Takes facts out in the order they were put in, and returns how many there were.
    ///
    /// Never waits: whoever drains several queues sleeps when all of them gave 0.
    ///
    /// - Parameters:
    ///   - limit: Most facts to take.
    ///   - body: Called with each fact; if it throws, that fact and those before it are taken, the rest stay.
    /// - Returns: Facts taken.
    /// - Throws: What `body` throws.
    public mutating func drain<Failure: Error>(
        limit: Int = .max,
        _ body: (Fact) throws(Failure) -> Void
    ) throws(Failure) -> Int {
        try drainWithBodies(limit: limit) { fact, _ throws(Failure) in try body(fact) }
    }

    /// Takes facts out with what transactions say, in the order they were put in, and returns how many there were.
    ///
    /// - Parameters:
    ///   - limit: Most facts to take.
    ///   - body: Called with each fact and its body, empty for facts that have none, in place.
    /// - Returns: Facts taken.
    /// - Throws: What `body` throws.
    public mutating func drainWithBodies<Failure: Error>(
        limit: Int = .max,
        _ body: (Fact, Span<UInt8>) throws(Failure) -> Void
    ) throws(Failure) -> Int {
        // Partner: the releasing store of `tail` in FactProducer.record, made after the slot was written.
        if head == tailSeen { tailSeen = queue.tail.load(ordering: .acquiring) }
        let first = head
        let end = head &+ min(tailSeen &- head, UInt64(max(limit, 0)))
        // Partner of the stores below: the acquiring load of `head` in FactProducer.isFull. Room is given back in
        // steps, so that a waiting producer goes on while the consumer still works on a long queue.
        defer { giveBack() }
        while head != end {
            let fact = queue.fact(at: head)
            head &+= 1
            if head & 63 == 0 { giveBack() }
            if case .transaction(let transaction) = fact {
                let count = Int(transaction.bodyLength)
                defer { bodyHead = transaction.bodyPosition &+ UInt64(count) }
                let bodies = queue.bodies
                try body(fact, bodies.body(at: transaction.bodyPosition, count: count))
            } else {
                try body(fact, Span())
            }
        }
        return Int(end &- first)
    }

    /// Lets the producer have the room of what was taken.
    private func giveBack() {
        queue.head.store(head, ordering: .releasing)
        queue.bodies.head.store(bodyHead, ordering: .releasing)
    }

    /// Whether the producer has closed the queue and all its facts were taken.
    public mutating func isFinished() -> Bool {
        // Partner: the releasing store of `closed` in FactProducer.close, made after the last tail.
        guard queue.closed.load(ordering: .acquiring) else { return false }
        // Partner: the releasing store of `tail` in FactProducer.record.
        tailSeen = queue.tail.load(ordering: .acquiring)
        return head == tailSeen
    }
}
