// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

// A reader in another process has one page that it alone writes: a memfd that the owner makes, seals against resizing
// and hands over. Nothing that it writes is trusted: the producer clamps every number (AttachedReaders).
//
//      0 release position   8 release ordinal    how far the producer may overwrite, where the policy waits
//     16 wakeAt             0: awake; n: asleep until the tail is at n - 1 or beyond
//     24 first ordinal      where it began to read; for people
//     32 read   40 lost                          for people, stored when the reader releases or waits

/// The words of one reader that lives in another process.
///
/// Safe because all offsets are fixed and below the page's length, which both sides check before they map it.
@safe struct ReaderCursor: @unchecked Sendable {
    static let length = 4096
    static let releasePosition = 0
    static let releaseOrdinal = 8
    static let wakeAt = 16
    static let firstOrdinal = 24
    static let read = 32
    static let lost = 40

    /// Keeps the page mapped.
    let page: SharedMemory

    /// Makes the page that is handed to a reader; neither side can resize it.
    init() throws(BufferError) {
        page = try SharedMemory(creating: "beltway-cursor", length: Self.length)
        try page.sealSize()
    }

    /// Maps the page that the owner handed over.
    init(attaching descriptor: Int32) throws(BufferError) {
        page = try SharedMemory(attachingWritable: descriptor, length: Self.length)
    }

    func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (page.base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    func load(_ offset: Int) -> UInt64 { unsafe word(offset).pointee.load(ordering: .acquiring) }

    func store(_ offset: Int, _ value: UInt64) {
        unsafe word(offset).pointee.store(value, ordering: .releasing)
    }
}
