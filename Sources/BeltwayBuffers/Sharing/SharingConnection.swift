// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Synchronization

/// A buffer as it was handed over: what the owner says of it, and a descriptor for each of its areas.
struct ReceivedBuffer {
    let entry: SharedBufferEntry
    let descriptors: [SharedArea: OwnedDescriptor]

    func descriptor(_ area: SharedArea) throws(SharingError) -> Int32 {
        guard let found = descriptors[area] else {
            throw .protocolViolation("buffer \(entry.name) came without its \(area) memory")
        }
        return found.number
    }
}

/// The reader's end of a connection to an owner; one request at a time.
///
/// Nothing that the owner sends is believed beyond its limits: who connects to the wrong socket gets an error.
final class SharingConnection: Sendable {
    let path: String
    private let socket: UnixSocket
    private let requests = Mutex<UInt32>(0)

    /// How long an owner may take for an answer.
    static let answerMilliseconds: Int32 = 5_000

    init(_ sockets: SocketFolder, _ name: String) throws(SharingError) {
        path = sockets.path(of: name)
        socket = try sockets.connect(name, milliseconds: Self.answerMilliseconds)
    }

    /// Whether the owner has hung up.
    var isHungUp: Bool { socket.isHungUp }

    /// Attaches to the ring of this socket.
    func hello(_ hello: SharingRequest.Hello) throws(SharingError) -> (
        attachment: SharedAttachment, buffers: [ReceivedBuffer]
    ) { try attachment(.hello(hello)) }

    /// Asks for the buffer that index entries call `number`.
    func buffer(_ number: UInt16) throws(SharingError) -> (
        attachment: SharedAttachment, buffers: [ReceivedBuffer]
    ) {
        let answer = try attachment(.buffer(number: number))
        guard answer.buffers[0].entry.number == number else {
            throw .protocolViolation("buffer \(answer.buffers[0].entry.number) instead of \(number)")
        }
        return answer
    }

    /// Asks for an area of a ring; nil if there is none, or the owner has gone.
    func area(_ number: UInt64, of ring: UInt16) -> OwnedDescriptor? {
        guard let answer = try? attachment(.area(number, of: ring)) else { return nil }
        return answer.buffers[0].descriptors[.data]
    }

    /// Asks for what the owner says of the ring and all its readers.
    func description() throws(SharingError) -> RingDescription {
        var whole: RingDescription?
        while true {
            let first = UInt32(whole?.readers.count ?? 0)
            guard case .description(let part) = try ask(.describe(first: first)).answer else {
                throw .protocolViolation("not a description")
            }
            guard var known = whole else {
                whole = part
                if part.readers.count >= Int(part.readerCount) || part.readers.isEmpty { return part }
                continue
            }
            known.readers += part.readers
            whole = known
            if part.readers.isEmpty || known.readers.count >= Int(part.readerCount) { return known }
        }
    }

    private func attachment(_ request: SharingRequest) throws(SharingError) -> (
        attachment: SharedAttachment, buffers: [ReceivedBuffer]
    ) {
        let (answer, descriptors) = try ask(request)
        guard case .attachment(let attachment) = answer else { throw .protocolViolation("not an attachment") }
        let areas = attachment.buffers.reduce(0) { $0 + $1.areas.count }
        guard areas == descriptors.count else {
            throw .protocolViolation("\(descriptors.count) descriptors for \(areas) areas")
        }
        var rest = descriptors[...]
        let buffers = attachment.buffers.map { entry in
            var held: [SharedArea: OwnedDescriptor] = [:]
            for area in entry.areas { held[area] = rest.removeFirst() }
            return ReceivedBuffer(entry: entry, descriptors: held)
        }
        return (attachment, buffers)
    }

    private func ask(_ request: SharingRequest) throws(SharingError) -> (
        answer: SharingAnswer, descriptors: [OwnedDescriptor]
    ) {
        let outcome: Result<(answer: SharingAnswer, descriptors: [OwnedDescriptor]), SharingError> =
            requests.withLock { number in
                number &+= 1
                return exchange(request, number)
            }
        return try outcome.get()
    }

    private func exchange(_ request: SharingRequest, _ number: UInt32) -> Result<
        (answer: SharingAnswer, descriptors: [OwnedDescriptor]), SharingError
    > {
        // An owner that has refused and hung up cannot be sent anything; its refusal is still there.
        let code = socket.send(request.encoded(number: number), waits: true)
        if code != 0, code != EPIPE, code != ECONNRESET {
            return .failure(.system(call: "send", path: path, errno: code))
        }
        switch socket.receive(
            limit: SharingMessage.greatestAnswerLength,
            descriptors: SharingMessage.greatestDescriptorCount,
            waits: true
        ) {
        case .nothing: return .failure(.timedOut(path: path))
        case .ended: return .failure(.ownerGone)
        case .failed(let code) where code == ECONNRESET || code == EPIPE: return .failure(.ownerGone)
        case .failed(let code): return .failure(.system(call: "receive", path: path, errno: code))
        case .tooLong: return .failure(.protocolViolation("an answer that is too long"))
        case .message(let bytes, let descriptors):
            do throws(MessageError) {
                let (answer, answered) = try SharingAnswer.parse(bytes.span)
                if case .refusal(let reason, let text) = answer { return .failure(.refused(reason, text)) }
                guard answered == number else {
                    return .failure(.protocolViolation("an answer to request \(answered), not \(number)"))
                }
                return .success((answer, descriptors))
            } catch {
                return .failure(.protocolViolation(error.description))
            }
        }
    }
}
