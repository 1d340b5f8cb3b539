// SPDX-License-Identifier: Apache-2.0

// Pipelines of stages (paper, 5.3): one record passes through as many stages as want it, while its bytes are in the
// cache. Three ways lead from a stage to the next, each much dearer than the one before:
//
//     inlined     a.then(b)            StageChain        generic: the compiler makes one loop body of both
//     called      CalledStage(b)       one indirect call per record: which stage, is settled when the program runs
//     signalled   Signal.stage()       one index entry per record, to another thread that calls the stage there
//
//     producer's thread                                          another thread
//     RecordPipeline( count > classify > CalledStage > signal ) ~~index buffer~~> SignalledReader.run(into: stage)
//
// So a stage does not know how it is reached, and a pipeline that is taken apart into two threads has the same stages.

/// A step of a pipeline: looks at one record at a time, in place, and says whether it goes on.
///
/// Only an index entry and a span are handed over, both small enough for registers (paper, 5.3, Figure 9): a stage
/// that finds something out for those behind it says so in the entry (`classification`, `flowHash`).
///
/// What a stage does with its results is its own affair: it never sees bytes that may change under it (who is called
/// by the producer's thread cannot be overtaken, and a ``SignalledReader`` copies what could be overwritten).
public protocol RecordStage: ~Copyable {
    /// Looks at a record.
    ///
    /// - Parameters:
    ///   - entry: Where it is, and what earlier stages found out.
    ///   - packet: Its captured bytes, valid for the length of the call.
    /// - Returns: Whether the stages behind this one shall see it.
    mutating func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool
    /// A further buffer is read from; called before its first record, in the producer's thread.
    mutating func open(_ buffer: DataBuffer)
    /// Everything that was there has been taken: now is the time for what is done once per batch.
    mutating func batchEnded()
    /// Nothing will follow; called once.
    mutating func finish()
}

extension RecordStage where Self: ~Copyable {
    /// Nothing to prepare.
    @inlinable public mutating func open(_ buffer: DataBuffer) {}
    /// Nothing to do once per batch.
    @inlinable public mutating func batchEnded() {}
    /// Nothing to end.
    @inlinable public mutating func finish() {}

    /// This stage, then another for what this one lets through.
    ///
    /// - Parameter next: The stage that follows.
    /// - Returns: Both as one stage: no call between them is left.
    @inlinable
    public consuming func then<Next: RecordStage & ~Copyable>(_ next: consuming Next) -> StageChain<
        Self, Next
    > {
        StageChain(self, next)
    }

    /// This stage and another, each for every record.
    ///
    /// - Parameter other: The other branch.
    /// - Returns: Both as one stage; neither sees what the other found out.
    @inlinable
    public consuming func beside<Other: RecordStage & ~Copyable>(
        _ other: consuming Other
    ) -> StageBranches<Self, Other> {
        StageBranches(self, other)
    }
}

/// Two stages one after the other; the second sees what the first lets through, and what it wrote into the entry.
@frozen
public struct StageChain<First: RecordStage & ~Copyable, Second: RecordStage & ~Copyable>: ~Copyable,
    RecordStage
{
    /// The stage that sees every record.
    public var first: First
    /// The stage behind it.
    public var second: Second

    /// Joins two stages.
    @inlinable public init(_ first: consuming First, _ second: consuming Second) {
        self.first = first
        self.second = second
    }

    /// Hands a record to the first, and to the second if the first lets it through.
    @inlinable @inline(__always)
    public mutating func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool {
        if first.take(&entry, packet) { return second.take(&entry, packet) }
        return false
    }

    /// Tells both.
    @inlinable public mutating func open(_ buffer: DataBuffer) {
        first.open(buffer)
        second.open(buffer)
    }

    /// Tells both.
    @inlinable public mutating func batchEnded() {
        first.batchEnded()
        second.batchEnded()
    }

    /// Tells both.
    @inlinable public mutating func finish() {
        first.finish()
        second.finish()
    }
}

/// Two stages side by side, where the graph has a fork: each sees every record, and an entry of its own.
@frozen
public struct StageBranches<Left: RecordStage & ~Copyable, Right: RecordStage & ~Copyable>: ~Copyable,
    RecordStage
{
    /// The branch that sees a record first.
    public var left: Left
    /// The other one.
    public var right: Right

    /// Puts two stages side by side.
    @inlinable public init(_ left: consuming Left, _ right: consuming Right) {
        self.left = left
        self.right = right
    }

    /// Hands a record to both.
    ///
    /// - Returns: Whether either would let it through; the entry stays as it came.
    @inlinable @inline(__always)
    public mutating func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool {
        var (one, two) = (entry, entry)
        let goesLeft = left.take(&one, packet)
        let goesRight = right.take(&two, packet)
        return goesLeft || goesRight
    }

    /// Tells both.
    @inlinable public mutating func open(_ buffer: DataBuffer) {
        left.open(buffer)
        right.open(buffer)
    }

    /// Tells both.
    @inlinable public mutating func batchEnded() {
        left.batchEnded()
        right.batchEnded()
    }

    /// Tells both.
    @inlinable public mutating func finish() {
        left.finish()
        right.finish()
    }
}
