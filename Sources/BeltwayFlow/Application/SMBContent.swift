// SPDX-License-Identifier: Apache-2.0
// What is read of an opened file, or written to it, put in order by its place in the file.
//
//     take(at 0) take(at 200) take(at 100)      100..<200 is the file's next; 200.. waits for it
//
// Clients ask for several pieces at once, and servers answer as they like. What comes a second time is passed over.
//
// Invariant 1. `waiting` is sorted and begins beyond `next`; it holds at most `mostPieces` pieces and, but for the last
//              one, `mostWaiting` bytes. What it has no room for makes what is missing a gap.
// Invariant 2. Once the file has a gap nothing waits: there is no digest of it any more.
internal import BeltwayWire

/// The content of one file in one direction.
struct SMBContent {
    static var mostWaiting: Int { 2 << 20 }
    static var mostPieces: Int { 64 }

    private var file: FileTracker
    private var next: UInt64 = 0
    private var waiting: [(offset: UInt64, bytes: [UInt8])] = []
    private var waitingBytes = 0

    init(_ file: FileTracker) { self.file = file }

    var heldBytes: Int { file.heldBytes + waitingBytes + waiting.count * 48 }

    /// Takes bytes that belong at `offset`.
    mutating func take(_ bytes: RawSpan, at offset: UInt64) {
        let (end, isBeyond) = offset.addingReportingOverflow(UInt64(bytes.byteCount))
        guard !isBeyond, end > next else { return }
        if offset > next {
            guard !file.hasGaps else {
                file.lose(offset - next)
                next = end
                return file.take(bytes)
            }
            return wait(bytes, at: offset)
        }
        file.take(bytes.field(Int(next - offset)..<bytes.byteCount))
        next = end
        join()
    }

    /// Bytes at `offset` were lost.
    mutating func lose(_ length: UInt64, at offset: UInt64) {
        let (end, isBeyond) = offset.addingReportingOverflow(length)
        guard !isBeyond, offset <= next, end > next else { return }
        file.lose(end - next)
        next = end
        join()
    }

    /// Nothing more of it comes.
    ///
    /// - Parameters:
    ///   - isClosed: Whether it was closed, and not only given up.
    ///   - size: Bytes that it is known to have.
    /// - Returns: The file.
    mutating func end(isClosed: Bool, size: UInt64?) -> FileTracker {
        while !waiting.isEmpty { passGap() }
        file.isComplete = isClosed && next >= size ?? 0
        return file
    }

    private mutating func wait(_ bytes: RawSpan, at offset: UInt64) {
        var index = waiting.count
        while index > 0, waiting[index - 1].offset > offset { index -= 1 }
        waitingBytes += bytes.byteCount
        if index > 0, waiting[index - 1].offset &+ UInt64(waiting[index - 1].bytes.count) == offset {
            waiting[index - 1].bytes.append(copyOf: bytes)
        } else {
            var copy: [UInt8] = []
            copy.append(copyOf: bytes)
            waiting.insert((offset, copy), at: index)
        }
        if waitingBytes > SMBContent.mostWaiting || waiting.count > SMBContent.mostPieces {
            while !waiting.isEmpty { passGap() }
        }
    }

    /// What is missing before the first piece that waits will not come.
    private mutating func passGap() {
        guard let first = waiting.first else { return }
        if first.offset > next {
            file.lose(first.offset - next)
            next = first.offset
        }
        join()
    }

    /// Takes what waits and is next.
    private mutating func join() {
        var taken = 0
        while taken < waiting.count, waiting[taken].offset <= next {
            let piece = waiting[taken]
            taken += 1
            waitingBytes -= piece.bytes.count
            let known = next - piece.offset
            guard known < UInt64(piece.bytes.count) else { continue }
            file.take(piece.bytes.rawBytes.field(Int(known)..<piece.bytes.count))
            next = piece.offset &+ UInt64(piece.bytes.count)
        }
        if taken > 0 { waiting.removeFirst(taken) }
    }
}

/// Names the content of a file in one direction.
struct SMBContentKey: Hashable {
    var file: SMBIdentifier
    var isWrite: Bool
}

/// What of a message's data is still to come.
struct SMBDataRest {
    var key: SMBContentKey
    /// Where in the file its next byte belongs.
    var offset: UInt64
    /// Bytes of the message before it, and of it.
    var skip: Int
    var count: Int
}

extension SMBSession {
    /// Files whose content is looked at at a time in one connection.
    static var mostContents: Int { 256 }

    /// Takes what is here of the data of a READ's answer or of a WRITE, and notes what is to come.
    ///
    /// - Parameters:
    ///   - data: What is here.
    ///   - key: Whose it is.
    ///   - offset: Where in the file it belongs.
    ///   - count: Bytes that it has in all.
    ///   - skip: Bytes that come before it and are not here.
    ///   - settings: What is done with files.
    mutating func take(
        _ data: RawSpan,
        of key: SMBContentKey,
        at offset: UInt64,
        count: Int,
        skip: Int,
        _ settings: FileSettings
    ) {
        guard settings.isOn, !key.file.isUnset, count > 0 else { return }
        if contents[key] == nil {
            guard contents.count < SMBSession.mostContents, let known = files[key.file] else { return }
            var file = FileTracker(name: FileEvents.name(known.name.rawBytes), settings)
            if !key.isWrite { file.total = known.size }
            let content = SMBContent(file)
            contentHeld += content.heldBytes
            contents[key] = content
        }
        take(data, of: key, at: offset)
        let rest = count - data.byteCount
        guard rest > 0 else { return }
        let sender: Sender = key.isWrite ? .originator : .responder
        self[sender].data = SMBDataRest(
            key: key,
            offset: offset &+ UInt64(data.byteCount),
            skip: skip,
            count: rest
        )
    }

    private mutating func take(_ bytes: RawSpan, of key: SMBContentKey, at offset: UInt64) {
        let before = contents[key]?.heldBytes ?? 0
        contents[key]?.take(bytes, at: offset)
        contentHeld += (contents[key]?.heldBytes ?? 0) - before
    }

    /// Takes more of a message whose beginning was read.
    mutating func takeMore(_ bytes: RawSpan, from sender: Sender) {
        guard var rest = self[sender].data else { return }
        let start = min(rest.skip, bytes.byteCount)
        let end = start + min(rest.count, bytes.byteCount - start)
        take(bytes.field(start..<end), of: rest.key, at: rest.offset)
        rest.skip -= start
        rest.offset &+= UInt64(end - start)
        rest.count -= end - start
        self[sender].data = rest.count > 0 ? rest : nil
    }

    /// Bytes of a message whose beginning was read are lost.
    mutating func loseMore(_ length: Int, from sender: Sender) {
        guard var rest = self[sender].data else { return }
        let start = min(rest.skip, length)
        let count = min(rest.count, length - start)
        let before = contents[rest.key]?.heldBytes ?? 0
        contents[rest.key]?.lose(UInt64(count), at: rest.offset)
        contentHeld += (contents[rest.key]?.heldBytes ?? 0) - before
        rest.skip -= start
        rest.offset &+= UInt64(count)
        rest.count -= count
        self[sender].data = rest.count > 0 ? rest : nil
    }

    /// Forgets what was read of a file, or written to it.
    mutating func dropContent(_ key: SMBContentKey) {
        guard let content = contents.removeValue(forKey: key) else { return }
        contentHeld -= content.heldBytes
    }

    /// Writes the file that was read or written by a transfer, if bytes of it came by.
    mutating func writeFile(
        _ request: SMBRequest,
        _ file: SMBFile?,
        status: SMBStatus?,
        _ output: inout TransactionStage
    ) {
        let key = SMBContentKey(file: request.file, isWrite: request.isWrite)
        guard var content = contents.removeValue(forKey: key) else { return }
        contentHeld -= content.heldBytes
        let tracker = content.end(isClosed: status != nil, size: request.isWrite ? nil : file?.size)
        guard tracker.size > 0 else { return }
        let number = request.id &- 1
        output.begin(
            .fileinfo,
            number: number,
            object: "smb",
            showsNumber: false,
            turned: !request.isWrite
        )
        writeHead(request, status: status, marks: false, &output)
        writeNames(request, file, marks: false, &output)
        output.endFile(tracker, application: "smb", number: number)
    }
}
