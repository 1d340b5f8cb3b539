// SPDX-License-Identifier: Apache-2.0

/// Why a buffer could not be made, attached to, or extended.
public enum BufferError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The size asked for is not a power of two, or out of range; `next` is the next one that is.
    case invalidCapacity(Int, next: Int)
    /// A system call failed.
    case system(call: String, errno: Int32)
    /// A buffer has room for 64 interfaces.
    case tooManyInterfaces
    /// Whoever opens buffers for a capture opens at most so many.
    case tooManyBuffers(Int)
    /// A blocking buffer waits for at most 64 readers.
    case tooManyReaders
    /// A ring was asked for whose sizes contradict each other.
    case invalidRing(String)
    /// What was mapped is not a buffer of this version, or contradicts itself.
    case notABuffer(String)

    /// What was expected and what was found.
    public var description: String {
        switch self {
        case .invalidCapacity(let size, let next):
            "ring size \(size) is not a power of two of 32768 or more; try \(next)"
        case .system(let call, let number): "\(call) failed with errno \(number)"
        case .tooManyInterfaces: "a ring holds at most 64 interfaces"
        case .tooManyBuffers(let limit):
            "its link types or interfaces would need more than \(limit) rings"
        case .tooManyReaders: "a ring in blocking mode waits for at most 64 readers"
        case .invalidRing(let why): "no such ring: \(why)"
        case .notABuffer(let why): "not a Beltway buffer: \(why)"
        }
    }
}
