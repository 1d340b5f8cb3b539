// SPDX-License-Identifier: Apache-2.0

/// A value in a place of its own, lent to one call at a time.
///
/// What a class would hold in a property, without the runtime's list of accesses: that is looked at for each access to
/// a property and costs more than a call of the file interface itself (`beltway-bench paper --figure 12`).
///
/// Safe because the mark below is what that list would be: who is lent the value while somebody has it traps. Like the
/// list it is no lock: an owner is used by one thread at a time.
@safe struct Held<Value: ~Copyable>: ~Copyable {
    private let value: UnsafeMutablePointer<Value>
    private let isLent: UnsafeMutablePointer<Bool>

    init(_ value: consuming Value) {
        unsafe self.value = .allocate(capacity: 1)
        unsafe self.value.initialize(to: value)
        unsafe isLent = .allocate(capacity: 1)
        unsafe isLent.initialize(to: false)
    }

    deinit {
        unsafe value.deinitialize(count: 1)
        unsafe value.deallocate()
        unsafe isLent.deallocate()
    }

    /// Lends the value for the length of a call.
    @inline(__always)
    func lend<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(unsafe !isLent.pointee, "one call at a time")
        unsafe isLent.pointee = true
        defer { unsafe isLent.pointee = false }
        return try unsafe body(&value.pointee)
    }
}
