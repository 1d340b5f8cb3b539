// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayTestSupport
import Foundation
import Testing

@Suite(.enabled(if: Corpus.root != nil && isReleaseBuild, "\(Corpus.absence) Or this is no release build."))
struct `Sessions against Arkime's` {
    /// What both tools say of all sessions of a tuple in a file.
    struct Sum: Equatable, CustomStringConvertible {
        var packets = [0, 0]
        var bytes = [0, 0]
        var first = Int.max
        var last = 0
        var communityID = ""

        var description: String { "\(packets) packets \(bytes) bytes \(first)-\(last) \(communityID)" }

        mutating func add(lowerFirst: Bool, packets p: [Int], bytes b: [Int], first f: Int, last l: Int) {
            for side in 0...1 {
                packets[side] += p[lowerFirst ? side : 1 - side]
                bytes[side] += b[lowerFirst ? side : 1 - side]
            }
            first = min(first, f)
            last = max(last, l)
        }
    }

    @Test func `count the same packets and bytes at the same times, under the same Community ID`() throws {
        var theirs: [String: [Conversation: Sum]] = [:]
        var leftOut = 0
        for row in tableRows((Corpus.root ?? "") + "/expected/arkime/sessions.tsv") where row.count > 15 {
            let number = Int(row[2]) ?? 0
            guard number != 0, let a = Tuple.End(row[3], Int(row[4]) ?? 0),
                let b = Tuple.End(row[5], Int(row[6]) ?? 0)
            else {
                leftOut += 1
                continue
            }
            let n = row[7...12].map { Int($0) ?? 0 }
            let conversation = Conversation(number, a, b)
            theirs[row[0], default: [:]][conversation, default: Sum()].add(
                lowerFirst: conversation.lower == a,
                packets: [n[2], n[4]],
                bytes: [n[3], n[5]],
                first: Int(row[13]) ?? 0,
                last: Int(row[14]) ?? 0
            )
            theirs[row[0]]?[conversation]?.communityID = row[15]
        }
        #expect(theirs.count > 100)
        var (compared, equal, values, times, ids, withID) = (0, 0, 0, 0, 0, 0)
        var wrong: [String] = []
        for (file, table) in theirs.sorted(by: { $0.key < $1.key }) {
            var configuration = FlowConfiguration()
            configuration.vlansSeparateFlows = false
            var ours: [Conversation: Sum] = [:]
            for flow in try MeteredFlows.of((Corpus.root ?? "") + "/" + file, configuration) {
                var (a, b) = (flow.originatorEnd, flow.responderEnd)
                // Arkime's sessions of these protocols have no ports.
                if ![6, 17, 132].contains(flow.transportProtocol) { (a.port, b.port) = (0, 0) }
                let conversation = Conversation(Int(flow.transportProtocol), a, b)
                ours[conversation, default: Sum()].add(
                    lowerFirst: conversation.lower == a,
                    packets: [Int(flow.packetsToResponder), Int(flow.packetsToOriginator)],
                    bytes: [Int(flow.bytesToResponder), Int(flow.bytesToOriginator)],
                    first: Int(flow.start.nanoseconds / 1_000_000),
                    last: Int(flow.end.nanoseconds / 1_000_000)
                )
                if ours[conversation]?.communityID.isEmpty == true {
                    ours[conversation]?.communityID = flow.communityID()
                }
            }
            for (conversation, sum) in table.sorted(by: { $0.key.text < $1.key.text }) {
                compared += 1
                let our = ours[conversation] ?? Sum()
                let isEqual = our.packets == sum.packets && our.bytes == sum.bytes
                let isTimed = our.first == sum.first && our.last == sum.last
                equal += isEqual ? 1 : 0
                values += zip(our.packets + our.bytes, sum.packets + sum.bytes).count { $0 == $1 }
                times += isTimed ? 1 : 0
                if !sum.communityID.isEmpty { withID += 1 }
                let isNamed = sum.communityID.isEmpty || our.communityID == sum.communityID
                if !sum.communityID.isEmpty, isNamed { ids += 1 }
                if !isEqual || !isTimed || !isNamed {
                    wrong.append("\(file) \(conversation.text): \(sum) by Arkime, \(our) by us")
                }
            }
        }
        for line in wrong { print("arkime: \(line)") }
        print(
            "arkime: of \(compared) tuples \(equal) with equal packets and bytes (\(values) of \(4 * compared) "
                + "values), \(times) with equal times, "
                + "\(ids) of \(withID) Community IDs; left out \(leftOut) sessions without IP"
        )
        #expect(equal * 100 >= compared * 97)
        #expect(values * 100 >= 4 * compared * 98)
        #expect(times * 100 >= compared * 98)
        #expect(ids * 100 >= withID * 93)
    }
}
