// SPDX-License-Identifier: Apache-2.0

// What an owner answers. An attachment carries N buffers, each with the descriptors of its areas; the descriptors
// themselves travel beside the message, in the order in which the areas are listed.

/// An area of memory that an attachment hands over.
public enum SharedArea: UInt8, Equatable, Sendable {
    /// The buffer's data.
    case data = 1
    /// Its control page and whatever lies behind it.
    case control = 2
    /// The reader's own page, which it alone writes.
    case cursor = 3
    /// The page by which readers wake a producer that waits for them; only for those it waits for.
    case bell = 4
}

/// One buffer of an attachment.
public struct SharedBufferEntry: Equatable, Sendable {
    /// What kind of buffer it is: the raw value in its control page.
    public var kind: UInt8
    /// Who gives way: the raw value of ``BufferPolicy``.
    public var policy: UInt8
    /// What index entries call it.
    public var number: UInt16
    /// Link type of its records, if it has records.
    public var linkType: UInt16
    /// Bytes, or slots, that it holds.
    public var capacity: UInt64
    /// Differs between runs of its producer.
    public var generation: UInt64
    /// Its name.
    public var name: String
    /// Its areas, one descriptor each.
    ///
    /// Without any it is another owner's, who is asked for it at the socket of its name in the same folder: who may
    /// read it is for that owner to say.
    public var areas: [SharedArea]

    /// Makes an entry.
    public init(
        kind: UInt8,
        policy: UInt8,
        number: UInt16,
        linkType: UInt16,
        capacity: UInt64,
        name: String,
        areas: [SharedArea],
        generation: UInt64 = 0
    ) {
        self.kind = kind
        self.policy = policy
        self.number = number
        self.linkType = linkType
        self.capacity = capacity
        self.generation = generation
        self.name = name
        self.areas = areas
    }
}

/// Buffers that are handed over in one message: the one that was asked for, then those that it names.
public struct SharedAttachment: Equatable, Sendable {
    /// Differs between runs of the owner.
    public var generation: UInt64
    /// The owner's process.
    public var process: Int32
    /// The buffers; at least one.
    public var buffers: [SharedBufferEntry]

    /// Makes an attachment.
    public init(generation: UInt64, process: Int32, buffers: [SharedBufferEntry]) {
        self.generation = generation
        self.process = process
        self.buffers = buffers
    }
}

/// What an owner answers.
public enum SharingAnswer: Equatable, Sendable {
    /// Here are the buffers.
    case attachment(SharedAttachment)
    /// No, and why.
    case refusal(RefusalReason, String)
    /// What the ring is, and a part of its readers.
    case description(RingDescription)

    /// The answer as a datagram.
    public func encoded(number: UInt32) -> [UInt8] {
        switch self {
        case .attachment(let attachment):
            var message = MessageWriter(SharingMessage.attachment, request: number)
            message.put(attachment.generation)
            message.put(UInt32(bitPattern: attachment.process))
            message.put(UInt16(clamping: attachment.buffers.count))
            for buffer in attachment.buffers { message.put(buffer) }
            return message.finished()
        case .refusal(let reason, let text):
            var message = MessageWriter(SharingMessage.refusal, request: number)
            message.put(reason.rawValue)
            message.put(text: text, limit: 255)
            return message.finished()
        case .description(let description):
            var message = MessageWriter(SharingMessage.description, request: number)
            message.put(description)
            return message.finished()
        }
    }

    /// Reads an answer.
    ///
    /// - Parameter bytes: A datagram as it came.
    /// - Returns: The answer and the number of its request.
    /// - Throws: ``MessageError`` for anything else; never reads past the bytes.
    public static func parse(_ bytes: Span<UInt8>) throws(MessageError) -> (SharingAnswer, number: UInt32) {
        var reader = MessageReader(bytes)
        let head = try reader.header()
        let answer: SharingAnswer
        switch head.type {
        case SharingMessage.attachment:
            answer = .attachment(try reader.sharedAttachment())
        case SharingMessage.refusal:
            let reason: UInt16 = try reader.take()
            answer = .refusal(RefusalReason(rawValue: reason) ?? .other, try reader.text())
        case SharingMessage.description: answer = .description(try reader.ringDescription())
        default: throw .type(head.type)
        }
        try reader.end()
        return (answer, head.request)
    }
}

extension MessageWriter {
    fileprivate mutating func put(_ buffer: SharedBufferEntry) {
        put(buffer.kind)
        put(buffer.policy)
        put(buffer.number)
        put(buffer.linkType)
        put(buffer.capacity)
        put(buffer.generation)
        put(UInt8(clamping: buffer.areas.count))
        for area in buffer.areas { put(area.rawValue) }
        put(name: buffer.name)
    }
}

extension MessageReader {
    fileprivate mutating func sharedAttachment() throws(MessageError) -> SharedAttachment {
        let generation: UInt64 = try take()
        let process: UInt32 = try take()
        let count: UInt16 = try take()
        guard (1...SharingMessage.greatestBufferCount).contains(Int(count)) else {
            throw .field("\(count) buffers in an attachment")
        }
        var buffers: [SharedBufferEntry] = []
        var areas = 0
        for _ in 0..<count {
            buffers.append(try sharedBuffer())
            areas += buffers[buffers.count - 1].areas.count
        }
        guard areas <= SharingMessage.greatestDescriptorCount else { throw .field("\(areas) areas") }
        return SharedAttachment(
            generation: generation,
            process: Int32(bitPattern: process),
            buffers: buffers
        )
    }

    private mutating func sharedBuffer() throws(MessageError) -> SharedBufferEntry {
        let kind: UInt8 = try take()
        let policy: UInt8 = try take()
        let number: UInt16 = try take()
        let linkType: UInt16 = try take()
        let capacity: UInt64 = try take()
        let generation: UInt64 = try take()
        let count: UInt8 = try take()
        guard count <= 8 else { throw .field("\(count) areas of one buffer") }
        var areas: [SharedArea] = []
        for _ in 0..<count {
            let raw: UInt8 = try take()
            guard let area = SharedArea(rawValue: raw) else { throw .field("unknown area \(raw)") }
            guard !areas.contains(area) else { throw .field("an area that is there twice") }
            areas.append(area)
        }
        return SharedBufferEntry(
            kind: kind,
            policy: policy,
            number: number,
            linkType: linkType,
            capacity: capacity,
            name: try name(),
            areas: areas,
            generation: generation
        )
    }
}
