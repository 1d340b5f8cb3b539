// SPDX-License-Identifier: Apache-2.0
// The multi-pattern automaton that every payload goes through, once, whatever the number of rules.
//
// Why the interface is safe: the table is built and then checked once, in `init`: every entry is the offset of
// a whole row, every class is less than a row's entries, every output list lies inside `outputs` and names
// patterns below `patternCount`. So a scan, whatever its bytes, reads only inside these arrays; the bytes
// themselves are read inside `withUnsafeBytes` up to their count, and the scratch is as long as the patterns are
// many (checked at each scan).

/// Finds which patterns occur in a payload.
@safe final class PrefilterAutomaton: Sendable {
    /// Marks an entry whose target has outputs.
    static let outputBit: UInt32 = 1 << 31

    /// Distinct patterns, without capitals, by number.
    let patternCount: Int
    let stateCount: Int
    let classCount: Int
    /// Longest piece of a pattern that went into the table.
    let window: Int
    private let classOf: [UInt8]
    private let table: [UInt32]
    private let outputs: [UInt32]
    private let filter: GramFilter
    /// Rows from here on stand for four bytes or more of a pattern.
    private let deepRow: Int

    /// Bytes that the table and its lists take.
    var memoryInBytes: Int { table.count * 4 + outputs.count * 4 + classOf.count + filter.memoryInBytes }

    init(_ built: AutomatonBuilder, patterns: [[UInt8]], window: Int) {
        patternCount = patterns.count
        filter = GramFilter(patterns)
        deepRow = built.firstDeepState * built.stride
        self.window = window
        stateCount = built.stateCount
        classCount = built.classCount
        classOf = built.classOf
        table = built.table
        outputs = built.outputs
        checkTable(stride: built.stride)
    }

    private func checkTable(stride: Int) {
        precondition(classOf.count == 256 && classOf.allSatisfy { Int($0) < classCount }, "bad byte class")
        precondition(table.count == stateCount * stride && !table.isEmpty, "bad table size")
        for base in Swift.stride(from: 0, to: table.count, by: stride) {
            for entry in table[base..<(base + classCount)] {
                let target = Int(entry & ~Self.outputBit)
                precondition(target % stride == 0 && target < table.count, "transition out of the table")
                precondition(
                    entry & Self.outputBit == 0 || table[target + classCount] != 0,
                    "output bit without outputs"
                )
            }
            let list = Int(table[base + classCount])
            precondition(list < outputs.count && list + Int(outputs[list]) < outputs.count, "bad output list")
            for number in outputs[list...].dropFirst().prefix(Int(outputs[list])) {
                precondition(number < patternCount, "unknown pattern")
            }
        }
    }

    /// Scans `bytes` and leaves the numbers of the patterns that occur, each once, in `scratch`.
    ///
    ///     quick look at p, p + 1, ...   until a pattern may begin at p
    ///     walk the table from p         as long as four bytes or more of some pattern stand
    ///     quick look again              from where the longest of shorter beginnings could start
    ///
    /// Since the walk starts at the root, it sees every pattern that begins at p or later; it may stop once the
    /// state is shallower than four bytes, because whatever is still alive then began in the last three bytes.
    func scan(_ bytes: RawSpan, into scratch: inout PrefilterScratch) {
        scratch.begin(patternCount: patternCount)
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe table.withUnsafeBufferPointer { table in
                unsafe classOf.withUnsafeBufferPointer { classOf in
                    unsafe filter.withTables { grams, seconds, pairs in
                        guard let text = bytes.baseAddress, let table = table.baseAddress,
                            let classOf = classOf.baseAddress
                        else { return }
                        unsafe scan(text, bytes.count, table, classOf, grams, seconds, pairs, &scratch)
                    }
                }
            }
        }
    }

    private func scan(
        _ text: UnsafeRawPointer,
        _ count: Int,
        _ table: UnsafePointer<UInt32>,
        _ classOf: UnsafePointer<UInt8>,
        _ grams: UnsafePointer<UInt32>,
        _ seconds: UnsafePointer<UInt32>,
        _ pairs: UnsafePointer<UInt32>,
        _ scratch: inout PrefilterScratch
    ) {
        let classCount = classCount
        let deep = deepRow
        var place = 0
        // Eight bytes are loaded for four places, so the last seven bytes are left to the table alone.
        while place &+ 8 <= count {
            let word = unsafe UInt64(littleEndian: text.loadUnaligned(fromByteOffset: place, as: UInt64.self))
            var candidates = unsafe Self.look(word, grams, pairs)
            candidates |= unsafe Self.look(word &>> 8, grams, pairs) &<< 1
            candidates |= unsafe Self.look(word &>> 16, grams, pairs) &<< 2
            candidates |= unsafe Self.look(word &>> 24, grams, pairs) &<< 3
            while candidates != 0 {
                let place = word &>> UInt64(8 &* candidates.trailingZeroBitCount)
                if unsafe Self.confirm(place, seconds, pairs) { break }
                candidates &= candidates &- 1
            }
            if candidates == 0 {
                place &+= 4
                continue
            }
            let begin = place &+ candidates.trailingZeroBitCount
            var at = begin
            var state = 0
            repeat {
                let entry = unsafe table[
                    state &+ Int(classOf[Int(text.load(fromByteOffset: at, as: UInt8.self))])
                ]
                state = Int(entry & ~Self.outputBit)
                if entry & Self.outputBit != 0 {
                    report(unsafe Int(table[state &+ classCount]), into: &scratch)
                }
                at &+= 1
            } while at < count && (state >= deep || at &- begin < 4)
            if at == count { return }
            place = at &- 3
        }
        var state = 0
        while place < count {
            let entry = unsafe table[
                state &+ Int(classOf[Int(text.load(fromByteOffset: place, as: UInt8.self))])
            ]
            state = Int(entry & ~Self.outputBit)
            if entry & Self.outputBit != 0 { report(unsafe Int(table[state &+ classCount]), into: &scratch) }
            place &+= 1
        }
    }

    /// 1 if a pattern may begin with the low four bytes of `word`, else 0.
    @inline(__always)
    private static func look(
        _ word: UInt64,
        _ grams: UnsafePointer<UInt32>,
        _ pairs: UnsafePointer<UInt32>
    ) -> UInt32 {
        let folded = UInt32(truncatingIfNeeded: word) | GramFilter.fold
        let hash = (folded &* GramFilter.multiplier) &>> (32 &- GramFilter.gramBits)
        let pair = UInt32(truncatingIfNeeded: word) & 0xffff
        return unsafe ((grams[Int(hash &>> 5)] &>> hash) | (pairs[Int(pair &>> 5)] &>> pair)) & 1
    }

    /// Whether what the first look found stands up to a second one.
    @inline(__always)
    private static func confirm(
        _ word: UInt64,
        _ seconds: UnsafePointer<UInt32>,
        _ pairs: UnsafePointer<UInt32>
    ) -> Bool {
        let folded = UInt32(truncatingIfNeeded: word) | GramFilter.fold
        let hash = (folded &* GramFilter.secondMultiplier) &>> 16
        let pair = UInt32(truncatingIfNeeded: word) & 0xffff
        return unsafe ((seconds[Int(hash &>> 5)] &>> hash) | (pairs[Int(pair &>> 5)] &>> pair)) & 1 != 0
    }

    private func report(_ list: Int, into scratch: inout PrefilterScratch) {
        for index in (list + 1)...(list + Int(outputs[list])) {
            scratch.add(Int(outputs[index]))
        }
    }
}

extension GramFilter {
    /// The addresses of the tables, which are never empty: 2^18, 2^16 and 2^16 bits.
    @inline(__always)
    fileprivate func withTables(
        _ body: (UnsafePointer<UInt32>, UnsafePointer<UInt32>, UnsafePointer<UInt32>) -> Void
    ) {
        unsafe grams.withUnsafeBufferPointer { grams in
            unsafe seconds.withUnsafeBufferPointer { seconds in
                unsafe pairs.withUnsafeBufferPointer { pairs in
                    guard let grams = grams.baseAddress, let seconds = seconds.baseAddress,
                        let pairs = pairs.baseAddress
                    else { return }
                    unsafe body(grams, seconds, pairs)
                }
            }
        }
    }
}

/// What one detector's scans write to: the patterns found, and when each was last found.
struct PrefilterScratch: ~Copyable {
    private var stamps: [UInt32]
    private var epoch: UInt32 = 0
    /// Patterns found by the last scan; valid up to `count`.
    private(set) var found: [UInt32]
    private(set) var count = 0

    init(patternCount: Int) {
        stamps = Array(repeating: 0, count: patternCount)
        found = Array(repeating: 0, count: patternCount)
    }

    /// Forgets what was found.
    mutating func begin(patternCount: Int) {
        precondition(patternCount == stamps.count, "scratch of another rule set")
        count = 0
        epoch &+= 1
        if epoch == 0 {
            for index in stamps.indices { stamps[index] = 0 }
            epoch = 1
        }
    }

    /// Notes a pattern, once.
    mutating func add(_ pattern: Int) {
        guard stamps[pattern] != epoch else { return }
        stamps[pattern] = epoch
        found[count] = UInt32(pattern)
        count += 1
    }
}
