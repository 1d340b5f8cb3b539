// SPDX-License-Identifier: Apache-2.0
// What is read of an opened file, or written to it: its data in messages, and the event when it is closed.
//
//     READ's answer | data ..... | data ...       what is here is taken at once, by its place in the file (FileInPieces)
internal import BeltwayWire

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
            let content = FileInPieces(file)
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
