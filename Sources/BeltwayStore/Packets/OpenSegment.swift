// SPDX-License-Identifier: Apache-2.0
import BeltwayBuffers
import BeltwayWire

/// A segment that grows: its file, what it has taken of the budget, and what its closing block will say.
struct OpenSegment: ~Copyable {
    var file: SegmentFile
    /// Interfaces in its head.
    let interfaceCount: Int
    private let limit: UInt64
    private let headLength: Int
    /// Bytes taken from the budget.
    private var taken: UInt64
    private var closing = SegmentLayout.Closing()

    private init(file: consuming SegmentFile, headLength: Int, interfaceCount: Int, limit: UInt64) {
        self.file = file
        self.interfaceCount = interfaceCount
        self.limit = limit
        self.headLength = headLength
        taken = UInt64(headLength)
    }

    /// Makes the file and writes its head.
    static func create(
        _ path: String,
        head: [UInt8],
        interfaceCount: Int,
        limit: UInt64,
        _ budget: StorageBudget
    ) throws(PacketStoreError) -> OpenSegment {
        try budget.take(UInt64(head.count))
        do throws(PacketStoreError) {
            var file = try SegmentFile(creating: path)
            do throws(PacketStoreError) {
                try file.write(copying: head)
            } catch {
                _ = FileSystem.remove(file.path)
                throw error
            }
            file.keep(head.count)
            return OpenSegment(
                file: file,
                headLength: head.count,
                interfaceCount: interfaceCount,
                limit: limit
            )
        } catch {
            budget.giveBack(UInt64(head.count))
            throw error
        }
    }

    /// Whether its head names as many interfaces as the ring, and the region and a closing block keep it
    /// within its length; a first region always does.
    func accepts(_ region: Region, interfaceCount: Int) -> Bool {
        guard interfaceCount == self.interfaceCount else { return false }
        return file.length == headLength
            || UInt64(file.length + region.length + SegmentLayout.pageLength) <= limit
    }

    /// Has space for the region and for the closing block; a step ahead where the budget allows it.
    mutating func allocate(
        for region: Region,
        _ budget: StorageBudget,
        step: UInt64
    ) throws(PacketStoreError) {
        let end = file.length + region.length + SegmentLayout.pageLength
        guard end > file.allocated else { return }
        let needed = UInt64(end - file.allocated)
        let page = UInt64(SegmentLayout.pageLength)
        let used = UInt64(file.allocated)
        let rest = limit > used ? limit - used : 0
        let generous = min(step, rest) & ~(page - 1)
        if generous > needed, (try? take(generous, budget)) != nil { return }
        try take(needed, budget)
    }

    private mutating func take(_ bytes: UInt64, _ budget: StorageBudget) throws(PacketStoreError) {
        try budget.take(bytes)
        do throws(PacketStoreError) {
            try file.allocate(to: file.allocated + Int(bytes))
        } catch {
            budget.giveBack(bytes)
            throw error
        }
        taken += bytes
    }

    /// Lets a region count that was written whole; with the first one the file gets its name.
    mutating func keep(_ region: Region) throws(PacketStoreError) {
        try file.giveName()
        file.keep(region.length)
        guard region.packets > 0 else { return }
        closing.packets += region.packets
        closing.leastTime = min(closing.leastTime, region.leastTime)
        closing.greatestTime = max(closing.greatestTime, region.greatestTime)
    }

    /// Takes back what was written and does not count.
    mutating func discard(_ budget: StorageBudget) {
        file.discard()
        settle(budget)
    }

    private mutating func settle(_ budget: StorageBudget) {
        let allocated = UInt64(file.allocated)
        guard allocated < taken else { return }
        budget.giveBack(taken - allocated)
        taken = allocated
    }

    /// Writes the closing block, frees what was kept ahead, and hands the segment over to the budget.
    ///
    /// A file without a region is removed. If the closing block does not fit any more, the segment goes
    /// without it.
    ///
    /// - Returns: Whether the closing block was written.
    consuming func close(_ budget: StorageBudget, notStored: UInt64) -> Bool {
        guard file.hasName else {
            _ = FileSystem.remove(file.path)
            budget.giveBack(taken)
            return false
        }
        closing.notStored = notStored
        var end = file.length
        if file.allocated >= end + SegmentLayout.pageLength
            || (try? take(UInt64(SegmentLayout.pageLength), budget)) != nil,
            (try? file.write(copying: SegmentLayout.closingPage(closing))) != nil
        {
            end += SegmentLayout.closingLength
        }
        let wrote = end > file.length
        do throws(PacketStoreError) {
            try file.finish(at: end)
            settle(budget)
        } catch {
            // The pages stay where they are; they are counted as used and go when the segment goes.
        }
        budget.finish(path: file.path, bytes: taken)
        return wrote
    }
}
