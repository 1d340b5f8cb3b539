// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

// What connected processes ask for: to read a ring, to be told of it, a buffer that an entry names, a new area of a ring.
extension SharingService {
    mutating func serve(_ connection: ServedConnection, _ events: Int16) {
        guard !connection.isOver else { return }
        eventsInWindow += 1
        guard events & Int16(POLLHUP | POLLERR | POLLNVAL) == 0 else { return end(connection) }
        switch connection.socket.receive(limit: SharingMessage.greatestRequestLength) {
        case .nothing: return
        case .ended, .failed: end(connection)
        case .tooLong:
            refuse(
                connection,
                malformed: "a request has at most \(SharingMessage.greatestRequestLength) bytes"
            )
        case .message(let bytes, _):
            if let refusal = connection.refusal {
                return refuse(connection, refusal.reason, refusal.text, request: 0)
            }
            do throws(MessageError) {
                let (request, number) = try SharingRequest.parse(bytes.span)
                answer(connection, request, number)
            } catch .version(let found) {
                state.note { $0.counters.malformed += 1 }
                let text = "it speaks version \(SharingMessage.version) of the protocol, not \(found)"
                refuse(connection, .version, text, request: 0)
            } catch {
                refuse(connection, malformed: error.description)
            }
        }
    }

    private mutating func answer(_ connection: ServedConnection, _ request: SharingRequest, _ number: UInt32)
    {
        switch request {
        case .hello(let hello): attach(connection, hello, number)
        case .describe(let first):
            send(.description(describe(connection.ring, from: Int(first))), to: connection, request: number)
        case .buffer(let wanted): hand(wanted, to: connection, request: number)
        case .area(let wanted, let ring): hand(area: wanted, of: ring, to: connection, request: number)
        }
    }

    private mutating func attach(
        _ connection: ServedConnection,
        _ hello: SharingRequest.Hello,
        _ number: UInt32
    ) {
        guard !connection.isAttached else { return refuse(connection, malformed: "a second hello") }
        let ring = connection.ring
        if hello.follows {
            (connection.isAttached, connection.deadline) = (true, nil)
            return send(ring.buffer.sharedParts.map { Part($0) }, to: connection, request: number)
        }
        let reader: AttachedReader
        do {
            reader = try AttachedReader(
                ring: ring,
                hello: hello,
                peer: connection.peer,
                since: beltway_wall_clock()
            )
        } catch {
            state.note { state in
                if error == .tooManyReaders {
                    state.counters.tooMany += 1
                } else {
                    state.counters.unavailable += 1
                }
            }
            let reason: RefusalReason = error == .tooManyReaders ? .tooMany : .unavailable
            return refuse(connection, reason, error.description, request: number)
        }
        connection.reader = reader
        (connection.isAttached, connection.deadline) = (true, nil)
        state.note { state in
            state.counters.attached += 1
            state.readers.append(reader)
        }
        let holds = hello.holds && ring.mayHold
        var parts = zip(ring.buffer.sharedParts, reader.cursorDescriptors).map {
            Part($0, $0.sharedAreas(holds: holds) + [(.cursor, $1)])
        }
        // Preloaded: what its entries name so far, as far as one message carries it (paper, 3.5).
        var elsewhere: [SharedBufferEntry] = []
        for target in ring.targets() where parts.count + elsewhere.count < SharingMessage.greatestBufferCount
        {
            switch target.place {
            case .here(let buffer, let policy):
                guard policy.allows(connection.peer) else { continue }
                parts.append(Part(buffer, number: target.number))
            case .elsewhere(let entry): elsewhere.append(entry)
            }
        }
        send(parts, elsewhere: elsewhere, to: connection, request: number)
    }

    /// What entries of the connection's ring call `wanted`, if the peer may have it; else it is told why not.
    private mutating func target(
        _ wanted: UInt16,
        for connection: ServedConnection,
        request number: UInt32
    ) -> NamedTarget.Place? {
        guard connection.isAttached else {
            refuse(connection, malformed: "a request for a buffer before the hello")
            return nil
        }
        let named = connection.ring.targets().first { $0.number == wanted }
        guard let found = named ?? state.look({ $0.buffer(wanted) }) else {
            let text = "no buffer is called \(wanted)"
            send(.refusal(.unknownBuffer, text), to: connection, request: number)
            return nil
        }
        if case .here(let buffer, let policy) = found.place, !policy.allows(connection.peer) {
            state.note { $0.counters.notAllowed += 1 }
            let text = notAllowed(connection.peer, buffer.sharedEntry.name, policy)
            send(.refusal(.notAllowed, text), to: connection, request: number)
            return nil
        }
        return found.place
    }

    /// A buffer that an index entry has named (paper, 3.5); its own policy decides.
    private mutating func hand(_ wanted: UInt16, to connection: ServedConnection, request number: UInt32) {
        switch target(wanted, for: connection, request: number) {
        case .here(let buffer, _):
            send([Part(buffer, number: wanted)], to: connection, request: number)
        case .elsewhere(let entry): send([], elsewhere: [entry], to: connection, request: number)
        case nil: return
        }
    }

    /// An area of a ring that the peer has been given.
    private mutating func hand(
        area wanted: UInt64,
        of number: UInt16,
        to connection: ServedConnection,
        request: UInt32
    ) {
        guard connection.isAttached else {
            return refuse(connection, malformed: "a request for an area before the hello")
        }
        let parts = connection.ring.buffer.sharedParts
        var ring: (any SharedBuffer)?
        switch number {
        case SharingRequest.ownRing: ring = parts[0]
        case SharingRequest.ownHeaders: ring = parts.count > 1 ? parts[1] : nil
        default:
            guard let place = target(number, for: connection, request: request) else { return }
            if case .here(let buffer, _) = place { ring = buffer }
        }
        guard let ring, let file = ring.areaFile(wanted) else {
            let text = "ring \(connection.ring.name) has no area \(wanted)"
            return send(.refusal(.unknownBuffer, text), to: connection, request: request)
        }
        send([Part(ring, [(.data, file.number)])], to: connection, request: request)
        withExtendedLifetime(file) {}
    }

    private func describe(_ ring: SharedRing, from first: Int) -> RingDescription {
        let (readers, counters) = state.look { ($0.readers, $0.counters) }
        let all = localReaders() + readers.filter { $0.ring === ring }.map(\.status)
        let entry = ring.buffer.sharedEntry
        let progress = ring.buffer.sharedProgress
        return RingDescription(
            name: ring.name,
            number: entry.number,
            kind: entry.kind,
            policy: entry.policy,
            linkType: entry.linkType,
            generation: ring.buffer.generation,
            process: getpid(),
            capacity: entry.capacity,
            tail: progress.bytes,
            packets: progress.ordinal,
            dropped: progress.dropped,
            isClosed: progress.isClosed,
            access: ring.policy.summary,
            counters: counters,
            readerCount: UInt32(clamping: all.count),
            readers: Array(all.dropFirst(first).prefix(RingDescription.greatestReaderCount))
        )
    }
}
