// SPDX-License-Identifier: Apache-2.0

// Waiting for any of several buffers. What is not ready is not looked at: see ReadyWatcher.swift.

/// The waiting side of one table: what is watched, and what was ready when it was looked at last.
struct ReadyList: ~Copyable {
    let buffer: ReadyBuffer
    var reader: RingReader<EntryLayout>
    var watches: [Int32: [Watch]] = [:]
    /// Descriptors to be looked at: just opened, or ready when they were looked at last.
    var due: Set<Int32> = []
    var nextToken: UInt32 = 1

    init() throws(BufferFileError) {
        let buffer = try ReadyBuffer()
        let reader: RingReader<EntryLayout>
        do throws(BufferError) { reader = try RingReader(buffer.ring, as: EntryLayout.self) } catch {
            throw .buffer(error)
        }
        try buffer.start()
        self.buffer = buffer
        self.reader = reader
    }

    deinit { buffer.stop() }

    /// Watches one side of a descriptor; nil if it is watched already.
    mutating func watch(
        _ descriptor: Int32,
        _ opened: NamedBuffer,
        isForRoom: Bool
    ) throws(BufferFileError) {
        guard watches[descriptor]?.contains(where: { $0.isForRoom == isForRoom }) != true else { return }
        let watch = Watch(descriptor, token: nextToken, opened, isForRoom: isForRoom)
        nextToken &+= 1
        guard buffer.add(watch) else { throw .tooManyOpen(ReadyBuffer.limit) }
        watches[descriptor, default: []].append(watch)
        due.insert(descriptor)
    }

    mutating func forget(_ descriptor: Int32) {
        for watch in watches[descriptor] ?? [] { buffer.remove(watch) }
        watches[descriptor] = nil
        due.remove(descriptor)
    }

    /// Takes what the watcher has written.
    mutating func takeEntries() {
        while let entry = reader.nextEntry() {
            let descriptor = Int32(entry.buffer)
            if watches[descriptor]?.contains(where: { $0.token == entry.flowHash }) == true {
                due.insert(descriptor)
            }
        }
        reader.release()
    }
}

/// A descriptor and what is asked, or true, of it.
public struct BufferPoll: Equatable, Sendable {
    /// The descriptor.
    public var descriptor: Int32
    /// What is asked, or the answer.
    public var events: BufferEvents

    /// Says what is asked.
    public init(_ descriptor: Int32, _ events: BufferEvents) {
        self.descriptor = descriptor
        self.events = events
    }
}

extension BufferFiles {
    /// Waits until any descriptor of this table that is open for reading has something to read (paper, 5.2: "to wait
    /// for any of all open streams to become active").
    ///
    /// Costs what is ready, not what is open. Level-triggered: what is not read is told again.
    ///
    /// - Parameter milliseconds: At most so long; 0 only looks, less than 0 waits for ever.
    /// - Returns: Those that can be read without waiting, by number; empty if the time is over.
    /// - Throws: ``BufferFileError/tooManyOpen(_:)`` beyond 127 that are watched, ``BufferFileError/interrupted``.
    public func select(milliseconds: Int) throws(BufferFileError) -> [BufferPoll] {
        try watchReaders()
        return try wait(milliseconds) { descriptor in
            var events = self.events(descriptor, .readable)
            events.remove(.writable)
            return events
        }
    }

    /// Waits until one of the descriptors is as asked.
    ///
    /// - Parameters:
    ///   - requests: What is asked of whom.
    ///   - milliseconds: At most so long; 0 only looks, less than 0 waits for ever.
    /// - Returns: The requests that are answered, with what is true of them; empty if the time is over.
    /// - Throws: As ``select(milliseconds:)``.
    public func poll(_ requests: [BufferPoll], milliseconds: Int) throws(BufferFileError) -> [BufferPoll] {
        func answers() -> [BufferPoll] {
            requests.compactMap { request in
                let events = events(request.descriptor, request.events)
                return events.isEmpty ? nil : BufferPoll(request.descriptor, events)
            }
        }
        let now = answers()
        if !now.isEmpty || milliseconds == 0 { return now }
        for request in requests {
            if request.events.contains(.readable), let reader = try? openReader(request.descriptor) {
                try watch(request.descriptor, reader.buffer, isForRoom: false)
            }
            if request.events.contains(.writable), let writer = try? openWriter(request.descriptor) {
                try watch(request.descriptor, writer.buffer, isForRoom: true)
            }
        }
        var asked: [Int32: BufferEvents] = [:]
        for request in requests { asked[request.descriptor, default: []].formUnion(request.events) }
        let ready = try wait(milliseconds) { descriptor in
            asked[descriptor].map { self.events(descriptor, $0) } ?? []
        }
        return ready.isEmpty ? [] : answers()
    }

    /// What is true of a descriptor, of what is asked; the end and errors always count.
    private func events(_ descriptor: Int32, _ asked: BufferEvents) -> BufferEvents {
        let (reader, writer) = (try? openReader(descriptor), try? openWriter(descriptor))
        if reader == nil, writer == nil { return .invalid }
        var events: BufferEvents = []
        if asked.contains(.readable), let reader {
            if reader.isReadable { events.insert(.readable) }
            if reader.buffer.ring.isClosed { events.insert(.hungUp) }
            if events.isEmpty, reader.buffer.isOrphan { events = [.readable, .hungUp] }
        }
        if asked.contains(.writable), let writer, writer.isWritable() { events.insert(.writable) }
        return events
    }

    /// Looks at what is due, arms what is not ready, and sleeps.
    private func wait(
        _ milliseconds: Int,
        _ events: (Int32) -> BufferEvents
    ) throws(BufferFileError) -> [BufferPoll] {
        let deadline = ContinuousClock.now + .milliseconds(max(0, milliseconds))
        while true {
            takeReady()
            var ready: [BufferPoll] = []
            for descriptor in dueDescriptors() {
                var found = events(descriptor)
                if found.isEmpty {
                    arm(descriptor)
                    found = events(descriptor)
                    if found.isEmpty { continue }
                    setDue(descriptor)
                }
                ready.append(BufferPoll(descriptor, found))
            }
            if !ready.isEmpty { return ready }
            let left = deadline - ContinuousClock.now
            if milliseconds >= 0, left <= .zero { return [] }
            if directory.interruption.isAsked { throw .interrupted }
            let nanoseconds =
                left.components.seconds > 0 ? Int64.max : left.components.attoseconds / 1_000_000_000
            sleepForReady(min(Interruption.slice, milliseconds < 0 ? .max : nanoseconds))
        }
    }
}

// The list of those that are ready.
extension BufferFiles {
    /// Watches one side of a descriptor.
    func watch(_ descriptor: Int32, _ buffer: NamedBuffer, isForRoom: Bool) throws(BufferFileError) {
        if readyList == nil { readyList = try ReadyList() }
        try readyList?.watch(descriptor, buffer, isForRoom: isForRoom)
    }

    /// Watches every reader that was opened since the last call.
    func watchReaders() throws(BufferFileError) {
        if readyList == nil { readyList = try ReadyList() }
        while let descriptor = unwatched.last {
            try watch(descriptor, openReader(descriptor).buffer, isForRoom: false)
            unwatched.removeLast()
        }
    }

    func takeReady() { readyList?.takeEntries() }
    func setDue(_ descriptor: Int32) { readyList?.due.insert(descriptor) }
    func dueDescriptors() -> [Int32] { readyList?.due.sorted() ?? [] }

    /// Asks to be told when a descriptor changes.
    func arm(_ descriptor: Int32) {
        readyList?.due.remove(descriptor)
        for watch in readyList?.watches[descriptor] ?? [] {
            watch.arm(at: (try? openReader(descriptor).place) ?? 0)
        }
    }

    func sleepForReady(_ nanoseconds: Int64) { readyList?.reader.wait(nanoseconds: nanoseconds) }
}
