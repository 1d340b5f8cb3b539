// SPDX-License-Identifier: Apache-2.0

/// Why a call of the file interface did not do what was asked; each names the errno that POSIX has for it.
public enum BufferFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// EBADF: no such descriptor, or it is not open for this.
    case badDescriptor(Int32)
    /// EINVAL: what was asked for contradicts itself.
    case invalid(String)
    /// ENOENT: no buffer of this name.
    case notFound(String)
    /// EEXIST: a buffer of this name has a writer already.
    case hasWriter(String)
    /// EACCES: the buffer's policy does not let this process in.
    case notAllowed(String)
    /// EMFILE: the table is full.
    case tooManyOpen(Int)
    /// EAGAIN: the call would have to wait, and may not.
    case wouldBlock
    /// EPIPE: nobody reads any more.
    case brokenPipe
    /// EMSGSIZE: the block has so many bytes, more than the caller has room for or the buffer takes; it stays where it is.
    case blockTooLong(Int)
    /// EOVERFLOW: what was to be read is overwritten; `lost` bytes or blocks were passed over, if any were.
    ///
    /// The window can be read: positions from `oldest` to `end`. Reading goes on inside it, after this was told once.
    case leftWindow(lost: UInt64, oldest: UInt64, end: UInt64)
    /// ESTALE: an index entry points to data that is overwritten, or to a buffer that cannot be had; it was passed over.
    case entryLapsed(String)
    /// EIO: data was overwritten while a file or socket took it, after so many bytes; the last `suspect` may be wrong.
    case overwrittenInTransfer(written: Int, suspect: Int)
    /// ECONNRESET: the process that wrote the buffer has gone without an end; everything it published was read.
    case writerGone
    /// EINTR: asked to stop by the caller's own check.
    case interrupted
    /// A system call on a file or socket failed.
    case system(call: String, errno: Int32)
    /// The buffer could not be made or mapped.
    case buffer(BufferError)
    /// The buffer could not be shared or attached.
    case sharing(SharingError)

    /// What was expected and what was found.
    public var description: String {
        switch self {
        case .badDescriptor(let number): "buffer descriptor \(number) is not open for this call"
        case .invalid(let why): why
        case .notFound(let name): "no buffer is called \(name)"
        case .hasWriter(let name): "buffer \(name) has a writer already"
        case .notAllowed(let why): why
        case .tooManyOpen(let limit): "\(limit) buffers are open already"
        case .wouldBlock: "the call would have to wait"
        case .brokenPipe: "nobody reads any more"
        case .blockTooLong(let length): "a block of \(length) bytes, more than there is room for"
        case .leftWindow(let lost, let oldest, let end):
            "overwritten before it was read: \(lost) lost; positions from \(oldest) to \(end) can be read"
        case .entryLapsed(let why): "an index entry cannot be followed: \(why)"
        case .overwrittenInTransfer(let written, let suspect):
            "overwritten while it was passed on: the last \(suspect) of \(written) bytes may be wrong"
        case .writerGone: "the writer has gone without an end"
        case .interrupted: "interrupted"
        case .system(let call, let number): "\(call) failed: \(systemMessage(number))"
        case .buffer(let error): error.description
        case .sharing(let error): error.description
        }
    }
}
