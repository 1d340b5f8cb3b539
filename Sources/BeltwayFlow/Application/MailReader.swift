// SPDX-License-Identifier: Apache-2.0
// A mail line by line (RFC 5322), and the parts it is made of (RFC 2046): header fields, and names of attachments.
//
//     fields | blank line | text                       a field goes on where a line begins with a blank
//                         | --boundary fields blank .. --boundary fields blank .. --boundary--
//
// Nothing of the text is kept; a part with a name is looked at as a file (PartFile). Bounds: a field of 8 KiB, 4
// boundaries, 16 KiB of names; what is beyond is left out.
internal import BeltwayWire

/// What is known of a mail so far.
struct MailReader {
    private enum Place { case fields, text, partFields }

    private static var mostField: Int { 8192 }
    private static var mostNames: Int { 16_384 }
    /// Bytes of a name, as Suricata has them.
    private static var mostName: Int { 255 }

    private var place = Place.fields
    /// The field that may go on, unfolded.
    private var field: [UInt8] = []
    private var boundaries: [[UInt8]] = []
    /// Names of attachments, as elements of a JSON array.
    private var attachments: [UInt8] = []
    private var from: [UInt8] = []
    private var to: [UInt8] = []
    private var cc: [UInt8] = []
    private var subject: [UInt8] = []
    private var identifier: [UInt8] = []
    private var date: [UInt8] = []
    private var mailer: [UInt8] = []
    private var facts = MailFacts()
    /// Whether the text that comes is not encoded.
    private var isPlain = true
    /// What the fields of the part say: its name as a JSON string, its encoding.
    private var partName: [UInt8] = []
    private var isNamedByDisposition = false
    private var encoding = TransferEncoding.identity
    /// The part that is a file and has not ended.
    private var part: PartFile?
    /// Files that have ended and are not taken yet.
    private(set) var ended: [FileTracker] = []
    /// Parts that are told as files at most: a few bytes make one, and each is told with its mail or its request.
    private static let mostFiles = 64
    private var files = 0

    init() {}

    /// Reads the parts of a body whose fields were read elsewhere.
    init(partsWith boundary: [UInt8]) {
        place = .text
        boundaries = [boundary]
    }

    /// Whether header fields come, whose lines are wanted whole.
    var isInFields: Bool { place != .text }

    var heldBytes: Int {
        (part?.heldBytes ?? 0) + ended.reduce(0) { $0 + $1.heldBytes } + partName.count + field.count
            + attachments.count + from.count + to.count + cc.count + subject.count + identifier.count
            + date.count + mailer.count + facts.heldBytes + boundaries.reduce(0) { $0 + $1.count }
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
                if part == nil, isPlain { facts.text(line, events) }
                part?.line(line, end)
            case .between:
                endPart(isComplete: true)
                place = .partFields
            case .last: endPart(isComplete: true)
            }
        case .fields, .partFields:
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
        endPart(isComplete: isComplete)
    }

    /// The files that have ended, which are then forgotten.
    mutating func takeEnded() -> [FileTracker] {
        var files: [FileTracker] = []
        swap(&files, &ended)
        return files
    }

    private mutating func beginPart(_ settings: FileSettings) {
        attach()
        isPlain = encoding == .identity
        if settings.isOn, !partName.isEmpty, files < Self.mostFiles {
            files += 1
            part = PartFile(FileTracker(name: partName, settings), encoding)
        }
        partName = []
        isNamedByDisposition = false
        encoding = .identity
    }

    private mutating func endPart(isComplete: Bool) {
        // Its fields were not followed by a blank line.
        attach()
        partName = []
        isNamedByDisposition = false
        encoding = .identity
        guard part != nil else { return }
        part?.end(isComplete: isComplete)
        if let file = part?.file, file.size > 0 || file.hasGaps { ended.append(file) }
        part = nil
    }

    private enum Boundary { case none, between, last }

    /// Whether a line is a boundary (RFC 2046, 5.1.1): blanks may follow it.
    private func boundary(_ line: RawSpan) -> Boundary {
        guard line.byteCount > 2, line.byte(at: 0) == 0x2d, line.byte(at: 1) == 0x2d else { return .none }
        for boundary in boundaries where line.byteCount >= boundary.count + 2 {
            var isEqual = true
            for index in boundary.indices where line.byte(at: index + 2) != boundary[index] {
                isEqual = false
            }
            guard isEqual else { continue }
            let rest = line.field(Self.trimmed(line, boundary.count + 2..<line.byteCount))
            if rest.byteCount == 0 { return .between }
            if rest.byteCount == 2, rest.starts(with: "--") { return .last }
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
        } else if name.equals(ignoringCase: "content-disposition") {
            guard let name = MailParameters.value("filename", of: value), !isNamedByDisposition else {
                return
            }
            isNamedByDisposition = !name.isEmpty
            setName(name.rawBytes)
        } else if place == .fields {
            readField(name, value)
        }
    }

    private mutating func readField(_ name: RawSpan, _ value: RawSpan) {
        if name.equals(ignoringCase: "from") { Self.set(&from, value) }
        if name.equals(ignoringCase: "to") { Self.set(&to, value) }
        if name.equals(ignoringCase: "cc") { Self.set(&cc, value) }
        if name.equals(ignoringCase: "subject") { Self.set(&subject, value) }
        if name.equals(ignoringCase: "message-id") { Self.set(&identifier, value) }
        if name.equals(ignoringCase: "date") { Self.set(&date, value) }
        if name.equals(ignoringCase: "x-mailer") { Self.set(&mailer, value) }
        facts.field(name, value)
    }

    private static func set(_ field: inout [UInt8], _ value: RawSpan) {
        if field.isEmpty { field.append(copyOf: value.field(0..<4096)) }
    }

    private mutating func readType(_ value: RawSpan) {
        if let place = Self.parameter("boundary", of: value), boundaries.count < 4 {
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

    /// Where the value of a parameter lies, without quotation marks (RFC 2045, 5.1).
    static func parameter(_ name: String, of value: RawSpan) -> Range<Int>? {
        var start = value.firstIndex(of: 0x3b).map { $0 + 1 }
        while let from = start {
            var end = from
            var isQuoted = false
            while end < value.byteCount, isQuoted || value.byte(at: end) != 0x3b {
                if value.byte(at: end) == 0x22 { isQuoted.toggle() }
                end += 1
            }
            start = end < value.byteCount ? end + 1 : nil
            guard let equals = value.firstIndex(of: 0x3d, from: from, before: end) else { continue }
            guard value.field(trimmed(value, from..<equals)).equals(ignoringCase: name) else { continue }
            let place = trimmed(value, equals + 1..<end)
            if place.count >= 2, value.byte(at: place.lowerBound) == 0x22,
                value.byte(at: place.upperBound - 1) == 0x22
            {
                return place.lowerBound + 1..<place.upperBound - 1
            }
            return place
        }
        return nil
    }

    private static func trimmed(_ bytes: RawSpan, _ range: Range<Int>) -> Range<Int> {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high, bytes.byte(at: low) == 0x20 || bytes.byte(at: low) == 0x09 { low += 1 }
        while high > low, bytes.byte(at: high - 1) == 0x20 || bytes.byte(at: high - 1) == 0x09 { high -= 1 }
        return low..<high
    }

    /// Writes the members of Suricata's `email`.
    func write(isComplete: Bool, subjectColumn: Int?, _ output: inout TransactionStage) {
        if isComplete {
            output.text.member("status", literal: "PARSE_DONE")
        } else {
            output.text.member("status", literal: "BODY_STARTED")
        }
        output.member("from", from.rawBytes, most: 1024)
        writeList("to", to, &output)
        writeList("cc", cc, &output)
        output.member("subject", subject.rawBytes, column: subjectColumn, most: 1024)
        output.member("message_id", identifier.rawBytes, most: 1024)
        output.member("date", date.rawBytes, most: 1024)
        output.member("x_mailer", mailer.rawBytes, most: 1024)
        output.member("attachment", elements: attachments)
        facts.write(subject: subject, &output)
    }

    /// Addresses between commas.
    private func writeList(_ name: StaticString, _ value: [UInt8], _ output: inout TransactionStage) {
        guard !value.isEmpty else { return }
        let bytes = value.rawBytes
        output.text.openArray(name)
        var start = 0
        while start < bytes.byteCount {
            var end = start
            var isQuoted = false
            while end < bytes.byteCount, isQuoted || bytes.byte(at: end) != 0x2c {
                if bytes.byte(at: end) == 0x22 { isQuoted.toggle() }
                end += 1
            }
            let place = Self.trimmed(bytes, start..<end)
            if !place.isEmpty, output.hasRoom(6200) {
                output.text.separate()
                output.text.append(wireString: bytes.field(place), most: 1024)
            }
            start = end + 1
        }
        output.text.closeArray()
    }
}
