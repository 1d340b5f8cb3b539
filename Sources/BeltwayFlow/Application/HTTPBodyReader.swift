// SPDX-License-Identifier: Apache-2.0
// What a body is made of: one file, or in a form several.
//
//     bytes of the body --> decoded, if it is encoded --> FileTracker
//                                                    `--> parts of a form (MultipartReader), those with a name files;
//                                                         those of a mail only for logs, which tell of them instead
internal import BeltwayWire

/// Looks at one body as it comes.
struct HTTPBodyReader {
    /// Number of the transaction that the body belongs to.
    let number: UInt32
    private(set) var file: FileTracker
    private var parts: MultipartReader?
    /// Whether it is a form, whose parts are the files.
    let isForm: Bool
    private let encoding: HTTPContentEncoding
    private var inflater: BodyInflater?
    private let meter: InflationMeter
    private var isBegun = false
    private var isFed = false
    private var isMislabelled = false

    /// Makes a reader of a body.
    ///
    /// - Parameters:
    ///   - number: Number of its transaction.
    ///   - name: Its name as a JSON string.
    ///   - facts: What its head says.
    ///   - settings: What is done with files.
    ///   - meter: Of its flow.
    init(
        number: UInt32,
        name: [UInt8],
        _ facts: HTTPBodyFacts,
        _ settings: FileSettings,
        _ meter: InflationMeter
    ) {
        self.number = number
        self.meter = meter
        let isTakenApart = facts.isMessage && settings.tellsUnnamedParts
        isForm = !facts.boundary.isEmpty
        file = FileTracker(
            name: name,
            isNamed: !facts.name.isEmpty,
            for: isTakenApart ? .events : .everybody,
            settings
        )
        if facts.encoding == .identity { file.total = facts.length }
        encoding = facts.encoding
        if let range = facts.range {
            file.range = range.first...range.last
            if facts.encoding == .identity { file.feed = facts.feed(range, name, settings) }
        }
        if isForm {
            parts = MultipartReader(boundary: facts.boundary, settings)
            if facts.hasRanges, facts.encoding == .identity { parts?.hasRanges(of: facts, name) }
        } else if isTakenApart {
            parts = MultipartReader(mailWith: settings)
        }
    }

    /// Bytes that it keeps.
    @inline(__always) var heldBytes: Int {
        // What inflaters hold is bounded by how many of them a worker has.
        file.heldBytes + (parts?.heldBytes ?? 0)
    }

    /// Whether what encodes it could not be undone to its end.
    var isUndecoded: Bool { inflater.map { !$0.isWhole } ?? false }
    /// Whether what encodes it is none, though nothing of it is missing.
    var isDamaged: Bool { isMislabelled || inflater?.state == .damaged && !file.hasGaps }
    /// Bytes that it has without its encoding, as far as that was undone; nil if it has none that is.
    var inflatedLength: UInt64? { inflater?.given }
    /// Whether it grew beyond all measure.
    var isBomb: Bool { inflater?.state == .bomb }
    /// Whether its inflater gave way to others'.
    var hasGivenWay: Bool { inflater?.state == .gone }
    /// Bytes in which ends of lines of a form were looked for.
    var searched: UInt64 { parts?.searched ?? 0 }

    /// Takes the next bytes of the body.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - held: Becomes ``heldBytes``: whoever asked a large optional for it would copy all of it.
    /// - Returns: Whether parts of a form have ended.
    mutating func take(_ bytes: RawSpan, holding held: inout Int) -> Bool {
        takeEncoded(bytes)
        guard parts != nil else {
            held = file.heldBytes
            return false
        }
        held = heldBytes
        return parts?.hasEnded ?? false
    }

    private mutating func takeEncoded(_ bytes: RawSpan) {
        if !isBegun, bytes.byteCount > 0 {
            isBegun = true
            if encoding != .identity { inflater = BodyInflater(encoding, first: bytes, meter) }
        }
        guard let inflater else { return takeDecoded(bytes) }
        // Of what is too large nothing more is looked at.
        guard inflater.state == .going, !file.isCut else { return }
        let isFirst = !isFed
        isFed = true
        inflater.take(bytes) { takeDecoded($0) }
        if inflater.state == .damaged, isFirst, inflater.given == 0 {
            // What its head calls it is not what it is: the file is what was sent.
            self.inflater = nil
            isMislabelled = true
            takeDecoded(bytes)
        } else if inflater.state != .going, inflater.state != .ended {
            file.cut()
        }
    }

    private mutating func takeDecoded(_ bytes: RawSpan) {
        parts?.take(bytes)
        if !isForm { file.take(bytes) }
    }

    /// Bytes of the body were lost.
    mutating func lose(_ length: UInt64) {
        isBegun = true
        // After a gap nothing can be inflated any more, and what the bytes stood for is not known.
        inflater?.stop()
        parts?.lose()
        if !isForm { file.lose(encoding == .identity ? length : 0) }
    }

    /// The parts of a form that have ended, which are then forgotten.
    mutating func endedParts() -> [FileTracker] { HTTPBodyReader.withWhole(parts?.takeEnded() ?? []) }

    /// The files, and behind them those that ranges among them have completed.
    private static func withWhole(_ files: [FileTracker]) -> [FileTracker] {
        files + files.compactMap { $0.feed?.end() }
    }

    /// The body has ended.
    ///
    /// - Parameter isComplete: Whether its end came by.
    /// - Returns: The files of it that are not written yet.
    mutating func end(isComplete: Bool) -> [FileTracker] {
        parts?.end()
        let ended = endedParts()
        if isForm { return ended }
        file.isComplete = isComplete && !isUndecoded
        let isFile = file.size > 0 || file.hasGaps || isUndecoded
        return isFile ? HTTPBodyReader.withWhole([file]) + ended : ended
    }
}

extension HTTPBodyFacts {
    /// What puts a range of the body's file into the whole.
    func feed(_ range: HTTPContentRange, _ name: [UInt8], _ settings: FileSettings) -> RangeFeed? {
        resource?.feed(range, version: version, fileName: (name, !self.name.isEmpty), settings)
    }
}

extension TransactionStage {
    /// The resource of this name, whose ranges are put together.
    func resource(_ name: [UInt8]) -> RangedResource {
        RangedResource(
            joined: joinedRanges,
            client: packet.source,
            server: packet.destination,
            name: name,
            network: packet.network
        )
    }

    /// Counts what became of a body's encoding.
    mutating func count(_ body: HTTPBodyReader?) {
        guard let body else { return }
        fileCounters.searched &+= body.searched
        if body.isUndecoded { fileCounters.undecoded &+= 1 }
        if body.isBomb { fileCounters.bombs &+= 1 }
        if body.hasGivenWay { fileCounters.gaveWay &+= 1 }
    }
}
