// SPDX-License-Identifier: Apache-2.0

// Which blocks of a ring with headers out of band can be read now, by number.

extension DescribedRing {
    /// Numbers of the blocks that can be read now: header and block are both whole.
    ///
    /// The lower end moves on at any time unless the ring is held.
    public var window: Range<UInt64> {
        let headers = headers.window
        let oldest = bodies.window.lowerBound
        let end = headers.upperBound / 32
        // Blocks lie in the order of their headers: the first one that is whole is found by halves.
        var (low, high) = (headers.lowerBound / 32, end)
        while low < high {
            let middle = low + (high - low) / 2
            if let position = position(ofBlock: middle), position >= oldest {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low..<end
    }

    /// Where a block begins, if its header is published and whole.
    func position(ofBlock number: UInt64) -> UInt64? {
        let (place, overflow) = number.multipliedReportingOverflow(by: 32)
        guard !overflow else { return nil }
        return headers.entry(at: place)?.position.bytes
    }
}
