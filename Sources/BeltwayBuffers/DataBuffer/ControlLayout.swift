// SPDX-License-Identifier: Apache-2.0
// The control memory of a data buffer, as every process sees it (pinned by `LayoutTests`).
//
//   page 0   control page
//            0 magic   8 version   16 capacity   24 generation   32 link type   40 policy   48 snap length   56 kind
//            64 tail bytes, 72 tail ordinal                    stored by publish(), one cache line
//            80 the ordinal once more, stored before the tail (rings: a pair that agrees)
//            88 end of the last block whose header is published (blocks with headers out of band)
//            128 intent bytes, 136 intent ordinal              what may be changing
//            192 timeThrough, 200 closed, 208 wake word (its owner's readers sleep on it)
//            256 flushes so far; the last one's bytes and ordinal in one of two slots by turns, 264 (even) and 280
//            320 interface count
//            rings only: 400 slot length   408 alignment   416 resizing   424 minimum length
//            432 whether its blocks have headers out of band
//            512 number of spaces so far; 1024 sixteen rows of 64 bytes, the last spaces (each a seqlock):
//            0 number   8 start   16 origin   24 length   32 area
//   page 1   64 interface names of 64 bytes, NUL-padded UTF-8
//   page 2   chunk table, rows of 64 bytes (each a seqlock):
//            0 version   8 chunk index   16 first ordinal   24 least time   32 greatest time   40 clock before
//   then     descriptors, 32 bytes each, from the next page boundary on

@usableFromInline enum ControlLayout {
    @usableFromInline static let magic: UInt64 = 0x3159_4157_544c_4542  // "BELTWAY1", little-endian
    @usableFromInline static let version: UInt64 = 2

    static let magicOffset = 0
    static let versionOffset = 8
    static let capacityOffset = 16
    static let generationOffset = 24
    static let linkTypeOffset = 32
    static let policyOffset = 40
    static let snapLengthOffset = 48
    static let kindOffset = 56

    @usableFromInline static let tail = 64
    @usableFromInline static let tailOrdinal = 72
    @usableFromInline static let tailOrdinalBefore = 80
    @usableFromInline static let describedThrough = 88
    @usableFromInline static let intent = 128
    @usableFromInline static let intentOrdinal = 136
    @usableFromInline static let timeThrough = 192
    @usableFromInline static let closed = 200
    static let wakeWord = 208
    static let flushCount = 256
    static func flushSlot(_ count: UInt64) -> Int { count & 1 == 0 ? 264 : 280 }
    static let interfaceCount = 320

    static let slotLengthOffset = 400
    static let alignmentOffset = 408
    static let resizingOffset = 416
    static let minimumLengthOffset = 424
    static let describedOffset = 432
    @usableFromInline static let epochCount = 512
    static let epochRows = 1024
    static let epochRowLength = 64
    static let epochRowCount: UInt64 = 16
    static func epochRow(_ number: UInt64) -> Int {
        epochRows + Int(number % epochRowCount) * epochRowLength
    }
    /// A ring has the control page alone.
    static let ringLength = 4096

    static let interfaces = 4096
    static let interfaceNameLength = 64
    static let interfaceCapacity = 64
    @usableFromInline static let chunkTable = 8192
    @usableFromInline static let chunkRowLength = 64

    @usableFromInline static func descriptors(_ geometry: BufferGeometry) -> Int {
        let end = chunkTable + geometry.chunkCount * chunkRowLength
        return (end + BufferGeometry.pageLength - 1) & ~(BufferGeometry.pageLength - 1)
    }

    static func totalLength(_ geometry: BufferGeometry) -> Int {
        descriptors(geometry) + geometry.descriptorCapacity * MemoryLayout<Descriptor>.stride
    }
}
