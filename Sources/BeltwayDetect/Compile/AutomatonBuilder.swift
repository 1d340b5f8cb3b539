// SPDX-License-Identifier: Apache-2.0
// Aho-Corasick construction (Aho and Corasick, 1975): a trie of all patterns, failure links in breadth-first
// order, and from both a table that has a next state for every state and byte, so that scanning never backs up.
//
//   row of state s:   next for class 0 | next for class 1 | ... | output list of s
//
// Bytes that no pattern tells apart share a class (capitals and small letters do too), which narrows the rows.
// States are numbered breadth-first, so the rows that nearly all bytes are looked up in lie together.

/// Builds the table of a ``PrefilterAutomaton``.
struct AutomatonBuilder {
    /// Class of each byte value; class 0 is every byte that no pattern holds.
    private(set) var classOf = [UInt8](repeating: 0, count: 256)
    private(set) var classCount = 1
    /// Rows as described above; entries are offsets of rows, with ``PrefilterAutomaton/outputBit``.
    private(set) var table: [UInt32] = []
    /// Output lists, one after another: count, then pattern numbers.
    private(set) var outputs: [UInt32] = [0]
    private(set) var stateCount = 0
    /// States from this one on stand for four bytes or more of a pattern.
    private(set) var firstDeepState = 0

    var stride: Int { classCount + 1 }

    /// Builds the table of distinct, non-empty patterns without capitals.
    ///
    /// - Returns: nil if the table would have more than `mostEntries` entries.
    init?(_ patterns: [[UInt8]], mostEntries: Int) {
        numberClasses(patterns)
        var trie = Trie(classCount: classCount)
        for (number, pattern) in patterns.enumerated() {
            trie.insert(pattern.lazy.map { [classOf] in classOf[Int($0)] }, number: UInt32(number))
        }
        stateCount = trie.stateCount
        guard stateCount <= mostEntries / stride else { return nil }
        fill(from: trie)
    }

    private mutating func numberClasses(_ patterns: [[UInt8]]) {
        var isUsed = [Bool](repeating: false, count: 256)
        for pattern in patterns { for byte in pattern { isUsed[Int(byte)] = true } }
        for byte in 0..<256 where isUsed[byte] {
            precondition(classCount < 256, "patterns hold capitals")
            classOf[byte] = UInt8(classCount)
            classCount += 1
        }
        for capital in 0x41...0x5a { classOf[capital] = classOf[capital + 0x20] }
    }

    private mutating func fill(from trie: Trie) {
        let stride = stride
        table = [UInt32](repeating: 0, count: stateCount * stride)
        // Breadth first: the trie's node numbers become row numbers in order of depth.
        var nodes: [UInt32] = [0]
        nodes.reserveCapacity(stateCount)
        var failure: [UInt32] = [0]
        failure.reserveCapacity(stateCount)
        var lists: [[UInt32]] = [[]]
        lists.reserveCapacity(stateCount)
        // The number of the first state of the level after the one being filled, for each level.
        var depth = 0
        var nextLevel = 1
        firstDeepState = stateCount
        var row = 0
        while row < nodes.count {
            if row == nextLevel {
                depth += 1
                nextLevel = nodes.count
                if depth == 4 { firstDeepState = row }
            }
            let node = nodes[row]
            let base = row * stride
            let inherited = Int(failure[row]) * stride
            if row > 0 {
                for c in 0..<classCount { table[base + c] = table[inherited + c] }
            }
            for (c, child) in trie.children(of: node) {
                let target = nodes.count
                nodes.append(child)
                // The failure of a child is where its parent's failure goes on the same class; at the root, the root.
                let back = row == 0 ? 0 : table[inherited + Int(c)] & ~PrefilterAutomaton.outputBit
                let backRow = Int(back) / stride
                failure.append(UInt32(backRow))
                let list = trie.pattern(at: child).map { [$0] + lists[backRow] } ?? lists[backRow]
                lists.append(list)
                var entry = UInt32(target * stride)
                if !list.isEmpty {
                    entry |= PrefilterAutomaton.outputBit
                }
                table[base + Int(c)] = entry
            }
            if !lists[row].isEmpty {
                table[base + classCount] = UInt32(outputs.count)
                outputs.append(UInt32(lists[row].count))
                outputs.append(contentsOf: lists[row])
            }
            row += 1
        }
    }
}

/// The patterns as a tree of classes.
private struct Trie {
    private var edges: [UInt64: UInt32] = [:]
    private var firstChild: [UInt32] = [0]
    private var nextSibling: [UInt32] = [0]
    private var labels: [UInt8] = [0]
    private var numbers: [UInt32] = [.max]

    init(classCount: Int) {}

    var stateCount: Int { labels.count }

    mutating func insert(_ pattern: some Sequence<UInt8>, number: UInt32) {
        var node: UInt32 = 0
        for label in pattern {
            let key = UInt64(node) << 8 | UInt64(label)
            if let next = edges[key] {
                node = next
                continue
            }
            let new = UInt32(labels.count)
            edges[key] = new
            labels.append(label)
            numbers.append(.max)
            firstChild.append(0)
            nextSibling.append(firstChild[Int(node)])
            firstChild[Int(node)] = new
            node = new
        }
        numbers[Int(node)] = number
    }

    func pattern(at node: UInt32) -> UInt32? {
        numbers[Int(node)] == .max ? nil : numbers[Int(node)]
    }

    func children(of node: UInt32) -> [(UInt8, UInt32)] {
        var result: [(UInt8, UInt32)] = []
        var child = firstChild[Int(node)]
        while child != 0 {
            result.append((labels[Int(child)], child))
            child = nextSibling[Int(child)]
        }
        return result
    }
}
