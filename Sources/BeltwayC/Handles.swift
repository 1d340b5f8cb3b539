// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Synchronization

// Handles: what a C program holds instead of an address.
//
//     63          32 31      16 15     12 11         0
//     |     0       | use       | kind   | slot       |      `use` counts how often the slot was given out, from 1
//
// Invariant 1. A slot's object is touched only by who has made the slot busy, by one compare-and-exchange from exactly
//              (this use, open, idle). So a handle that is closed, invented, or in use by another thread is told
//              apart before anything is touched, and no call crashes for it.
// Invariant 2. Nothing here waits or locks, so a fork() at any time leaves a table that the child can use; there all
//              handles of the parent are closed, and their objects left alone: they share sockets with the parent's.
//
// Memory ordering: the exchange acquires what the last `leave` or `open` released, so an object that threads hand on to
// one another is seen as it was left (x86-64: a locked instruction; arm64: casa, stlr).

/// What a handle stands for.
enum HandleKind: UInt64 {
    case reader = 1
    case index = 2
}

/// The handles of the process.
///
/// Safe because an object is reached only as Invariant 1 has it.
@safe final class HandleTable: @unchecked Sendable {
    static let shared = HandleTable()
    static let capacity = 1_024

    private final class Slot {
        let state = Atomic<UInt64>(0)
        var object: AnyObject?
    }

    private static let open: UInt64 = 1
    private static let busy: UInt64 = 2
    private let slots: [Slot] = (0..<HandleTable.capacity).map { _ in Slot() }

    private init() {
        _ = pthread_atfork(nil, nil) { HandleTable.shared.abandon() }
    }

    /// Gives out a handle.
    ///
    /// - Throws: EMFILE if there are 1,024.
    func add(_ object: AnyObject, _ kind: HandleKind) throws(Failure) -> OpaquePointer? {
        for index in slots.indices {
            let slot = slots[index]
            let state = slot.state.load(ordering: .relaxed)
            guard state & 3 == 0 else { continue }
            // 16 bits, never 0: a handle's use is repeated after 65,535 others in the same slot.
            var use = (state >> 2 &+ 1) & 0xffff
            if use == 0 { use = 1 }
            let taken = use << 2 | Self.busy
            guard
                slot.state.compareExchange(expected: state, desired: taken, ordering: .acquiring).exchanged
            else { continue }
            slot.object = object
            slot.state.store(use << 2 | Self.open, ordering: .releasing)
            return unsafe OpaquePointer(bitPattern: UInt(use << 16 | kind.rawValue << 12 | UInt64(index)))
        }
        throw Failure(EMFILE, "there are \(Self.capacity) handles already")
    }

    /// Runs `body` on the object of a handle, which no other thread can use meanwhile; `body` may replace it.
    func with<Object: AnyObject>(
        _ handle: OpaquePointer?,
        _ kind: HandleKind,
        _ body: (inout Object) throws(Failure) -> Void
    ) throws(Failure) {
        let (slot, use) = try unsafe enter(handle, kind)
        defer { slot.state.store(use << 2 | Self.open, ordering: .releasing) }
        guard let found = slot.object as? Object else { throw Failure(EINVAL, "a handle of another kind") }
        var object = found
        try body(&object)
        if object !== found { slot.object = object }
    }

    /// Takes a handle back, and lets go of its object.
    func remove(_ handle: OpaquePointer?, _ kind: HandleKind) throws(Failure) {
        let (slot, use) = try unsafe enter(handle, kind)
        // Gone before the slot is free again: who gets the slot must not find it.
        slot.object = nil
        slot.state.store(use << 2, ordering: .releasing)
    }

    private func enter(_ handle: OpaquePointer?, _ kind: HandleKind) throws(Failure) -> (Slot, UInt64) {
        guard let handle = unsafe handle else { throw Failure(EINVAL, "the handle is NULL") }
        let bits = UInt64(UInt(bitPattern: handle))
        let (use, index) = (bits >> 16, Int(bits & 0xfff))
        guard use > 0, use <= 0xffff, index < slots.count, let given = HandleKind(rawValue: bits >> 12 & 0xf)
        else { throw Failure(EBADF, "this is no handle") }
        guard given == kind else { throw Failure(EINVAL, "a handle of another kind: \(given), not \(kind)") }
        let slot = slots[index]
        let entered = slot.state.compareExchange(
            expected: use << 2 | Self.open,
            desired: use << 2 | Self.open | Self.busy,
            ordering: .acquiring
        )
        guard entered.exchanged else {
            let isInUse = entered.original == use << 2 | Self.open | Self.busy
            throw isInUse
                ? Failure(EBUSY, "another thread is using this handle")
                : Failure(EBADF, "this handle was closed")
        }
        return (slot, use)
    }

    /// In a child after fork(): no handle is open, no object is ended.
    private func abandon() {
        for slot in slots where slot.state.load(ordering: .relaxed) & 3 != 0 {
            if let object = slot.object { unsafe _ = Unmanaged.passRetained(object) }
            slot.object = nil
            slot.state.store(slot.state.load(ordering: .relaxed) & ~3, ordering: .relaxed)
        }
    }
}
