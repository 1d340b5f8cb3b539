// SPDX-License-Identifier: Apache-2.0

/// Values that cannot be copied: the lanes and readers of one thread.
///
/// Safe because every index is checked against the count, because the storage lives exactly as long as the array, and
/// because growing moves every value, which nobody can hold the address of while `append` has the array to itself.
@safe @frozen public struct OwnedArray<Element: ~Copyable>: ~Copyable, @unchecked Sendable {
    @usableFromInline var storage: UnsafeMutablePointer<Element>
    /// Values that there is room for.
    public private(set) var capacity: Int
    @usableFromInline var used = 0

    /// Makes an empty array with room for so many values, and for more when it is needed.
    public init(capacity: Int) {
        self.capacity = max(0, capacity)
        unsafe storage = .allocate(capacity: self.capacity)
    }

    deinit {
        for index in 0..<used { unsafe (storage + index).deinitialize(count: 1) }
        unsafe storage.deallocate()
    }

    /// How many values there are.
    @inlinable public var count: Int { used }

    /// Takes a value in.
    public mutating func append(_ element: consuming Element) {
        if used == capacity { grow() }
        unsafe (storage + used).initialize(to: element)
        used += 1
    }

    private mutating func grow() {
        let room = max(4, capacity * 2)
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: room)
        unsafe larger.moveInitialize(from: storage, count: used)
        unsafe storage.deallocate()
        unsafe storage = larger
        capacity = room
    }

    /// A value, in place.
    ///
    /// It is a programmer error to ask for one that is not there.
    @inlinable public subscript(index: Int) -> Element {
        @inline(__always) unsafeAddress {
            precondition(index >= 0 && index < used, "index outside the array")
            return unsafe UnsafePointer(storage + index)
        }
        @inline(__always) unsafeMutableAddress {
            precondition(index >= 0 && index < used, "index outside the array")
            return unsafe storage + index
        }
    }
}
