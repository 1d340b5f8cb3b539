// SPDX-License-Identifier: Apache-2.0
// One file on its way to disk, as its worker sees it: bytes gather here until they are worth a piece.
//
//     take take | begin, piece | take .. | piece | take, prepare --(its event is recorded)--> finish: last piece
//                                                        `--(the packet was overwritten)--> gone: dropped
//
// It has a number, and takes the place of a file, from its first piece on: what is opened and then idles costs no other
// file its place.
//
// Invariant 1. What is handed over was reserved before; what is reserved and not handed over is given back at the end.
// Invariant 2. A file that is forgotten anywhere before `finish` is dropped: `deinit` sees to it.
internal import BeltwayWire

/// The copy of one file.
final class FileCopy {
    private enum Standing { case going, prepared, over }

    /// Bytes of a piece: what makes one write to disk worth its call.
    private static var pieceLength: Int { 64 << 10 }

    /// Its number, once it was begun.
    private(set) var identifier: UInt64?
    private let queue: FileQueue
    private var gathered: [UInt8] = []
    private var size: UInt64 = 0
    private var standing = Standing.going

    init(_ queue: FileQueue) { self.queue = queue }

    deinit { drop() }

    /// Whether no limit has ended it.
    var isGoing: Bool { standing == .going }

    /// Bytes that it keeps.
    @inline(__always) var heldBytes: Int { gathered.count + 64 }

    /// Takes the next bytes.
    func take(_ bytes: RawSpan) {
        guard standing == .going else { return }
        size &+= UInt64(bytes.byteCount)
        if size > queue.limits.largest {
            queue.noteTooLarge()
            drop()
            return
        }
        gathered.append(copyOf: bytes)
        guard gathered.count >= FileCopy.pieceLength else { return }
        guard let identifier = begin(), queue.reserve(gathered.count) else { return drop() }
        var piece: [UInt8] = []
        swap(&piece, &gathered)
        queue.put(.bytes(identifier, piece))
    }

    private func begin() -> UInt64? {
        if identifier == nil { identifier = queue.begin() }
        return identifier
    }

    /// Makes room for its rest: it has ended and will be kept.
    ///
    /// - Returns: False if there is none, or was none before.
    func prepare() -> Bool {
        guard standing == .going else { return false }
        guard begin() != nil, queue.reserve(gathered.count) else {
            drop()
            return false
        }
        standing = .prepared
        return true
    }

    /// Hands over its rest.
    func finish() {
        guard standing == .prepared, let identifier else { return }
        standing = .over
        var piece: [UInt8] = []
        swap(&piece, &gathered)
        queue.put(.end(identifier, piece))
    }

    /// It is not kept after all.
    func drop() {
        if standing == .over { return }
        if standing == .prepared { queue.giveBack(gathered.count) }
        standing = .over
        gathered = []
        if let identifier { queue.put(.dropped(identifier)) }
    }
}
