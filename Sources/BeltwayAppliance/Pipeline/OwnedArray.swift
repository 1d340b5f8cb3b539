// SPDX-License-Identifier: Apache-2.0

/// Values that cannot be copied: the lanes and readers of one thread.
///
/// Safe because every index is checked against the count, because the storage lives exactly as long as the array, and
/// because growing moves every value, which nobody can hold the address of while `append` has the array to itself.
@safe struct OwnedArray<Element: ~Copyable>: ~Copyable, @unchecked Sendable {
    private var storage: UnsafeMutablePointer<Element>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        unsafe storage = .allocate(capacity: self.capacity)
    }

    deinit {
        for index in 0..<count { unsafe (storage + index).deinitialize(count: 1) }
        unsafe storage.deallocate()
    }

    mutating func append(_ element: consuming Element) {
        if count == capacity { grow() }
        unsafe (storage + count).initialize(to: element)
        count += 1
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        unsafe larger.moveInitialize(from: storage, count: count)
        unsafe storage.deallocate()
        unsafe storage = larger
        capacity *= 2
    }

    subscript(index: Int) -> Element {
        @inline(__always) unsafeAddress {
            precondition(index >= 0 && index < count, "index outside the array")
            return unsafe UnsafePointer(storage + index)
        }
        @inline(__always) unsafeMutableAddress {
            precondition(index >= 0 && index < count, "index outside the array")
            return unsafe storage + index
        }
    }
}
