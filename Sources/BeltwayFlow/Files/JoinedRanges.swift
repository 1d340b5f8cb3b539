// SPDX-License-Identifier: Apache-2.0
// Ranges of one file (RFC 9110, section 14) put together: whoever asks for them gets the file, and so does who looks on.
//
//     206 bytes 0-99/300        a file of its own, and the first bytes of the whole
//     206 bytes 200-299/300     likewise; in the whole it waits, if in another flow or not
//     206 bytes 100-199/300     the whole is there: it is told with the range that completed it
//
// The whole is known by who asks whom, by the resource, by what its server calls this version of it (ETag, none if it is a
// weak one: RFC 9110, 15.3.7.3) and by its size. A server without ETags is believed to have one version. One that is never
// completed is never told: its ranges were.
//
// Invariant. At most `mostFiles` files are on their way, and hold at most `mostHeld` bytes between calls: what nobody added
//            to for the longest time gives way, and what no range began for in `mostIdle` begins anew.
internal import BeltwayWire

/// The files of a worker's flows of which ranges came.
final class JoinedRanges {
    /// What the ranges of one file have in common.
    struct Key: Hashable {
        var client: IPAddress
        var server: IPAddress
        /// Host, target and version.
        var name: [UInt8]
        var size: UInt64
        /// Tags, which keep networks with the same addresses apart.
        var vlans: UInt32
    }

    private struct Joining {
        var content: FileInPieces
        var used: Timestamp
    }

    private static var mostFiles: Int { 64 }
    private static var mostHeld: Int { 16 << 20 }
    private static var mostWaiting: Int { 8 << 20 }
    private static var mostIdle: UInt64 { 600_000_000_000 }

    private var files: [Key: Joining] = [:]
    /// Bytes that they hold.
    private(set) var held = 0

    /// Says that a range comes whose file is `file`; `time` is the packet's.
    func begin(_ key: Key, _ file: () -> FileTracker, at time: Timestamp) {
        if let used = files[key]?.used {
            files[key]?.used = time
            if time.nanoseconds <= used.nanoseconds &+ JoinedRanges.mostIdle { return }
            forget(key)
        }
        if files.count >= JoinedRanges.mostFiles { forgetOldest() }
        let content = FileInPieces(file(), mostWaiting: JoinedRanges.mostWaiting)
        held += content.heldBytes
        files[key] = Joining(content: content, used: time)
    }

    /// Takes bytes of a range.
    func take(_ bytes: RawSpan, at offset: UInt64, of key: Key) {
        guard let index = files.index(forKey: key) else { return }
        held -= files.values[index].content.heldBytes
        files.values[index].content.take(bytes, at: offset)
        held += files.values[index].content.heldBytes
        // It will not be whole, and another download of it may be.
        if files.values[index].content.hasGaps { return forget(key) }
        while held > JoinedRanges.mostHeld, !files.isEmpty { forgetOldest() }
    }

    /// The file, if all of it has come; it is forgotten then.
    func takeWhole(_ key: Key) -> FileTracker? {
        guard var content = files[key]?.content, content.next >= key.size, !content.hasGaps else {
            return nil
        }
        forget(key)
        return content.end(isClosed: true, size: key.size)
    }

    /// Forgets what is on its way: bytes were looked at that had been overwritten, and it may hold some of them.
    func forgetAll() {
        if files.isEmpty { return }
        files.removeAll()
        held = 0
    }

    private func forget(_ key: Key) {
        guard let joining = files.removeValue(forKey: key) else { return }
        held -= joining.content.heldBytes
    }

    private func forgetOldest() {
        let oldest = files.min { $0.value.used.nanoseconds < $1.value.used.nanoseconds }
        if let oldest { forget(oldest.key) }
    }
}

/// Where ranges of a resource are put together.
struct RangedResource {
    let joined: JoinedRanges
    let client: IPAddress
    let server: IPAddress
    /// Host and target.
    let name: [UInt8]
    let vlans: UInt32

    /// What takes the bytes of a range.
    ///
    /// - Parameters:
    ///   - range: Which bytes.
    ///   - version: What the server calls this version of the file, if it does.
    ///   - fileName: Name of the file as a JSON string, and whether it was given it.
    ///   - settings: What is done with files.
    /// - Returns: Nil if the range is the whole file, the file's size is not known or too large, or its version is not one
    ///   of every byte (a weak ETag).
    func feed(
        _ range: HTTPContentRange,
        version: [UInt8],
        fileName: (text: [UInt8], isGiven: Bool),
        _ settings: FileSettings
    ) -> RangeFeed? {
        guard let size = range.size, range.last < size, size <= settings.largest,
            range.first > 0 || range.last &+ 1 < size, !version.starts(with: [0x57, 0x2f])
        else { return nil }
        let key = JoinedRanges.Key(
            client: client,
            server: server,
            name: name + [0] + version,
            size: size,
            vlans: vlans
        )
        let whole = {
            var file = FileTracker(name: fileName.text, isNamed: fileName.isGiven, settings)
            file.total = size
            return file
        }
        joined.begin(key, whole, at: settings.time)
        return RangeFeed(joined, key, from: range.first, through: range.last)
    }
}

/// One range on its way into its file.
final class RangeFeed {
    private let joined: JoinedRanges
    private let key: JoinedRanges.Key
    private let last: UInt64
    private var offset: UInt64

    fileprivate init(
        _ joined: JoinedRanges,
        _ key: JoinedRanges.Key,
        from first: UInt64,
        through last: UInt64
    ) {
        self.joined = joined
        self.key = key
        self.last = last
        offset = first
    }

    /// Takes the next bytes; those beyond the range are none of it.
    func take(_ bytes: RawSpan) {
        guard offset <= last else { return }
        let count = Int(min(UInt64(bytes.byteCount), last - offset + 1))
        joined.take(bytes.field(0..<count), at: offset, of: key)
        offset += UInt64(count)
    }

    /// Bytes were lost: they may come with another range.
    func lose(_ length: UInt64) {
        offset = length > last - min(offset, last) ? last + 1 : offset + length
    }

    /// The range has ended.
    ///
    /// - Returns: The whole file, if it is.
    func end() -> FileTracker? { joined.takeWhole(key) }
}
