// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Glibc

// What a C program is told of a failure: a number that it can branch on, and one line for people.
//
// Safe because the line is copied into memory that belongs to the calling thread, and is freed with it.

/// A failure as C sees it.
struct Failure: Error {
    /// An error number of <errno.h>.
    let number: Int32
    /// One line for people.
    let text: String

    init(_ number: Int32, _ text: String) {
        self.number = number
        self.text = text
    }

    init(_ error: SharingError) {
        self.init(Self.number(of: error), error.description)
    }

    init(_ error: BufferError) {
        self.init(Self.number(of: error), error.description)
    }

    private static func number(of error: SharingError) -> Int32 {
        switch error {
        case .system(_, _, let number): number
        case .nobodyListens: ENOENT
        case .invalidName: EINVAL
        case .alreadyServed, .notASocket: EEXIST
        case .refused(let reason, _): number(of: reason)
        case .protocolViolation: EPROTO
        case .timedOut: ETIMEDOUT
        case .ownerGone: EOWNERDEAD
        case .buffer(let error): number(of: error)
        }
    }

    private static func number(of reason: RefusalReason) -> Int32 {
        switch reason {
        case .notAllowed: EACCES
        case .tooMany: EUSERS
        case .unknownBuffer: ENOENT
        case .unavailable: ENOMEM
        case .tooLate: ETIMEDOUT
        case .malformed, .version, .other: EPROTO
        }
    }

    private static func number(of error: BufferError) -> Int32 {
        switch error {
        case .system(_, let number): number
        case .tooManyReaders: EUSERS
        case .tooManyBuffers, .tooManyInterfaces: EMFILE
        case .invalidCapacity, .invalidRing: EINVAL
        case .notABuffer: EPROTO
        }
    }
}

/// The line that each thread's last failure left.
enum LastError {
    private static let capacity = 512
    /// One NUL; never freed.
    private static let empty = unsafe UInt(bitPattern: calloc(1, 1))
    /// The key under which a thread keeps its line; nil if the process has no more keys.
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        return unsafe pthread_key_create(&key, { unsafe free($0) }) == 0 ? key : nil
    }()

    /// The calling thread's line, ending with NUL.
    static var text: UnsafePointer<CChar>? {
        guard let key, let kept = unsafe pthread_getspecific(key) else {
            return unsafe UnsafePointer(bitPattern: empty)
        }
        return unsafe UnsafePointer(kept.assumingMemoryBound(to: CChar.self))
    }

    /// Keeps a line, cut to what there is room for.
    static func keep(_ text: String) {
        guard let key else { return }
        var line = unsafe pthread_getspecific(key)
        if unsafe line == nil {
            unsafe line = calloc(1, capacity)
            guard unsafe line != nil, unsafe pthread_setspecific(key, line) == 0 else { return }
        }
        guard let line = unsafe line else { return }
        var bytes = Array(text.utf8.prefix(capacity - 1))
        // Not in the middle of a character.
        while let last = bytes.last, text.utf8.count >= capacity, last & 0xc0 == 0x80 { bytes.removeLast() }
        bytes.append(0)
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe line.copyMemory(from: start, byteCount: source.count)
        }
    }
}

/// Runs the body of a C function: 0, or the number of its failure, whose line is kept.
func result(_ body: () throws(Failure) -> Void) -> Int32 {
    do throws(Failure) {
        try body()
        return 0
    } catch {
        LastError.keep(error.text)
        return error.number
    }
}

/// A text of the caller's.
///
/// - Throws: EINVAL if there is none, or it is not UTF-8: repaired, it would name something else.
func text(_ given: UnsafePointer<CChar>?, _ what: String) throws(Failure) -> String {
    guard let given = unsafe given else { throw Failure(EINVAL, "\(what) is NULL") }
    guard let text = unsafe String(validatingCString: given) else {
        throw Failure(EINVAL, "\(what) is not UTF-8")
    }
    return text
}
