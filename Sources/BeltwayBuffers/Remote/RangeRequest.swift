// SPDX-License-Identifier: Apache-2.0

/// Ranges of a ring that were asked for in one message, and how many of them were answered.
///
/// An answer is compared with what is written here: it can bring nothing that was not asked for.
struct RangeRequest {
    let ranges: ByteStore
    private(set) var count = 0
    private(set) var bytes = 0
    private(set) var answered = 0
    /// Whether an answer brought less than was asked for: the original had lapped it, or not published it.
    private(set) var isCut = false
    var tag: UInt32 = 0

    init() throws(RemoteError) { ranges = try ByteStore(capacity: RemoteWire.maximumRanges * 16) }

    var isOpen: Bool { answered < count }
    var isFull: Bool { count == RemoteWire.maximumRanges }

    mutating func clear() {
        (count, bytes, answered) = (0, 0, 0)
        isCut = false
    }

    /// Adds a range; one that continues the last joins it, unless that would cross the replica's end.
    ///
    /// - Returns: False if it does not fit into this request.
    mutating func add(from start: UInt64, to end: UInt64, mask: UInt64) -> Bool {
        let length = Int(end - start)
        guard length > 0 else { return true }
        if count > 0 {
            let (low, high) = (ranges.word((count - 1) * 16), ranges.word((count - 1) * 16 + 8))
            if start >= low, start <= high, end <= (low | mask) + 1,
                Int(max(end, high) - low) <= RemoteWire.maximumRangeLength
            {
                let more = Int(max(end, high) - high)
                guard bytes + more <= RemoteWire.maximumRequestedBytes else { return false }
                ranges.storeWord(max(end, high), (count - 1) * 16 + 8)
                bytes += more
                return true
            }
        }
        guard !isFull, length <= RemoteWire.maximumRangeLength,
            bytes + length <= RemoteWire.maximumRequestedBytes
        else { return false }
        ranges.storeWord(start, count * 16)
        ranges.storeWord(end, count * 16 + 8)
        count += 1
        bytes += length
        return true
    }

    /// Fills the message.
    func append(to message: inout MessageBuilder) {
        message.begin(.wantBytes, tag: tag)
        message.append32(UInt32(count))
        message.append32(0)
        for index in 0..<count {
            let start = ranges.word(index * 16)
            message.append64(start)
            message.append32(UInt32(ranges.word(index * 16 + 8) - start))
        }
    }

    /// Takes an answer, or a part of one, and stores its bytes in the replica.
    ///
    /// - Returns: Bytes of the ring that it brought.
    /// - Throws: ``MalformedMessage`` unless it answers the next ranges, each with no more than was asked for.
    mutating func take(_ answer: RawSpan, into replica: Replica) throws(MalformedMessage) -> Int {
        var body = BodyReader(answer, of: .bytes)
        let first = Int(try body.integer32())
        let pieces = Int(try body.integer32())
        guard first == answered, pieces >= 1, pieces <= count - answered else {
            throw .value("the first range of an answer", UInt64(first))
        }
        var brought = 0
        for index in first..<first + pieces {
            let (start, end) = (ranges.word(index * 16), ranges.word(index * 16 + 8))
            let lapped = UInt64(try body.integer32())
            let length = Int(try body.integer32())
            guard lapped <= end - start, UInt64(length) <= end - start - lapped else {
                throw .value("the length of a range", UInt64(length))
            }
            let place = try body.skip(length)
            if length > 0 { replica.store(answer.extracting(place..<place + length), at: start + lapped) }
            brought += length
            if UInt64(length) < end - start { isCut = true }
        }
        try body.end()
        answered += pieces
        return brought
    }
}
