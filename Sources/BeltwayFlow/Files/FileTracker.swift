// SPDX-License-Identifier: Apache-2.0
// A file whose bytes come by, a span at a time: nothing of it is kept but its first bytes until they tell what it is.
//
//     take(span) take(span) lost() take(span) end --> FileEvents: name, size, magic, digests, state
//
// Bytes are those of the file itself: what encodes them (chunks, gzip, base64) is undone before.
//
// Invariant 1. `first` is empty once `magic` is known; it never holds more than `FileMagic.mostBytes`.
// Invariant 2. What is copied to disk is what the digests are of: the bytes before the first that is missing.
internal import BeltwayWire

/// Who is told of a file.
enum FileAudience {
    case everybody
    /// Logs of other forms: a part without a name, which is no file for EVE.
    case logs
    /// Events and the store: logs have what it is made of.
    case events
}

/// One file on its way.
struct FileTracker {
    let audience: FileAudience
    /// Its number among the parts of its mail, the mail itself being the first; 0 if it is none of a mail.
    var partNumber: UInt32 = 0
    /// Its name as a JSON string, quotation marks included; empty if it has none.
    let name: [UInt8]
    /// Whether that is a name that it was given, and not where it was asked for.
    private let isNamed: Bool
    /// Time of the packet in which it begins.
    private let start: Timestamp
    /// Bytes that it is said to have.
    var total: UInt64?
    /// Bytes that were lost.
    private var missing: UInt64 = 0
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
    private var first: [UInt8] = []
    private var knownMagic: FileMagic?
    private let largest: UInt64
    private let queue: FileQueue?
    /// The larger file that it is a range of, if that is put together.
    var feed: RangeFeed?
    /// What of it goes to disk.
    private var copy: FileCopy?

    init(
        name: [UInt8],
        isNamed: Bool = true,
        for audience: FileAudience = .everybody,
        _ settings: FileSettings
    ) {
        self.audience = audience
        self.name = name
        self.isNamed = isNamed && !name.isEmpty
        start = settings.time
        digests = FileDigests(settings.hashes)
        largest = settings.largest
        queue = audience == .logs ? nil : settings.queue
    }

    /// Bytes that it keeps.
    @inline(__always) var heldBytes: Int {
        name.count + first.count + FileDigests.heldBytes + (copy?.heldBytes ?? 0)
    }

    /// Takes the next bytes.
    mutating func take(_ bytes: RawSpan) {
        guard bytes.byteCount > 0 else { return }
        feed?.take(bytes)
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
        if hasGaps { return }
        digests.update(bytes)
        if let queue {
            if size == UInt64(bytes.byteCount) { copy = FileCopy(queue) }
            copy?.take(bytes)
        }
    }

    /// The copy of it that goes to disk: only a whole file does, unless parts are wanted.
    ///
    /// - Returns: Nil if there is none, or no room for it.
    func preparedCopy() -> FileCopy? {
        // What a limit has ended is counted there.
        guard let copy, let queue, copy.isGoing else { return nil }
        let isWhole = isClosed && range == nil
        guard isWhole || queue.limits.keepsPartial else {
            queue.noteIncomplete()
            copy.drop()
            return nil
        }
        return copy.prepare() ? copy : nil
    }

    /// Whether all of it came by.
    var isClosed: Bool { isComplete && !hasGaps && !isCut }

    /// Bytes were lost, so many of them the file's: there is no digest of what is left.
    mutating func lose(_ length: UInt64) {
        // Of an unknown number of bytes nothing behind them has a place.
        feed?.lose(length > 0 ? length : .max)
        hasGaps = true
        missing &+= length
        size &+= length
        settle()
    }

    /// What encodes it cannot be read any further.
    mutating func cut() { isCut = true }

    /// What the first bytes look like.
    var magic: FileMagic {
        knownMagic ?? (hasGaps && first.isEmpty ? .unknown : FileMagic(first.rawBytes, isWhole: true))
    }

    /// Bytes are looked at where they are, if they are enough; else they are joined with those before.
    private mutating func look(_ bytes: RawSpan) {
        if first.isEmpty, bytes.byteCount >= FileMagic.mostBytes {
            knownMagic = FileMagic(bytes.field(0..<FileMagic.mostBytes), isWhole: false)
            return
        }
        first.append(copyOf: bytes.field(0..<FileMagic.mostBytes - first.count))
        if first.count >= FileMagic.mostBytes { settle() }
    }

    private mutating func settle() {
        guard knownMagic == nil, !first.isEmpty else { return }
        knownMagic = FileMagic(first.rawBytes, isWhole: false)
        first = []
    }

    /// Writes what no event shows of it.
    func write(details: inout DetailWriter) {
        details.append(.start, number: start.nanoseconds)
        if let total { details.append(.totalBytes, number: total) }
        details.append(.missingBytes, number: missing)
        if isNamed { details.append(.givenName, name.rawBytes) }
        if partNumber > 0 { details.append(.partNumber, number: UInt64(partNumber)) }
    }

    /// Writes the members of `fileinfo`.
    func write(number: UInt32, storedAs identifier: UInt64?, _ output: inout TransactionStage) {
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
        // Of a part that is stored they are those of the part: they say where it lies.
        if isClosed || identifier != nil { digests.write(columns: FileEvents.Column.digests, &output) }
        output.text.member("stored")
        output.beginValue()
        if identifier != nil { output.text.append("true") } else { output.text.append("false") }
        output.mark(FileEvents.Column.stored)
        if let identifier { output.text.member("file_id", identifier) }
        output.member("size", size, column: FileEvents.Column.size)
        output.text.member("tx_id", UInt64(number))
        if let range {
            output.text.member("start", range.lowerBound)
            output.text.member("end", range.upperBound)
        }
    }
}
