// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayFlow
internal import BeltwayWire

// What is told of a packet that waits, or is looked at apart: with its descriptor at hand, or with its entry and head.
extension FragmentFrame {
    /// Describes a packet in the thread of its producer.
    init(
        _ headers: PacketHeaders,
        hash: UInt32,
        _ descriptor: Descriptor,
        ordinal: UInt64,
        buffer: UInt16
    ) {
        self.init(
            headers: headers,
            hash: hash,
            time: descriptor.time,
            originalLength: descriptor.originalLength,
            ordinal: ordinal,
            buffer: buffer,
            interface: descriptor.interface
        )
    }

    /// Describes a packet by its entry in an index ring.
    init(_ headers: PacketHeaders, _ entry: IndexEntry, _ record: RecordHead, ordinal: UInt64) {
        self.init(
            headers: headers,
            hash: entry.flowHash,
            time: record.time,
            originalLength: record.originalLength,
            ordinal: ordinal,
            buffer: entry.buffer,
            interface: entry.interface
        )
    }
}
