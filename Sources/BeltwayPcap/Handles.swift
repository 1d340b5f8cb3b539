// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import CPcap
internal import Glibc
internal import Synchronization

// Handles of ours among the real library's.
//
// A program's pcap_t is always one that the real library made: for a device of ours a "dead" one of its link type
// (pcap_open_dead), so that functions which this library does not stand in front of find a handle that they know, and
// answer. A table says which handles are ours.
//
//     table   | handle, state | handle, state | 0 | 0 | ...      looked through by every call: a load per handle of ours
//
// Invariant 1. A state belongs to its entry from `add` to `remove`, which pcap_create and pcap_close call: as with the real
//              library, a handle is not used while it is closed.
// Invariant 2. What a call needs exclusively (the capture) is taken by an exchange of `isBusy`; a call from the capture's
//              own callback, or from another thread, is told so. pcap_breakloop and pcap_stats need atomics only, so a
//              signal handler may call the one and anybody the other.
//
// Safe because of these two, and because addresses are handed out only inside a call.

/// What other threads and signal handlers see of a capture's counts.
final class CaptureCounters: Sendable {
    private let acceptedCount = Atomic<UInt64>(0)
    private let lostCount = Atomic<UInt64>(0)

    /// Before each packet is handed over: a callback may ask for statistics, and may not return.
    @inline(__always)
    func show(_ accepted: UInt64) { acceptedCount.store(accepted, ordering: .relaxed) }

    func show(_ accepted: UInt64, _ lost: UInt64) {
        acceptedCount.store(accepted, ordering: .relaxed)
        lostCount.store(lost, ordering: .relaxed)
    }

    var accepted: UInt64 { acceptedCount.load(ordering: .relaxed) }
    var lost: UInt64 { lostCount.load(ordering: .relaxed) }
}

/// The state of one handle.
@safe final class Handle: @unchecked Sendable {
    /// The program's handle.
    let real: RealHandle
    let device: Device
    let linkType: UInt16
    let call = WakeCall()
    let counters = CaptureCounters()
    private let isActive = Atomic<Bool>(false)
    private let isBusy = Atomic<Bool>(false)
    /// Used by one thread at a time: as in the real library, options are set by who activates.
    private let storage: UnsafeMutablePointer<CaptureOptions>
    private let capture: UnsafeMutablePointer<Capture?>

    init(_ device: Device, linkType: UInt16, real: RealHandle) {
        unsafe self.real = real
        self.device = device
        self.linkType = linkType
        unsafe storage = .allocate(capacity: 1)
        unsafe storage.initialize(to: CaptureOptions())
        unsafe capture = .allocate(capacity: 1)
        unsafe capture.initialize(to: nil)
    }

    deinit {
        unsafe capture.deinitialize(count: 1)
        unsafe capture.deallocate()
        unsafe storage.deallocate()
    }

    /// What was asked for before it was activated.
    var options: CaptureOptions {
        get { unsafe storage.pointee }
        set { unsafe storage.pointee = newValue }
    }

    /// Whether it reads.
    var isActivated: Bool { isActive.load(ordering: .acquiring) }

    /// Begins to read.
    func activate(_ made: consuming Capture) {
        unsafe capture.pointee = consume made
        isActive.store(true, ordering: .releasing)
    }

    /// Runs `body` on the capture, which nobody else can use meanwhile.
    ///
    /// - Returns: What `body` returned; -3 before pcap_activate, -1 if it is in use; the line for people is set.
    @inline(__always)
    func withCapture(_ body: (inout Capture) -> Int32) -> Int32 {
        guard isActive.load(ordering: .acquiring) else {
            return tell(Failure(.notActivated, "the handle is not activated"))
        }
        guard !isBusy.exchange(true, ordering: .acquiring) else {
            return tell(
                Failure(.error, "the handle is in use: by another thread, or by the callback that calls")
            )
        }
        defer { isBusy.store(false, ordering: .releasing) }
        guard var inUse = unsafe capture.pointee.take() else { return -1 }
        let result = body(&inUse)
        if result == -1, let failure = inUse.failure { unsafe setErrorText(real, failure.text) }
        unsafe capture.pointee = consume inUse
        return result
    }

    /// Leaves a line for pcap_geterr.
    ///
    /// - Returns: The failure's number.
    func tell(_ failure: Failure) -> Int32 {
        unsafe setErrorText(real, failure.text)
        return failure.code.rawValue
    }
}

/// Sets what pcap_geterr says of a handle: the real library hands out the handle's own text.
func setErrorText(_ handle: RealHandle, _ text: String) {
    unsafe fill(pcap_geterr(handle), text)
}

/// Copies a line into an error text of libpcap's (PCAP_ERRBUF_SIZE: 256).
func fill(_ errors: UnsafeMutablePointer<CChar>?, _ text: String) {
    guard let errors = unsafe errors else { return }
    var count = 0
    for byte in text.utf8.prefix(255) {
        unsafe errors[count] = CChar(bitPattern: byte)
        count += 1
    }
    unsafe errors[count] = 0
}

/// Which handles are ours.
@safe final class HandleTable: @unchecked Sendable {
    static let shared = HandleTable()
    private static let capacity = 256

    @safe private struct Entry: ~Copyable {
        let real = Atomic<UInt>(0)
        var handle: Unmanaged<Handle>?
    }

    private let entries: UnsafeMutablePointer<Entry>
    /// Entries beyond it were never used.
    private let used = Atomic<Int>(0)
    private let changes = Mutex(())

    private init() {
        unsafe entries = .allocate(capacity: Self.capacity)
        for index in 0..<Self.capacity { unsafe (entries + index).initialize(to: Entry()) }
    }

    /// Whether there is room for it.
    func add(_ handle: Handle) -> Bool {
        changes.withLock { _ in
            for index in 0..<Self.capacity
            where unsafe entries[index].real.load(ordering: .relaxed) == 0 {
                unsafe entries[index].handle = Unmanaged.passRetained(handle)
                unsafe entries[index].real.store(UInt(bitPattern: handle.real), ordering: .releasing)
                if index >= used.load(ordering: .relaxed) { used.store(index + 1, ordering: .releasing) }
                return true
            }
            return false
        }
    }

    /// Takes a handle out; nil if it is not ours.
    func remove(_ real: RealHandle?) -> Handle? {
        changes.withLock { _ in
            guard let index = unsafe index(of: real) else { return nil }
            let handle = unsafe entries[index].handle?.takeRetainedValue()
            unsafe entries[index].handle = nil
            unsafe entries[index].real.store(0, ordering: .releasing)
            return handle
        }
    }

    @inline(__always)
    private func index(of real: RealHandle?) -> Int? {
        let wanted = UInt(bitPattern: real)
        let count = used.load(ordering: .acquiring)
        var index = 0
        while index < count {
            if unsafe entries[index].real.load(ordering: .acquiring) == wanted, wanted != 0 { return index }
            index += 1
        }
        return nil
    }

    /// The state of a handle of ours; nil if it is the real library's.
    @inline(__always)
    func find(_ real: RealHandle?) -> Handle? {
        guard let index = unsafe index(of: real) else { return nil }
        return unsafe entries[index].handle?.takeUnretainedValue()
    }
}

/// The state of a handle of ours; nil if it is the real library's.
@inline(__always)
func ours(_ handle: RealHandle?) -> Handle? { unsafe HandleTable.shared.find(handle) }
