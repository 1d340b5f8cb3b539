// SPDX-License-Identifier: Apache-2.0
// A file whose pieces come in any order, put in order by their places in it.
//
//     take(at 0) take(at 200) take(at 100)      100..<200 is the file's next; 200.. waits for it
//
// Clients ask for several pieces at once, and servers answer as they like. What comes a second time is passed over.
//
// Invariant 1. `waiting` is sorted and begins beyond `next`; it holds at most `mostPieces` pieces and, but for the last
//              one, `mostWaiting` bytes. What it has no room for makes what is missing a gap.
// Invariant 2. Once the file has a gap nothing waits: there is no digest of it any more.
internal import BeltwayWire

/// One file on its way, whose pieces come in any order.
struct FileInPieces {
    private static var mostPieces: Int { 64 }

    private var file: FileTracker
    private(set) var next: UInt64 = 0
    private var waiting: [(offset: UInt64, bytes: [UInt8])] = []
    private var waitingBytes = 0
    private let mostWaiting: Int

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - file: What of it is in order.
    ///   - mostWaiting: Bytes that may wait for what is missing before them.
    init(_ file: FileTracker, mostWaiting: Int = 2 << 20) {
        self.file = file
        self.mostWaiting = mostWaiting
    }

    /// Whether bytes of it are missing that will not come.
    var hasGaps: Bool { file.hasGaps }

    var heldBytes: Int { file.heldBytes + waitingBytes + waiting.count * 48 }

    /// Takes bytes that belong at `offset`.
    mutating func take(_ bytes: RawSpan, at offset: UInt64) {
        let (end, isBeyond) = offset.addingReportingOverflow(UInt64(bytes.byteCount))
        guard !isBeyond, end > next else { return }
        if offset > next {
            guard !file.hasGaps else {
                file.lose(offset - next)
                next = end
                return file.take(bytes)
            }
            return wait(bytes, at: offset)
        }
        file.take(bytes.field(Int(next - offset)..<bytes.byteCount))
        next = end
        join()
    }

    /// Bytes at `offset` were lost.
    mutating func lose(_ length: UInt64, at offset: UInt64) {
        let (end, isBeyond) = offset.addingReportingOverflow(length)
        guard !isBeyond, offset <= next, end > next else { return }
        file.lose(end - next)
        next = end
        join()
    }

    /// Nothing more of it comes.
    ///
    /// - Parameters:
    ///   - isClosed: Whether it was closed, and not only given up.
    ///   - size: Bytes that it is known to have.
    /// - Returns: The file.
    mutating func end(isClosed: Bool, size: UInt64?) -> FileTracker {
        while !waiting.isEmpty { passGap() }
        file.isComplete = isClosed && next >= size ?? 0
        return file
    }

    private mutating func wait(_ bytes: RawSpan, at offset: UInt64) {
        var index = waiting.count
        while index > 0, waiting[index - 1].offset > offset { index -= 1 }
        waitingBytes += bytes.byteCount
        if index > 0, waiting[index - 1].offset &+ UInt64(waiting[index - 1].bytes.count) == offset {
            waiting[index - 1].bytes.append(copyOf: bytes)
        } else {
            var copy: [UInt8] = []
            copy.append(copyOf: bytes)
            waiting.insert((offset, copy), at: index)
        }
        if waitingBytes > mostWaiting || waiting.count > FileInPieces.mostPieces {
            while !waiting.isEmpty { passGap() }
        }
    }

    /// What is missing before the first piece that waits will not come.
    private mutating func passGap() {
        guard let first = waiting.first else { return }
        if first.offset > next {
            file.lose(first.offset - next)
            next = first.offset
        }
        join()
    }

    /// Takes what waits and is next.
    private mutating func join() {
        var taken = 0
        while taken < waiting.count, waiting[taken].offset <= next {
            let piece = waiting[taken]
            taken += 1
            waitingBytes -= piece.bytes.count
            let known = next - piece.offset
            guard known < UInt64(piece.bytes.count) else { continue }
            file.take(piece.bytes.rawBytes.field(Int(known)..<piece.bytes.count))
            next = piece.offset &+ UInt64(piece.bytes.count)
        }
        if taken > 0 { waiting.removeFirst(taken) }
    }
}
