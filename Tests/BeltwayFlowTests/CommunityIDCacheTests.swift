// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import Testing

@Suite struct `Community IDs that were asked for before` {
    private static func text(_ flowID: UInt64, _ cache: inout CommunityIDCache, _ asked: inout Int) -> String
    {
        var output = TextBuffer(capacity: 64)
        var times = 0
        cache.append(to: &output, flowID: flowID) { bytes, seed in
            times += 1
            let record = FlowRecord.named(flowID)
            record.appendCommunityID(to: &bytes, seed: seed)
        }
        asked += times
        return String(decoding: output.copy(), as: UTF8.self)
    }

    @Test func `are those of the flow, whatever was asked for in between`() {
        var cache = CommunityIDCache(seed: 7)
        var asked = 0
        // Three times as many flows as it has places, forth and back: hits, misses, and places taken over.
        for flowID in Array(1...12_000 as ClosedRange<UInt64>) + (1...12_000).reversed() {
            #expect(Self.text(flowID, &cache, &asked) == FlowRecord.named(flowID).communityID(seed: 7))
        }
        #expect(asked > 12_000 && asked < 24_000)
    }

    @Test func `are computed once for a flow that is asked for twice`() {
        var cache = CommunityIDCache(seed: 0)
        var asked = 0
        let first = Self.text(.max, &cache, &asked)
        #expect(Self.text(.max, &cache, &asked) == first)
        #expect(asked == 1)
    }

    @Test func `are not kept for no flow`() {
        var cache = CommunityIDCache(seed: 0)
        var asked = 0
        for _ in 0..<2 { _ = Self.text(0, &cache, &asked) }
        #expect(asked == 2)
    }
}

extension FlowRecord {
    fileprivate static func named(_ flowID: UInt64) -> FlowRecord {
        var record = FlowRecord()
        record.flowID = flowID
        record.originatorPort = UInt16(truncatingIfNeeded: flowID)
        record.responderPort = 53
        record.transportProtocol = 17
        record.ipVersion = 4
        return record
    }
}
