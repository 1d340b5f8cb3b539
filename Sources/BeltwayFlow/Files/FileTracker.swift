// SPDX-License-Identifier: Apache-2.0
// A file whose bytes come by, a span at a time: nothing of it is kept but its first bytes until they tell what it is.
//
//     take(span) take(span) lost() take(span) end --> FileEvents: name, size, magic, digests, state
//
// Bytes are those of the file itself: what encodes them (chunks, gzip, base64) is undone before.
//
// Invariant. `start` is empty once `magic` is known; it never holds more than `FileMagic.mostBytes`.
internal import BeltwayWire

/// One file on its way.
struct FileTracker {
    /// Its name as a JSON string, quotation marks included; empty if it has none.
    let name: [UInt8]
    /// Bytes so far.
    private(set) var size: UInt64 = 0
    /// Whether bytes are missing.
    private(set) var hasGaps = false
    /// Whether it has more than is looked at, or what encodes it broke off.
    private(set) var isCut = false
    /// Whether its end came by.
    var isComplete = false
    /// Where its bytes belong in a larger one (RFC 9110, 14.4).
    var range: ClosedRange<UInt64>?
    private var digests: FileDigests
    private var start: [UInt8] = []
    private var knownMagic: FileMagic?
    private let largest: UInt64

    init(name: [UInt8], _ settings: FileSettings) {
        self.name = name
        digests = FileDigests(settings.hashes)
        largest = settings.largest
    }

    /// Bytes that it keeps.
    var heldBytes: Int { name.count + start.count + FileDigests.heldBytes }

    /// Takes the next bytes.
    mutating func take(_ bytes: RawSpan) {
        guard bytes.byteCount > 0 else { return }
        if isCut {
            size &+= UInt64(bytes.byteCount)
            return
        }
        size &+= UInt64(bytes.byteCount)
        if size > largest {
            isCut = true
            return
        }
        if knownMagic == nil { look(bytes) }
        if !hasGaps { digests.update(bytes) }
    }

    /// Bytes were lost, so many of them the file's: there is no digest of what is left.
    mutating func lose(_ length: UInt64) {
        hasGaps = true
        size &+= length
        settle()
    }

    /// What encodes it cannot be read any further.
    mutating func cut() { isCut = true }

    /// What the first bytes look like.
    var magic: FileMagic {
        knownMagic ?? (hasGaps && start.isEmpty ? .unknown : FileMagic(start.rawBytes, isWhole: true))
    }

    /// Bytes are looked at where they are, if they are enough; else they are joined with those before.
    private mutating func look(_ bytes: RawSpan) {
        if start.isEmpty, bytes.byteCount >= FileMagic.mostBytes {
            knownMagic = FileMagic(bytes.field(0..<FileMagic.mostBytes), isWhole: false)
            return
        }
        start.append(copyOf: bytes.field(0..<FileMagic.mostBytes - start.count))
        if start.count >= FileMagic.mostBytes { settle() }
    }

    private mutating func settle() {
        guard knownMagic == nil, !start.isEmpty else { return }
        knownMagic = FileMagic(start.rawBytes, isWhole: false)
        start = []
    }

    /// Writes the members of `fileinfo`.
    func write(number: UInt32, _ output: inout TransactionStage) {
        let isClosed = isComplete && !hasGaps && !isCut
        if !name.isEmpty {
            output.text.member("filename")
            output.beginValue()
            output.text.append(name.span)
            output.mark(FileEvents.Column.filename)
        }
        output.text.member("magic")
        output.beginValue()
        output.text.append(0x22)
        output.text.append(magic.words)
        output.text.append(0x22)
        output.mark(FileEvents.Column.magic)
        output.text.member("gaps", hasGaps)
        output.text.member("state")
        output.beginValue()
        if isClosed { output.text.append("\"CLOSED\"") } else { output.text.append("\"TRUNCATED\"") }
        output.mark(FileEvents.Column.state)
        if isClosed { digests.write(columns: FileEvents.Column.digests, &output) }
        output.text.member("stored", false)
        output.member("size", size, column: FileEvents.Column.size)
        output.text.member("tx_id", UInt64(number))
        if let range {
            output.text.member("start", range.lowerBound)
            output.text.member("end", range.upperBound)
        }
    }
}
