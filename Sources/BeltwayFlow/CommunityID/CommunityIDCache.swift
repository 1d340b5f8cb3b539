// SPDX-License-Identifier: Apache-2.0

/// Community IDs of the flows that were asked for last: a flow's transactions and its record have the same one.
///
/// Direct-mapped by flow identifier; one that was pushed out is computed again. A flow identifier names one tuple, so
/// what is found is right. Takes 160 KiB.
public struct CommunityIDCache {
    private struct Entry: BitwiseCopyable {
        var flowID: UInt64 = 0
        var text = InlineArray<32, UInt8>(repeating: 0)
    }

    /// Characters of a Community ID of version 1.
    private static let length = 30
    private var entries = [Entry](repeating: Entry(), count: 4096)
    private let seed: UInt16

    /// Makes an empty cache.
    public init(seed: UInt16) { self.seed = seed }

    /// Appends the Community ID of a flow.
    ///
    /// - Parameters:
    ///   - output: Gets 30 characters.
    ///   - flowID: The flow; 0 is none, and not kept.
    ///   - compute: Appends it if it is not known.
    public mutating func append(
        to output: inout TextBuffer,
        flowID: UInt64,
        compute: (inout [UInt8], _ seed: UInt16) -> Void
    ) {
        let place = Int(truncatingIfNeeded: (flowID &* 0x9e37_79b9_7f4a_7c15) >> 52)
        if flowID != 0, entries[place].flowID == flowID {
            let text = entries[place].text
            output.append(text.span.extracting(first: CommunityIDCache.length))
            return
        }
        var text: [UInt8] = []
        text.reserveCapacity(32)
        compute(&text, seed)
        output.append(text.span)
        guard flowID != 0, text.count == CommunityIDCache.length else { return }
        entries[place].flowID = flowID
        for index in text.indices { entries[place].text[index] = text[index] }
    }
}
