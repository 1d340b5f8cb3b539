// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

// A reader in another process has one page of its own: a memfd that the owner makes, seals against resizing and hands
// over. Nothing that the reader writes is trusted: the producer clamps every number (AttachedReaders).
//
//      0 release position   8 release ordinal    how far the producer may overwrite, where the policy waits
//     16 wakeAt             0: awake; n: asleep until the tail is at n - 1 or beyond
//     24 first ordinal      where it began to read; for people
//     32 read   40 lost                          for people, stored when the reader releases or waits
//     64 wake word                               what the reader sleeps on: the producer adds 1 and wakes
//
// All of them from a start on that differs from reader to reader: the producer looks at each `wakeAt` per publication, and
// lines at one place of their pages share one set of its cache, which holds eight (a look then took 9 ns for 0.5).
//
//   4088 start                                   stored once by the owner, who does not read it again
//
// The wake word is the one that the producer writes. It is the reader's own, so that a reader is woken when *its* batch is
// there, and not whenever somebody else's is. A reader that writes it too only disturbs its own sleep.

/// The words of one reader that lives in another process.
///
/// Safe because all offsets from the greatest start on are below the page's length, which both sides check before they
/// map it, and the start is checked too.
@safe struct ReaderCursor: @unchecked Sendable {
    static let length = 4096
    static let releasePosition = 0
    static let releaseOrdinal = 8
    static let wakeAt = 16
    static let firstOrdinal = 24
    static let read = 32
    static let lost = 40
    static let wakeWord = 64
    static let startWord = 4088
    /// Bytes from one possible start to the next: the two lines of a reader.
    static let startStep = 128
    static let starts = 31

    /// Keeps the page mapped.
    let page: SharedMemory
    /// Where in the page its words begin.
    let start: Int

    private static let made = Atomic<Int>(0)

    /// Makes the page that is handed to a reader; neither side can resize it.
    init() throws(BufferError) {
        page = try SharedMemory(creating: "beltway-cursor", length: Self.length)
        try page.sealSize()
        let number = Self.made.wrappingAdd(1, ordering: .relaxed).oldValue
        start = (number & Int.max) % Self.starts * Self.startStep
        unsafe Self.word(page, Self.startWord).pointee.store(UInt64(start), ordering: .relaxed)
    }

    /// Maps the page that the owner handed over; its words begin at its first byte if it says an impossible start.
    init(attaching descriptor: Int32) throws(BufferError) {
        page = try SharedMemory(attachingWritable: descriptor, length: Self.length)
        let told = unsafe Self.word(page, Self.startWord).pointee.load(ordering: .relaxed)
        let isPossible =
            told < UInt64(Self.starts * Self.startStep) && told.isMultiple(of: UInt64(Self.startStep))
        start = isPossible ? Int(told) : 0
    }

    func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe Self.word(page, start + offset)
    }

    private static func word(_ page: SharedMemory, _ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (page.base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// What this reader sleeps on until something is published; good as long as the page is kept.
    var publication: WakeUp { unsafe WakeUp(word: word(Self.wakeWord), flag: word(Self.wakeAt)) }

    func load(_ offset: Int) -> UInt64 { unsafe word(offset).pointee.load(ordering: .acquiring) }

    func store(_ offset: Int, _ value: UInt64) {
        unsafe word(offset).pointee.store(value, ordering: .releasing)
    }
}
