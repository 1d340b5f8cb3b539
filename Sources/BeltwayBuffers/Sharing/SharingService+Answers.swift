// SPDX-License-Identifier: Apache-2.0
internal import Glibc

// What is sent to connected processes; one that does not take it is given up.
extension SharingService {
    /// A buffer of an answer, with the areas that go with it.
    struct Part {
        let buffer: any SharedBuffer
        let areas: [(area: SharedArea, descriptor: Int32)]
        /// What entries call it, if that is not what it calls itself.
        var number: UInt16?

        init(
            _ buffer: any SharedBuffer,
            _ areas: [(area: SharedArea, descriptor: Int32)]? = nil,
            number: UInt16? = nil
        ) {
            self.buffer = buffer
            self.areas = areas ?? buffer.sharedAreas(holds: false)
            self.number = number
        }
    }

    mutating func send(
        _ parts: [Part],
        elsewhere: [SharedBufferEntry] = [],
        to connection: ServedConnection,
        request number: UInt32
    ) {
        let attachment = SharedAttachment(
            generation: parts.first?.buffer.generation ?? 0,
            process: getpid(),
            buffers: parts.map { part in
                var entry = part.buffer.sharedEntry
                entry.areas = part.areas.map(\.area)
                if let number = part.number { entry.number = number }
                return entry
            } + elsewhere
        )
        send(
            .attachment(attachment),
            parts.flatMap { $0.areas.map(\.descriptor) },
            to: connection,
            request: number
        )
    }

    /// Sends an answer; a peer that has not taken the last one, or cannot be sent this one, is given up.
    mutating func send(
        _ answer: SharingAnswer,
        _ descriptors: [Int32] = [],
        to connection: ServedConnection,
        request number: UInt32
    ) {
        guard connection.socket.isTaken else {
            state.note { $0.counters.notTaken += 1 }
            return end(connection)
        }
        let code = connection.socket.send(answer.encoded(number: number), descriptors: descriptors)
        guard code != 0 else { return }
        state.note { $0.counters.notTaken += 1 }
        end(connection)
    }

    mutating func refuse(_ connection: ServedConnection, malformed text: String) {
        state.note { $0.counters.malformed += 1 }
        refuse(connection, .malformed, text, request: 0)
    }

    mutating func refuse(
        _ connection: ServedConnection,
        _ reason: RefusalReason,
        _ text: String,
        request number: UInt32
    ) {
        _ = connection.socket.send(SharingAnswer.refusal(reason, text).encoded(number: number))
        end(connection)
    }
}
