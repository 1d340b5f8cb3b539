// SPDX-License-Identifier: Apache-2.0
// What a body is made of: one file, or in a form several.
//
//     bytes of the body --> decoded, if it is encoded --> FileTracker
//                                                    `--> parts of a form (MultipartReader), those with a name files
internal import BeltwayWire

/// Looks at one body as it comes.
struct HTTPBodyReader {
    /// Number of the transaction that the body belongs to.
    let number: UInt32
    private(set) var file: FileTracker
    private var parts: MultipartReader?
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
        file = FileTracker(name: name, isNamed: !facts.name.isEmpty, settings)
        if facts.encoding == .identity { file.total = facts.length }
        encoding = facts.encoding
        if let range = facts.range { file.range = range.first...range.last }
        if !facts.boundary.isEmpty { parts = MultipartReader(boundary: facts.boundary, settings) }
    }

    /// Bytes that it keeps.
    var heldBytes: Int {
        // What inflaters hold is bounded by how many of them a worker has.
        file.heldBytes + (parts?.heldBytes ?? 0)
    }

    /// Whether what encodes it could not be undone to its end.
    var isUndecoded: Bool { inflater.map { !$0.isWhole } ?? false }
    /// Whether what encodes it is none, though nothing of it is missing.
    var isDamaged: Bool { isMislabelled || inflater?.state == .damaged && !file.hasGaps }
    /// Whether it grew beyond all measure.
    var isBomb: Bool { inflater?.state == .bomb }
    /// Whether its inflater gave way to others'.
    var hasGivenWay: Bool { inflater?.state == .gone }
    /// Bytes in which ends of lines of a form were looked for.
    var searched: UInt64 { parts?.searched ?? 0 }

    /// Takes the next bytes of the body.
    mutating func take(_ bytes: RawSpan) {
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
        if parts != nil { parts?.take(bytes) } else { file.take(bytes) }
    }

    /// Bytes of the body were lost.
    mutating func lose(_ length: UInt64) {
        isBegun = true
        // After a gap nothing can be inflated any more, and what the bytes stood for is not known.
        inflater?.stop()
        if parts != nil { parts?.lose() } else { file.lose(encoding == .identity ? length : 0) }
    }

    /// The parts of a form that have ended, which are then forgotten.
    mutating func endedParts() -> [FileTracker] { parts?.takeEnded() ?? [] }

    /// Whether it is a form, whose parts are the files.
    var isForm: Bool { parts != nil }

    /// Whether parts have ended.
    var hasEndedParts: Bool { parts?.hasEnded ?? false }

    /// The body has ended.
    ///
    /// - Parameter isComplete: Whether its end came by.
    /// - Returns: The files of it that are not written yet.
    mutating func end(isComplete: Bool) -> [FileTracker] {
        if parts != nil {
            parts?.end()
            return endedParts()
        }
        file.isComplete = isComplete && !isUndecoded
        return file.size > 0 || file.hasGaps || isUndecoded ? [file] : []
    }
}

extension TransactionStage {
    /// Counts what became of a body's encoding.
    mutating func count(_ body: HTTPBodyReader?) {
        guard let body else { return }
        fileCounters.searched &+= body.searched
        if body.isUndecoded { fileCounters.undecoded &+= 1 }
        if body.isBomb { fileCounters.bombs &+= 1 }
        if body.hasGivenWay { fileCounters.gaveWay &+= 1 }
    }
}

extension HTTPParser {
    /// A body begins: gives it a name.
    static func beginBody(
        of sender: Sender,
        _ facts: HTTPBodyFacts,
        _ session: inout HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        endBody(of: sender, isComplete: false, &session, flow, &output)
        guard output.files.isOn else { return }
        var facts = facts
        if case .body(let length) = sender == .originator ? session.client : session.server {
            facts.length = UInt64(length)
        }
        let meter = session.meter ?? InflationMeter(output.inflation)
        session.meter = meter
        if sender == .originator {
            let index = session.pending.count - 1
            let name = facts.name.isEmpty ? path(session.pending[index].fragment) : facts.name
            session.requestBody = HTTPBodyReader(
                number: flow.transactions &+ UInt32(index),
                name: name,
                facts,
                output.files,
                meter
            )
        } else {
            var name = facts.name
            if name.isEmpty, let request = session.pending.first { name = path(request.fragment) }
            let number = flow.transactions
            session.answerBody = HTTPBodyReader(number: number, name: name, facts, output.files, meter)
        }
    }

    /// The path of a request's target, as the JSON string that it is in the fragment.
    private static func path(_ fragment: JSONFragment) -> [UInt8] {
        let mark = fragment.marks[Column.url]
        guard mark != 0 else { return [] }
        let start = Int(mark & 0xffff)
        let text = fragment.text.rawBytes.field(start..<start + Int(mark >> 16))
        var low = 1
        // A target of absolute form (RFC 9112, 3.2.2).
        if let colon = text.firstIndex(of: 0x3a, before: min(16, text.byteCount)), text.byte(at: 1) != 0x2f,
            text.field(colon..<colon + 3).starts(with: "://")
        {
            low = text.firstIndex(of: 0x2f, from: colon + 3) ?? 1
        }
        let high = text.firstIndex(of: 0x3f, from: low) ?? text.byteCount - 1
        var name: [UInt8] = [0x22]
        name.append(copyOf: text.field(low..<max(high, low)))
        name.append(0x22)
        return name.count > 2 ? name : []
    }

    /// Takes bytes of a body.
    static func body(
        _ bytes: RawSpan,
        from sender: Sender,
        _ session: inout HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        if sender == .responder {
            session.answerBody?.take(bytes)
            if session.answerBody?.hasEndedParts == true { writeParts(of: sender, &session, flow, &output) }
        } else {
            session.requestBody?.take(bytes)
            if session.requestBody?.hasEndedParts == true { writeParts(of: sender, &session, flow, &output) }
        }
    }

    /// Bytes of a body are lost.
    static func loseBody(of sender: Sender, _ length: UInt64, _ session: inout HTTPSession) {
        var lost = length
        switch sender == .originator ? session.client : session.server {
        case .body(let remaining): lost = min(length, UInt64(remaining))
        // What of it is data and what sizes of chunks cannot be told.
        case .chunks, .head: lost = 0
        case .untilClose: break
        }
        if sender == .responder { session.answerBody?.lose(lost) } else { session.requestBody?.lose(lost) }
    }

    private static func writeParts(
        of sender: Sender,
        _ session: inout HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        var number: UInt32 = 0
        var files: [FileTracker] = []
        if sender == .responder {
            number = session.answerBody?.number ?? 0
            files = session.answerBody?.endedParts() ?? []
        } else {
            number = session.requestBody?.number ?? 0
            files = session.requestBody?.endedParts() ?? []
        }
        for file in files { write(file, of: sender, number, session, flow, &output) }
    }

    /// A body has ended, or nothing more of it will be seen: writes what files it was.
    static func endBody(
        of sender: Sender,
        isComplete: Bool,
        _ session: inout HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        var body: HTTPBodyReader?
        if sender == .responder {
            swap(&body, &session.answerBody)
        } else {
            swap(&body, &session.requestBody)
        }
        guard body != nil else { return }
        let number = body?.number ?? 0
        output.count(body)
        if body?.isBomb == true {
            output.anomaly("COMPRESSION_BOMB", of: "http", number: number)
        } else if body?.isDamaged == true {
            output.anomaly("GZIP_DECOMPRESSION_FAILED", of: "http", number: number)
        }
        for file in body?.end(isComplete: isComplete) ?? [] {
            write(file, of: sender, number, session, flow, &output)
        }
    }

    private static func write(
        _ file: FileTracker,
        of sender: Sender,
        _ number: UInt32,
        _ session: HTTPSession,
        _ flow: ApplicationFlow,
        _ output: inout TransactionStage
    ) {
        output.begin(
            .fileinfo,
            number: number,
            object: "http",
            showsNumber: false,
            turned: sender == .responder
        )
        let index = Int(number &- flow.transactions)
        if index < session.pending.count { output.append(members: session.pending[index].fragment) }
        if index == 0, session.isAnswering { output.append(members: session.answer) }
        output.text.member("length", session.answerLength)
        output.endFile(file, application: "http", number: number)
    }
}
