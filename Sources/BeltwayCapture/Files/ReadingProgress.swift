// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// How far a list of capture files has been read, in bytes as stored; any thread reads it.
public final class ReadingProgress: Sendable {
    private let total = Atomic<UInt64>(0)
    private let done = Atomic<UInt64>(0)
    private let file = Atomic<Int>(0)

    /// Makes a progress of nothing.
    public init() {}

    /// Bytes of all files whose length is known; 0 when only pipes are read.
    public var bytesTotal: UInt64 { total.load(ordering: .relaxed) }
    /// Bytes that were read of all files so far.
    public var bytesRead: UInt64 { done.load(ordering: .relaxed) }
    /// Index of the file that is being read.
    public var fileIndex: Int { file.load(ordering: .relaxed) }

    func expect(_ bytes: UInt64) { total.store(bytes, ordering: .relaxed) }
    func update(bytesRead: UInt64, fileIndex: Int) {
        done.store(bytesRead, ordering: .relaxed)
        file.store(fileIndex, ordering: .relaxed)
    }
}
