// SPDX-License-Identifier: Apache-2.0

/// Sizes of a flow beside those of its frames; half a cache line, in the flow table beside the entries.
@frozen public struct FlowSizes: BitwiseCopyable {
    /// Bytes of IP packets, header included, from originator to responder and back.
    @usableFromInline var ipBytes = InlineArray<2, UInt64>(repeating: 0)
    /// Bytes of payload; TCP's are counted by sequence numbers, and the first word holds its meter's number.
    @usableFromInline var payloadBytes = InlineArray<2, UInt64>(repeating: 0)

    @inlinable init(isTCP: Bool) {
        if isTCP { payloadBytes[0] = UInt64(TCPMeterTable.none) }
    }

    /// Number of a TCP flow's meter.
    @inlinable var meter: UInt32 {
        get { UInt32(truncatingIfNeeded: payloadBytes[0]) }
        set { payloadBytes[0] = UInt64(newValue) }
    }
}
