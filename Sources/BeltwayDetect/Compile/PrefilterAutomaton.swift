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

    /// Bytes that the table and its lists take.
    var memoryInBytes: Int { table.count * 4 + outputs.count * 4 + classOf.count }

    init(_ built: AutomatonBuilder, patternCount: Int, window: Int) {
        self.patternCount = patternCount
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
                    entry & Self.outputBit == 0 || table[target + classCount] != 0, "output bit without outputs")
            }
            let list = Int(table[base + classCount])
            precondition(list < outputs.count && list + Int(outputs[list]) < outputs.count, "bad output list")
            for number in outputs[list...].dropFirst().prefix(Int(outputs[list])) {
                precondition(number < patternCount, "unknown pattern")
            }
        }
    }

    /// Scans `bytes` and leaves the numbers of the patterns that occur, each once, in `scratch`.
    func scan(_ bytes: RawSpan, into scratch: inout PrefilterScratch) {
        scratch.begin(patternCount: patternCount)
        let classCount = classCount
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe table.withUnsafeBufferPointer { table in
                unsafe classOf.withUnsafeBufferPointer { classOf in
                    var state = 0
                    for unsafe byte in unsafe bytes {
                        let entry = unsafe table[state &+ Int(classOf[Int(byte)])]
                        state = Int(entry & ~Self.outputBit)
                        if entry & Self.outputBit != 0 {
                            let list = unsafe Int(table[state &+ classCount])
                            report(list, into: &scratch)
                        }
                    }
                }
            }
        }
    }

    private func report(_ list: Int, into scratch: inout PrefilterScratch) {
        for index in (list + 1)...(list + Int(outputs[list])) {
            scratch.add(Int(outputs[index]))
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
