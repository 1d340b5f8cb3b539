// SPDX-License-Identifier: Apache-2.0
// A mail line by line (RFC 5322), and the parts it is made of (RFC 2046): header fields, and names of attachments.
//
//     fields | blank line | text                       a field goes on where a line begins with a blank
//                         | --boundary fields blank .. --boundary fields blank .. --boundary--
//
// Nothing of the text is kept; a part with a name is looked at as a file (PartFile), and so is each other one if a log of
// another form asks for it. Of a mail within a mail (message/rfc822) the parts are looked at, and not the whole. Bounds: a
// field of 8 KiB, 16 boundaries, 16 mails, 16 KiB of names; what is beyond is left out.
internal import BeltwayWire

/// What is known of a mail so far.
struct MailReader {
    private enum Place { case fields, text, partFields }
    /// What a part is made of (RFC 2046).
    private enum Content { case itself, parts, message }

    private static var mostField: Int { 8192 }
    private static var mostNested: Int { 16 }
    private static var mostNames: Int { 16_384 }
    /// Bytes of a name, as Suricata has them.
    private static var mostName: Int { 255 }

    private var place = Place.fields
    /// The field that may go on, unfolded.
    private var field: [UInt8] = []
    private var boundaries: [[UInt8]] = []
    /// Names of attachments, as elements of a JSON array.
    private(set) var attachments: [UInt8] = []
    private(set) var head = MailHead()
    private(set) var facts = MailFacts()
    /// Whether the text that comes is not encoded.
    private var isPlain = true
    /// What the fields of the part say: its name as a JSON string, its encoding.
    private var partName: [UInt8] = []
    private var isNamedByDisposition = false
    private var encoding = TransferEncoding.identity
    private var content = Content.itself
    /// A mail within this one whose first field is to come: if none comes, it is a part as any.
    private var isEntering = false
    /// Mails within this one.
    private var messages = 0
    /// Parts so far, and whatever has parts; the mail is the first.
    private var parts: UInt32 = 1
    /// The part that is a file and has not ended.
    private var part: PartFile?
    /// Whether that has a name, and so is none of the mail's text.
    private var isAttachment = false
    private let audience: FileAudience
    /// The file whose ranges the parts are, as the body's head tells of it, and which one comes.
    private var ranged: (facts: HTTPBodyFacts, name: [UInt8])?
    private var range: HTTPContentRange?
    /// Files that have ended and are not taken yet.
    private(set) var ended: [FileTracker] = []
    /// Whether a name was longer than is kept, and nobody was told yet.
    private var hasLongName = false
    /// Parts that are told as files at most: a few bytes make one, and each is told with its mail or its request.
    private static let mostFiles = 64
    private var files = 0

    init() { audience = .everybody }

    /// Reads the parts of a body whose fields were read elsewhere.
    init(partsWith boundary: [UInt8]) {
        audience = .everybody
        place = .text
        boundaries = [boundary]
    }

    /// Reads the parts of a body that is a mail, for logs that tell of them instead of the body.
    init(forLogs: Void) {
        audience = .logs
        place = .partFields
    }

    /// The parts are ranges of one file (RFC 9110, 14.6), and called like it.
    mutating func hasRanges(of facts: HTTPBodyFacts, _ name: [UInt8]) { ranged = (facts, name) }

    /// Whether header fields come, whose lines are wanted whole.
    var isInFields: Bool { place != .text }

    var heldBytes: Int {
        (part?.heldBytes ?? 0) + ended.reduce(0) { $0 + $1.heldBytes } + partName.count + field.count
            + attachments.count + head.heldBytes + facts.heldBytes
            + boundaries.reduce(0) { $0 + $1.count }
    }

    /// Takes a line, or a piece of one, without its end.
    mutating func line(
        _ line: RawSpan,
        _ end: LineEnd,
        _ settings: FileSettings,
        _ events: EventSettings = EventSettings(),
        isStart: Bool = true
    ) {
        switch place {
        case .text:
            switch isStart ? boundary(line) : .none {
            case .none:
                if !isAttachment, isPlain { facts.text(line, events) }
                part?.line(line, end)
            case .between:
                endPart(isComplete: true)
                parts &+= 1
                place = .partFields
            case .last: endPart(isComplete: true)
            }
        case .fields, .partFields:
            if isEntering, isStart {
                isEntering = false
                guard line.firstIndex(of: 0x3a) != nil || line.byteCount == 0 else {
                    // It is not what it was called.
                    place = .text
                    beginFile(settings)
                    return self.line(line, end, settings, events)
                }
                forgetFields()
            }
            if line.byteCount == 0 {
                endField()
                place = .text
                beginPart(settings)
            } else if line.byte(at: 0) == 0x20 || line.byte(at: 0) == 0x09 {
                guard field.count < Self.mostField else { return }
                field.append(0x20)
                field.append(copyOf: line.field(Self.trimmed(line, 0..<line.byteCount)))
            } else {
                endField()
                field.append(copyOf: line.field(0..<Self.mostField))
            }
        }
    }

    /// Notes a line of the body as it was sent, for the body's digest; call it before `line`.
    mutating func sent(_ line: RawSpan, _ end: LineEnd, _ events: EventSettings) {
        if place != .fields { facts.body(line, end, events) }
    }

    /// Bytes follow that are not read as lines, or were lost.
    mutating func passOver() {
        endField()
        place = .text
        part?.lose()
    }

    /// The mail has ended.
    mutating func end(isComplete: Bool = true) {
        endField()
        endPart(isComplete: isComplete, isBounded: false)
    }

    /// The files that have ended, which are then forgotten.
    mutating func takeEnded() -> [FileTracker] {
        var files: [FileTracker] = []
        swap(&files, &ended)
        return files
    }

    /// Whether a name was longer than is kept, which is said once.
    mutating func takeLongName() -> Bool {
        defer { hasLongName = false }
        return hasLongName
    }

    private mutating func beginPart(_ settings: FileSettings) {
        attach()
        if content == .message, messages < Self.mostNested {
            messages += 1
            parts &+= 1
            isEntering = true
            place = .partFields
            return
        }
        beginFile(settings)
    }

    private mutating func beginFile(_ settings: FileSettings) {
        isPlain = encoding == .identity
        if let range, let ranged {
            beginRange(range, ranged.facts, ranged.name, settings)
            return forgetFields()
        }
        let isNamed = !partName.isEmpty
        let isWanted = isNamed || settings.tellsUnnamedParts && content != .parts
        if settings.isOn, isWanted, files < Self.mostFiles {
            files += 1
            let whom = isNamed ? audience : .logs
            var file = FileTracker(name: partName, isNamed: isNamed, for: whom, settings)
            file.partNumber = parts
            part = PartFile(file, encoding)
            isAttachment = isNamed
        }
        forgetFields()
    }

    private mutating func beginRange(
        _ range: HTTPContentRange,
        _ facts: HTTPBodyFacts,
        _ name: [UInt8],
        _ settings: FileSettings
    ) {
        guard settings.isOn, files < Self.mostFiles else { return }
        files += 1
        var file = FileTracker(name: name, isNamed: !facts.name.isEmpty, settings)
        file.range = range.first...range.last
        file.total = range.last - range.first + 1
        file.feed = facts.feed(range, name, settings)
        part = PartFile(file, encoding)
    }

    /// Forgets what the fields of a part said.
    private mutating func forgetFields() {
        range = nil
        partName = []
        isNamedByDisposition = false
        encoding = .identity
        content = .itself
    }

    /// The part has ended, by a boundary or with the mail.
    ///
    /// Of a named one the last line's end is never counted, as in Suricata.
    private mutating func endPart(isComplete: Bool, isBounded: Bool = true) {
        // Its fields were not followed by a blank line.
        if !isEntering { attach() }
        isEntering = false
        forgetFields()
        guard part != nil else { return }
        part?.end(isComplete: isComplete, endsLine: !isBounded && !isAttachment)
        isAttachment = false
        if let file = part?.file, file.size > 0 || file.hasGaps { ended.append(file) }
        part = nil
    }

    private enum Boundary { case none, between, last }

    /// Whether a line is a boundary (RFC 2046, 5.1.1): blanks may follow it.
    ///
    /// Boundaries within its own are over.
    private mutating func boundary(_ line: RawSpan) -> Boundary {
        guard line.byteCount > 2, line.byte(at: 0) == 0x2d, line.byte(at: 1) == 0x2d else { return .none }
        for place in boundaries.indices.reversed() where line.byteCount >= boundaries[place].count + 2 {
            let boundary = boundaries[place]
            var isEqual = true
            for index in boundary.indices where line.byte(at: index + 2) != boundary[index] {
                isEqual = false
            }
            guard isEqual else { continue }
            let rest = line.field(Self.trimmed(line, boundary.count + 2..<line.byteCount))
            let isLast = rest.byteCount == 2 && rest.starts(with: "--")
            guard rest.byteCount == 0 || isLast else { continue }
            boundaries.removeLast(boundaries.count - place - 1)
            return isLast ? .last : .between
        }
        return .none
    }

    private mutating func endField() {
        guard !field.isEmpty else { return }
        var whole: [UInt8] = []
        swap(&whole, &field)
        let bytes = whole.rawBytes
        guard let colon = bytes.firstIndex(of: 0x3a) else { return }
        let name = bytes.field(Self.trimmed(bytes, 0..<colon))
        let value = bytes.field(Self.trimmed(bytes, colon + 1..<bytes.byteCount))
        if name.equals(ignoringCase: "content-type") {
            readType(value)
        } else if name.equals(ignoringCase: "content-transfer-encoding") {
            encoding = TransferEncoding(value)
        } else if ranged != nil, name.equals(ignoringCase: "content-range") {
            range = HTTPContentRange(value)
        } else if name.equals(ignoringCase: "content-disposition") {
            guard let name = MailParameters.value("filename", of: value), !isNamedByDisposition else {
                return
            }
            isNamedByDisposition = !name.isEmpty
            setName(name.rawBytes)
        } else if place == .fields {
            head.take(name, value)
            facts.field(name, value)
        }
    }

    private mutating func readType(_ value: RawSpan) {
        content = .itself
        if value.starts(ignoringCase: "multipart/") { content = .parts }
        if value.starts(ignoringCase: "message/rfc822") { content = .message }
        if let place = Self.parameter("boundary", of: value), boundaries.count < Self.mostNested {
            var boundary: [UInt8] = []
            boundary.append(copyOf: value.field(place).field(0..<256))
            boundaries.append(boundary)
        }
        guard let name = MailParameters.value("name", of: value), !isNamedByDisposition else { return }
        setName(name.rawBytes)
    }

    /// Names the part; the name that Content-Disposition gives is the one that counts (RFC 2183, 2.3).
    private mutating func setName(_ name: RawSpan) {
        guard name.byteCount > 0 else { return }
        if name.byteCount > Self.mostName { hasLongName = true }
        var text = TextBuffer(capacity: 256)
        text.append(wireString: name, most: Self.mostName)
        partName = text.copy()
    }

    /// Notes the name of the part among the attachments.
    private mutating func attach() {
        guard !partName.isEmpty, attachments.count < Self.mostNames else { return }
        if !attachments.isEmpty { attachments.append(0x2c) }
        attachments += partName
    }
}
