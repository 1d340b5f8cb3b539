// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The general allocator: `malloc` per block, or per ten blocks, and `free` when they are read.
///
///     places   a ring of (address, length), as large as the queue: what stands for the index
///     slots    slotsPerAllocation of them lie in one piece of memory, freed with its last slot
///
/// Safe: a place is read only below `tail`, from which on nothing is stored yet; each piece is freed once, when the
/// last of its slots has been taken, in the order in which they were put, or by `deinit`.
@safe struct AllocatedQueue: BlockQueue, ~Copyable {
    @safe private struct Place {
        var address: UnsafeMutableRawPointer
        var length: Int
        /// Whether the slot is the last of its piece; the piece begins so many bytes before it.
        var isLast: Bool
    }

    private let places: UnsafeMutablePointer<Place>
    private let mask: Int
    private let slotsPerAllocation: Int
    private let slotLength: Int
    private var head = 0
    private var tail = 0
    private var used: Int
    private var piece: UnsafeMutableRawPointer?

    /// - Parameters:
    ///   - distance: Blocks that the queue holds.
    ///   - length: Bytes of a block.
    ///   - slotsPerAllocation: 1 for `malloc`, 10 for the paper's `10malloc`.
    init(distance: Int, length: Int, slotsPerAllocation: Int) {
        var capacity = 64
        while capacity < distance + 64 { capacity *= 2 }
        unsafe places = .allocate(capacity: capacity)
        mask = capacity - 1
        self.slotsPerAllocation = slotsPerAllocation
        slotLength = slotsPerAllocation == 1 ? length : (length + 15) & ~15
        used = slotsPerAllocation
        unsafe piece = nil
    }

    /// Memory that a block takes: glibc puts 8 bytes before each piece and rounds up to 16.
    static func bytesPerBlock(_ length: Int, slotsPerAllocation: Int) -> Int {
        let slot = slotsPerAllocation == 1 ? length : (length + 15) & ~15
        return max(1, ((slot * slotsPerAllocation + 8 + 15) & ~15) / slotsPerAllocation)
    }

    deinit {
        var place = head
        while place != tail {
            let at = unsafe places[place & mask]
            place &+= 1
            if at.isLast || place == tail { unsafe free(pieceStart(at, place &- 1)) }
        }
        unsafe places.deallocate()
    }

    @inline(__always) mutating func put(_ block: RawSpan) {
        if used == slotsPerAllocation {
            unsafe piece = malloc(slotLength &* slotsPerAllocation)
            used = 0
        }
        guard let base = unsafe piece else { preconditionFailure("no memory for a block") }
        precondition(tail &- head <= mask && block.byteCount <= slotLength, "the queue is full")
        let address = unsafe base + used &* slotLength
        unsafe block.withUnsafeBytes { bytes in
            if let source = bytes.baseAddress {
                unsafe address.copyMemory(from: source, byteCount: bytes.count)
            }
        }
        used &+= 1
        unsafe places[tail & mask] = Place(
            address: address,
            length: block.byteCount,
            isLast: used == slotsPerAllocation
        )
        tail &+= 1
    }

    @inline(__always) mutating func publish() {}
    var lost: UInt64 { 0 }

    @inline(__always) mutating func take() -> UInt64 {
        guard head != tail else { return 0 }
        let place = unsafe places[head & mask]
        let sum = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(place.address), byteCount: place.length)
            .sumOfBytes
        if place.isLast { unsafe free(pieceStart(place, head)) }
        head &+= 1
        return sum
    }

    /// Where the piece of a slot begins: slots of a piece follow one another in the queue as in memory.
    @inline(__always) private func pieceStart(_ place: Place, _ number: Int) -> UnsafeMutableRawPointer {
        unsafe place.address - (slotsPerAllocation == 1 ? 0 : number % slotsPerAllocation &* slotLength)
    }
}
