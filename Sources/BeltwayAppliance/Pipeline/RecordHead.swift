// SPDX-License-Identifier: Apache-2.0
internal import BeltwayBuffers
internal import BeltwayWire

/// The fixed part of a record, read where the record lies (RecordLayout).
struct RecordHead {
    var time = Timestamp.zero
    var originalLength: UInt32 = 0
    var capturedLength = 0

    init() {}

    @inline(__always)
    init(_ record: RawSpan) {
        guard record.byteCount >= RecordLayout.overhead else { return }
        time = Timestamp(
            nanoseconds: UInt64(record.littleEndian32(at: 12)) << 32 | UInt64(record.littleEndian32(at: 16))
        )
        originalLength = record.littleEndian32(at: 24)
        // Never trusted beyond the entry's own length.
        capturedLength = min(Int(record.littleEndian32(at: 20)), record.byteCount - RecordLayout.overhead)
    }

    @inline(__always) @_lifetime(copy record)
    func packet(in record: RawSpan) -> RawSpan {
        capturedLength == 0
            ? record.extracting(first: 0)
            : record.extracting(RecordLayout.headerLength..<(RecordLayout.headerLength + capturedLength))
    }
}
