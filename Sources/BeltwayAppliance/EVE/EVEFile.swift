// SPDX-License-Identifier: Apache-2.0
// The file that events are appended to, and the files it is renamed to when it has grown.
//
//     eve.json   eve.json.1   eve.json.2   ..   eve.json.<kept>      newest to oldest
//
// Invariant 1. Every line but the last is whole, always. So a write that stops in the middle of a line (disk full) is
//              cut back to the last whole line; if even that fails, the next write begins with a line feed; and what
//              a killed process left unfinished is cut when the file is opened again.
// Invariant 2. A file never ends between two parts of a line: it is rotated before a write, never within one.
// Invariant 3. Memory is bounded: what cannot be written is forgotten and counted, and the writer's buffer is empty
//              after every drain, successful or not.
//
// Why the unsafe calls are safe: each passes a path that lives for the call, or a span's own address and length.
import BeltwayFlow
import Glibc

/// An appended, rotated file of EVE events; also a device, which is neither cut nor rotated.
public struct EVEFile: ~Copyable {
    /// How much is held back, how large a file gets, how many are kept.
    public struct Limits: Equatable, Sendable {
        /// Bytes that are gathered before they are written.
        public var bufferInBytes: Int
        /// Bytes after which the file is renamed and a new one begun.
        public var fileInBytes: UInt64
        /// Renamed files that are kept beside the one being written.
        public var kept: Int

        /// Makes limits; what is left out is Beltway's default: 256 KiB, 1 GiB, 10 files.
        public init(bufferInBytes: Int = 256 << 10, fileInBytes: UInt64 = 1 << 30, kept: Int = 10) {
            self.bufferInBytes = max(1, bufferInBytes)
            self.fileInBytes = max(1, fileInBytes)
            self.kept = max(0, kept)
        }
    }

    /// Where the events go.
    public let path: String
    let limits: Limits
    var descriptor: Int32
    var isRegular = false
    var endsInsideLine = false
    /// Bytes of the file that is being written.
    public private(set) var size: UInt64 = 0
    /// Bytes written since it was opened, all files together.
    public private(set) var bytesWritten: UInt64 = 0
    /// Lines that were forgotten because they could not be written.
    public private(set) var eventsLost: UInt64 = 0
    /// Operations that failed.
    public private(set) var errors: UInt64 = 0

    /// Opens the file for appending, or makes it; an unfinished last line is cut off.
    ///
    /// - Parameters:
    ///   - path: File or device; pipes and sockets are refused, since writing to them may wait for ever.
    ///   - limits: When to write and when to rotate.
    /// - Throws: ``EVEFileError`` if it can be neither opened nor made.
    public init(path: String, limits: Limits = Limits()) throws(EVEFileError) {
        self.path = path
        self.limits = limits
        descriptor = -1
        try open()
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Writes what `events` holds if it is a buffer's worth, or in any case if `all` is true.
    ///
    /// - Parameters:
    ///   - events: The writer; empty afterwards if anything was due.
    ///   - all: Whether to write a part of a buffer too: at the end, and once a second on a quiet line.
    /// - Throws: ``EVEFileError`` if events were lost or the file could not be rotated. Calling again is right: a
    ///   later call may succeed.
    public mutating func drain(_ events: inout EVEWriter, all: Bool = false) throws(EVEFileError) {
        try drain(lines: &events.lines, all: all)
    }

    /// Whether writing so many bytes more will begin a new file.
    func willRotate(for count: Int) -> Bool {
        isRegular && size > 0 && size + UInt64(count) > limits.fileInBytes
    }

    mutating func drain(lines: inout TextBuffer, all: Bool) throws(EVEFileError) {
        let count = lines.count
        guard count > 0, all || count >= limits.bufferInBytes else { return }
        var failure: EVEFileError?
        if willRotate(for: count) {
            do { try rotate() } catch { failure = error }
        }
        do { try write(lines.bytes) } catch { failure = error }
        lines.removeAll()
        if let failure { throw failure }
    }

    /// Closes the file and opens its path again: what a log rotator outside asks for.
    ///
    /// - Throws: ``EVEFileError`` if the path cannot be opened; events are lost until a later call succeeds.
    public mutating func reopen() throws(EVEFileError) {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        try open()
    }

    private mutating func write(_ text: Span<UInt8>) throws(EVEFileError) {
        do {
            if descriptor < 0 { try open() }
            if endsInsideLine { try endLine() }
        } catch {
            eventsLost &+= EVEFile.lineFeeds(text, in: 0..<text.count)
            throw error
        }
        let (done, code) = EVEFile.put(text, to: descriptor)
        guard code != 0 else {
            size &+= UInt64(done)
            bytesWritten &+= UInt64(done)
            return
        }
        let whole = EVEFile.endOfLastLine(text, before: done)
        eventsLost &+= EVEFile.lineFeeds(text, in: whole..<text.count)
        if done > whole, !isRegular || ftruncate(descriptor, off_t(size) + off_t(whole)) != 0 {
            endsInsideLine = true
            size &+= UInt64(done)
        } else {
            size &+= UInt64(whole)
        }
        bytesWritten &+= UInt64(whole)
        throw fail(.write, code)
    }

    private mutating func endLine() throws(EVEFileError) {
        let feed: [UInt8] = [0x0a]
        let (_, code) = EVEFile.put(feed.span, to: descriptor)
        guard code == 0 else { throw fail(.write, code) }
        endsInsideLine = false
        size &+= 1
    }

    mutating func fail(_ operation: EVEFileError.Operation, _ code: Int32) -> EVEFileError {
        errors &+= 1
        return EVEFileError(operation, path, code)
    }

    mutating func began(size: UInt64, isRegular: Bool, descriptor: Int32) {
        self.size = size
        self.isRegular = isRegular
        self.descriptor = descriptor
        endsInsideLine = false
    }

    mutating func couldNotCut() {
        endsInsideLine = true
        errors &+= 1
    }

    /// Writes all of `text`, in as many calls as the system needs; returns how far it came and why it stopped.
    static func put(_ text: Span<UInt8>, to descriptor: Int32) -> (done: Int, code: Int32) {
        unsafe text.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count, let start = bytes.baseAddress {
                let count = unsafe Glibc.write(descriptor, start + done, bytes.count - done)
                if count > 0 {
                    done += count
                } else if count == 0 {
                    return (done, EIO)
                } else if errno != EINTR {
                    return (done, errno)
                }
            }
            return (done, 0)
        }
    }

    static func lineFeeds(_ text: Span<UInt8>, in range: Range<Int>) -> UInt64 {
        var count: UInt64 = 0
        for index in range where text[index] == 0x0a { count += 1 }
        return count
    }

    static func endOfLastLine(_ text: Span<UInt8>, before end: Int) -> Int {
        var end = end
        while end > 0, text[end - 1] != 0x0a { end -= 1 }
        return end
    }
}
