// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import Synchronization

/// Every ring of an instance, by number: how index entries and records find their ring again.
///
/// Grows while capture runs (another link type), never shrinks; threads keep a copy and ask again only for a number
/// that they do not know.
final class RingTable: Sendable {
    private let rings = Mutex<[DataBuffer]>([])

    /// Opens a ring under the next number.
    func open(
        _ make: (_ number: UInt16) throws(BufferError) -> DataBuffer
    ) throws(BufferError) -> DataBuffer {
        try rings.withLock { (rings) throws(BufferError) in
            guard rings.count < 4096 else { throw .tooManyBuffers(4096) }
            let ring = try make(UInt16(rings.count))
            rings.append(ring)
            return ring
        }
    }

    /// All rings, in the order of their numbers.
    var all: [DataBuffer] { rings.withLock { $0 } }
}
