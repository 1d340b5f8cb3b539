// SPDX-License-Identifier: Apache-2.0

/// A fixed number of values that cannot be copied: the lanes and readers of one thread.
///
/// Safe because every index is checked against the count, and because the storage lives exactly as long as the array.
@safe struct OwnedArray<Element: ~Copyable>: ~Copyable, @unchecked Sendable {
    private let storage: UnsafeMutablePointer<Element>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        unsafe storage = .allocate(capacity: max(1, capacity))
    }

    deinit {
        for index in 0..<count { unsafe (storage + index).deinitialize(count: 1) }
        unsafe storage.deallocate()
    }

    mutating func append(_ element: consuming Element) {
        precondition(count < capacity, "an owned array is made with its capacity")
        unsafe (storage + count).initialize(to: element)
        count += 1
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
