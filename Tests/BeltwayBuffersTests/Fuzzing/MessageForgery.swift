// SPDX-License-Identifier: Apache-2.0
// Messages from a stranger: datagrams on a ring's socket, and the stream of a remote host, to either end of it.

import BeltwayBuffers
import BeltwayWire

/// Datagrams between a reader and an owner, both parsers.
enum SharingForgery {
    /// Messages as they should be; an input changes some of their bytes.
    private static let honest: [[UInt8]] = [
        SharingRequest.hello(.init(name: "tap", holds: true)).encoded(number: 1),
        SharingRequest.buffer(number: 3).encoded(number: 2),
        SharingRequest.describe(first: 0).encoded(number: 4),
        SharingRequest.area(2, of: 7).encoded(number: 5),
        SharingRequest.hello(.init(name: "x", follows: true)).encoded(number: 6),
        SharingAnswer.attachment(
            SharedAttachment(
                generation: 7,
                process: 1,
                buffers: [
                    SharedBufferEntry(
                        kind: 4,
                        policy: 1,
                        number: 3,
                        linkType: 1,
                        capacity: 32_768,
                        name: "eth0.0",
                        areas: [.data, .control, .cursor]
                    )
                ]
            )
        ).encoded(number: 1),
        SharingAnswer.refusal(.other, "no").encoded(number: 1),
    ]

    static func run(_ input: ForgedInput) {
        var input = input
        var message: [UInt8] = []
        if input.byte() % 8 == 0 {
            for _ in 0..<input.choice(300) { message.append(input.byte()) }
        } else {
            message = honest[input.choice(honest.count)]
            for _ in 0..<input.choice(8) { message[input.choice(message.count)] = input.byte() }
            for _ in 0..<(input.byte() % 4 == 0 ? input.choice(40) : 0) { message.append(input.byte()) }
            if input.byte() % 4 == 0 { message.removeLast(input.choice(message.count)) }
            if input.byte() % 4 != 0, message.count >= 12 {
                // Of the right length again, or nothing behind the head would ever be looked at.
                for index in 0..<4 {
                    message[8 + index] = UInt8(truncatingIfNeeded: message.count >> (8 * index))
                }
            }
        }
        if let (request, number) = try? SharingRequest.parse(message.span) {
            // What was understood is written down as something that is understood again.
            precondition((try? SharingRequest.parse(request.encoded(number: number).span)) != nil)
        }
        if let (answer, number) = try? SharingAnswer.parse(message.span) {
            precondition((try? SharingAnswer.parse(answer.encoded(number: number).span)) != nil)
        }
    }
}

/// A stream whose other end is the input: in pieces of any length, then its end.
struct ScriptedChannel: ~Copyable, RemoteChannel {
    private let bytes: [UInt8]
    private let piece: Int
    private var offset = 0

    init(_ bytes: [UInt8], piece: Int) {
        self.bytes = bytes
        self.piece = max(1, piece)
    }

    mutating func send(_ bytes: RawSpan, nanoseconds: Int64) throws(RemoteError) {}

    mutating func receive(into target: inout MutableRawSpan, nanoseconds: Int64) throws(RemoteError) -> Int {
        guard offset < bytes.count else { throw .closed }
        let count = min(piece, bytes.count - offset, target.byteCount)
        for index in 0..<count {
            target.storeBytes(of: bytes[offset + index], toByteOffset: index, as: UInt8.self)
        }
        offset += count
        return count
    }
}

/// Either end of a remote ring, with a liar at the other.
enum RemoteForgery {
    /// Big-endian, as the protocol has it.
    private struct Script {
        var bytes: [UInt8] = []

        mutating func put(_ value: UInt64, _ count: Int) {
            for shift in (0..<count).reversed() {
                bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * shift)))
            }
        }
        mutating func message(_ type: UInt64, tag: UInt64, _ body: (inout Script) -> Void) {
            var inner = Script()
            body(&inner)
            put(UInt64(inner.bytes.count + 16), 4)
            put(type, 1)
            put(0, 3)
            put(tag, 4)
            put(0, 4)
            bytes += inner.bytes
        }
        mutating func opening() {
            put(0x4245_4c54_5741_5952, 8)
            put(1, 2)
        }
        /// A descriptor in this machine's order, for a record that could be, or not.
        mutating func descriptor(_ input: inout ForgedInput, at position: UInt64) {
            let isHonest = input.byte() % 4 != 0
            let captured = isHonest ? input.number(1) : input.word()
            let fields: [(UInt64, Int)] = [
                (isHonest ? position : input.word(), 8), (input.number(1), 8), (captured, 4), (captured, 4),
                (isHonest ? (captured + 32 + 15) & ~15 : input.word(), 4), (isHonest ? 0 : input.word(), 2),
                (input.number(1), 2),
            ]
            for (value, count) in fields {
                for shift in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * shift))) }
            }
        }
    }

    private static func batch(_ input: inout ForgedInput, _ script: inout Script, _ first: inout UInt64) {
        let count = UInt64(input.byte() % 8)
        let isHonest = input.byte() % 4 != 0
        script.put(isHonest ? first : input.word(), 8)
        script.put(isHonest ? first + count : input.word(), 8)
        script.put(isHonest ? (first + count) * 512 : input.word(), 8)
        script.put(isHonest ? count : input.word(), 4)
        script.put(UInt64(input.byte() % 16 == 0 ? 1 : 0), 4)
        for index in 0..<count { script.descriptor(&input, at: (first + index) * 512) }
        if isHonest { first += count }
    }

    /// What a server says that cannot be trusted.
    private static func serverScript(_ input: inout ForgedInput) -> [UInt8] {
        var script = Script()
        script.message(2, tag: 0) { body in
            body.opening()
            body.put(1, 1)
            body.put(1, 1)
            body.put(1, 2)
            body.put(0, 2)
            body.put(input.byte() % 8 == 0 ? input.word() : 32_768, 8)
            body.put(1, 8)
            body.put(0, 8)
            body.put(0, 8)
            body.put(0, 2)
        }
        var first: UInt64 = 0
        while !input.isEmpty, script.bytes.count < 20_000 {
            let tag = input.byte() % 4 == 0 ? input.word() : input.number(1) % 8
            switch input.byte() % 8 {
            case 0:
                script.message(3, tag: tag) { body in
                    body.put(1, 4)
                    body.put(4, 1)
                    body.put(input.number(4), 4)
                }
            case 1..<3: script.message(5, tag: tag) { batch(&input, &$0, &first) }
            case 3..<5:
                script.message(9, tag: tag) { body in
                    let start = first * 512
                    batch(&input, &body, &first)
                    let length = input.byte() % 4 == 0 ? input.word() : input.number(2) % 4096
                    body.put(input.byte() % 4 == 0 ? input.word() : start, 8)
                    body.put(length, 8)
                    for _ in 0..<min(length, 4096) { body.put(0x41, 1) }
                }
            case 5:
                script.message(7, tag: tag) { body in
                    body.put(input.number(1) % 4, 4)
                    body.put(1, 4)
                    body.put(input.number(1), 4)
                    let length = input.byte() % 4 == 0 ? input.word() : input.number(1)
                    body.put(length, 4)
                    for _ in 0..<min(length, 1024) { body.put(0x42, 1) }
                }
            case 6: script.message(input.number(1) % 16, tag: tag) { $0.put(input.word(), 8) }
            default: for _ in 0..<input.choice(20) { script.put(input.number(1), 1) }
            }
        }
        return changed(script.bytes, &input)
    }

    /// What a client says that cannot be trusted.
    private static func clientScript(_ input: inout ForgedInput) -> [UInt8] {
        var script = Script()
        script.message(1, tag: 0) { body in
            body.opening()
            body.put(0, 2)
        }
        while !input.isEmpty, script.bytes.count < 20_000 {
            let tag = input.number(1)
            switch input.byte() % 6 {
            case 0:
                script.message(4, tag: tag) { body in
                    body.put(input.byte() % 4 == 0 ? input.word() : input.number(1), 4)
                    body.put(0, 4)
                }
            case 1..<3:
                script.message(6, tag: tag) { body in
                    let count = input.byte() % 4 == 0 ? input.word() : input.number(1) % 5
                    body.put(count, 4)
                    body.put(0, 4)
                    for _ in 0..<min(count, 5) {
                        body.put(input.word(), 8)
                        body.put(input.byte() % 4 == 0 ? input.word() : input.number(2), 4)
                    }
                }
            case 3: script.message(8, tag: tag) { _ in }
            case 4: script.message(input.number(1) % 16, tag: tag) { $0.put(input.word(), 8) }
            default: for _ in 0..<input.choice(20) { script.put(input.number(1), 1) }
            }
        }
        return changed(script.bytes, &input)
    }

    private static func changed(_ bytes: [UInt8], _ input: inout ForgedInput) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<(input.byte() % 4 == 0 ? input.choice(4) : 0) {
            bytes[input.choice(bytes.count)] = input.byte()
        }
        return bytes
    }

    /// Runs one input against one end.
    ///
    /// - Parameters:
    ///   - input: Chooses the end, and is what the other one says.
    ///   - buffer: A ring with something in it, for a server to serve.
    static func run(_ input: ForgedInput, serving buffer: DataBuffer) {
        var input = input
        let (end, piece) = (input.byte() % 5, input.choice(4000))
        var options = RemoteReaderOptions()
        options.replicaCapacity = 65_536
        options.headerLength = input.byte() % 2 == 0 ? 64 : 0
        switch end {
        case 0:
            let session = try? RemoteSession(ScriptedChannel(clientScript(&input), piece: piece))
            var looks = 0
            if var session {
                _ = session.run(
                    stop: {
                        looks += 1
                        return looks > 1000
                    },
                    find: { _ in .ring(buffer) }
                )
            }
        case 1:
            let channel = ScriptedChannel(serverScript(&input), piece: piece)
            if var reader = try? CopyOnceReader(channel, options: options) { read(&reader) }
        case 2:
            let channel = ScriptedChannel(serverScript(&input), piece: piece)
            if var reader = try? ZeroCopyReader(channel, options: options) { read(&reader) }
        case 3:
            let channel = ScriptedChannel(serverScript(&input), piece: piece)
            if var reader = try? CachedCopyReader(channel, options: options) { read(&reader) }
        default:
            let channel = ScriptedChannel(serverScript(&input), piece: piece)
            if var reader = try? CopyOnDemandReader(channel, options: options) { read(&reader) }
        }
    }

    private static func read<Reader: RecordReader & ~Copyable>(_ reader: inout Reader) {
        var loaded: UInt64 = 0
        for _ in 0..<500 {
            guard let descriptor = reader.next() else {
                reader.wait(nanoseconds: 0)
                if reader.isAtEnd { break }
                continue
            }
            for (offset, length) in [(0, 14), (10, Int(descriptor.capturedLength)), (0, .max)] {
                loaded &+=
                    (try? reader.withBytes(of: descriptor, offset: offset, length: length) { $0.byteSum })
                    ?? 0
            }
        }
        precondition(reader.published == reader.read &+ reader.lost, "published = read + lost")
    }
}

extension RawSpan {
    /// Every byte is loaded.
    fileprivate var byteSum: UInt64 {
        (0..<byteCount).reduce(into: UInt64(0)) { $0 &+= UInt64(byte(at: $1)) }
    }
}
