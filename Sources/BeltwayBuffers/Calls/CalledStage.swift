// SPDX-License-Identifier: Apache-2.0

/// A stage whose type is settled when the program runs (a configuration, a plug-in): one indirect call per record.
///
/// As cheap as a call by address can be: the stage lies in memory of its own, so that no access to it is checked at
/// run time, and what is handed over stays in registers.
public struct CalledStage: ~Copyable, RecordStage {
    @usableFromInline let box: StageBox

    /// Wraps a stage.
    public init<Stage: RecordStage & ~Copyable>(_ stage: consuming Stage) { box = TypedStageBox(stage) }

    /// Calls the stage.
    @inlinable @inline(__always)
    public mutating func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool {
        box.take(&entry, packet)
    }
    /// Tells the stage.
    public mutating func open(_ buffer: DataBuffer) { box.open(buffer) }
    /// Tells the stage.
    public mutating func batchEnded() { box.batchEnded() }
    /// Tells the stage.
    public mutating func finish() { box.finish() }
}

/// Any stage, by a table of functions.
@usableFromInline class StageBox {
    @usableFromInline func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool { false }
    func open(_ buffer: DataBuffer) {}
    func batchEnded() {}
    func finish() {}
}

/// A stage of one type.
///
/// Safe because the pointer is made here, leads to one initialised value, and goes with this object; the box itself
/// is reached only through the one ``CalledStage`` that has it, which cannot be copied.
@safe private final class TypedStageBox<Stage: RecordStage & ~Copyable>: StageBox {
    private let stage: UnsafeMutablePointer<Stage>

    init(_ stage: consuming Stage) {
        unsafe self.stage = .allocate(capacity: 1)
        unsafe self.stage.initialize(to: stage)
    }

    deinit {
        unsafe stage.deinitialize(count: 1)
        unsafe stage.deallocate()
    }

    override func take(_ entry: inout IndexEntry, _ packet: RawSpan) -> Bool {
        unsafe stage.pointee.take(&entry, packet)
    }
    override func open(_ buffer: DataBuffer) { unsafe stage.pointee.open(buffer) }
    override func batchEnded() { unsafe stage.pointee.batchEnded() }
    override func finish() { unsafe stage.pointee.finish() }
}
