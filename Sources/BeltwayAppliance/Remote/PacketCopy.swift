// SPDX-License-Identifier: Apache-2.0
internal import BeltwayWire

/// The bytes of one packet, copied; its memory is used again for the next.
///
/// Safe because the bytes are lent for the length of a call, with the length that was copied.
@safe struct PacketCopy: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    private var length = 0

    init() {
        unsafe memory = .allocate(byteCount: RecordLayout.maximumCapturedLength, alignment: 16)
    }

    deinit { unsafe memory.deallocate() }

    /// Copies a packet's bytes; at most what a record holds.
    mutating func take(_ bytes: RawSpan) {
        length = min(bytes.byteCount, RecordLayout.maximumCapturedLength)
        unsafe bytes.extracting(0..<length).withUnsafeBytes { unsafe memory.copyMemory(from: $0) }
    }

    /// Lends them.
    func withBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: memory[..<length])
        return unsafe body(bytes.bytes)
    }
}
