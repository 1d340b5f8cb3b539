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
// Invariant. At most `mostFiles` files are on their way, and hold at most `mostHeld` bytes between calls: the one for which no
//            range began for the longest time gives way, and what no range began for in `mostIdle` begins anew.
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
        /// Tags and tunnel, which keep networks with the same addresses apart.
        var network: UInt64
    }

    /// A file on its way; who brings ranges of it holds it, so that nothing is looked up with every segment.
    final class Joining {
        fileprivate let key: Key
        fileprivate var content: FileInPieces
        fileprivate var used: Timestamp
        fileprivate var isForgotten = false

        fileprivate init(_ key: Key, _ content: FileInPieces, _ time: Timestamp) {
            self.key = key
            self.content = content
            used = time
        }
    }

    private static var mostFiles: Int { 64 }
    private static var mostHeld: Int { 16 << 20 }
    private static var mostWaiting: Int { 8 << 20 }
    private static var mostIdle: UInt64 { 600_000_000_000 }

    private var files: [Key: Joining] = [:]
    /// Bytes that they hold.
    private(set) var held = 0

    /// Says that a range comes whose file is `file`; `time` is the packet's.
    ///
    /// - Returns: What its bytes are taken into.
    func begin(_ key: Key, _ file: () -> FileTracker, at time: Timestamp) -> Joining {
        if let known = files[key] {
            let idle = time.nanoseconds(since: known.used)
            known.used = time
            if idle <= JoinedRanges.mostIdle { return known }
            forget(known)
        }
        if files.count >= JoinedRanges.mostFiles { forgetOldest() }
        let joining = Joining(key, FileInPieces(file(), mostWaiting: JoinedRanges.mostWaiting), time)
        held += joining.content.heldBytes
        files[key] = joining
        return joining
    }

    /// Takes bytes of a range; one that gave way takes none.
    func take(_ bytes: RawSpan, at offset: UInt64, of joining: Joining) {
        guard !joining.isForgotten else { return }
        held -= joining.content.heldBytes
        joining.content.take(bytes, at: offset)
        held += joining.content.heldBytes
        // It will not be whole, and another download of it may be.
        if joining.content.hasGaps { return forget(joining) }
        while held > JoinedRanges.mostHeld, !files.isEmpty { forgetOldest() }
    }

    /// The file, if all of it has come; it is forgotten then.
    func takeWhole(_ joining: Joining) -> FileTracker? {
        let size = joining.key.size
        guard !joining.isForgotten, joining.content.next >= size, !joining.content.hasGaps else { return nil }
        let whole = joining.content.end(isClosed: true, size: size)
        forget(joining)
        return whole
    }

    /// Forgets what is on its way: bytes were looked at that had been overwritten, and it may hold some of them.
    func forgetAll() {
        if files.isEmpty { return }
        for joining in files.values { joining.empty() }
        files.removeAll()
        held = 0
    }

    private func forget(_ joining: Joining) {
        files[joining.key] = nil
        held -= joining.content.heldBytes
        joining.empty()
    }

    private func forgetOldest() {
        let oldest = files.values.min { $0.used.nanoseconds < $1.used.nanoseconds }
        if let oldest { forget(oldest) }
    }
}

extension JoinedRanges.Joining {
    /// Lets go of what it holds: whoever brings ranges of it may have it for long.
    fileprivate func empty() {
        isForgotten = true
        content = FileInPieces(FileTracker(name: [], FileSettings()))
    }
}

/// Where ranges of a resource are put together.
struct RangedResource {
    let joined: JoinedRanges
    let client: IPAddress
    let server: IPAddress
    /// Host and target.
    let name: [UInt8]
    /// Tags and tunnel.
    let network: UInt64

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
            network: network
        )
        let whole = {
            var file = FileTracker(name: fileName.text, isNamed: fileName.isGiven, settings)
            file.total = size
            return file
        }
        let joining = joined.begin(key, whole, at: settings.time)
        return RangeFeed(joined, joining, from: range.first, through: range.last)
    }
}

/// One range on its way into its file.
final class RangeFeed {
    private let joined: JoinedRanges
    private let joining: JoinedRanges.Joining
    private let last: UInt64
    private var offset: UInt64

    fileprivate init(
        _ joined: JoinedRanges,
        _ joining: JoinedRanges.Joining,
        from first: UInt64,
        through last: UInt64
    ) {
        self.joined = joined
        self.joining = joining
        self.last = last
        offset = first
    }

    /// Takes the next bytes; those beyond the range are none of it.
    func take(_ bytes: RawSpan) {
        guard offset <= last else { return }
        let count = Int(min(UInt64(bytes.byteCount), last - offset + 1))
        joined.take(bytes.field(0..<count), at: offset, of: joining)
        offset += UInt64(count)
    }

    /// Bytes were lost: they may come with another range.
    func lose(_ length: UInt64) {
        offset = length > last - min(offset, last) ? last + 1 : offset + length
    }

    /// The range has ended.
    ///
    /// - Returns: The whole file, if it is.
    func end() -> FileTracker? { joined.takeWhole(joining) }
}
