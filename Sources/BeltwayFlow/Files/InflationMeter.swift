// SPDX-License-Identifier: Apache-2.0
// How much bodies may grow when they are inflated, and how many are inflated at a time: a byte of deflate may stand for
// 1,032, a few kilobytes a second would fill a worker.
//
//     flow       given <= 1 MiB + 250 x taken                   over all its bodies
//     worker     credit: 64 MiB, 40 more for each byte taken, one less for each given; when it is used up, a flow whose
//                bodies have grown more than 40-fold is left where it is
//     inflaters  least recently used ... most recently used     at most 512 of 56 KiB: the first gives way
//
// Text and markup grow less than 20-fold, logs and dumps of zeros are what a flow's own bound is for.
//
// Invariant. An inflater is in its account's list from `add` to `remove`, which it calls itself when it ends; so the list,
//            which owns nothing, names none that is gone.
internal import BeltwayWire

/// What the bodies of one flow grew to.
final class InflationMeter {
    /// Bytes that may come out of a flow's bodies whatever went in.
    private static var mostFree: UInt64 { 1 << 20 }
    /// Beyond that, so many out for one in.
    private static var mostRatio: UInt64 { 250 }

    let account: InflationAccount
    private var taken: UInt64 = 0
    private var given: UInt64 = 0

    init(_ account: InflationAccount) { self.account = account }

    /// Counts bytes that go in.
    func take(_ count: Int) {
        taken &+= UInt64(count)
        account.take(count)
    }

    /// Counts bytes that came out.
    ///
    /// - Returns: False if that is more than may be.
    func give(_ count: Int) -> Bool {
        given &+= UInt64(count)
        let isModest = given / max(taken, 1) <= InflationAccount.modestRatio
        let isCovered = account.give(count)
        if given <= InflationMeter.mostFree { return isCovered || isModest }
        return given / max(taken, 1) <= InflationMeter.mostRatio && (isCovered || isModest)
    }
}

/// What all bodies of a worker grew to, and its inflaters.
final class InflationAccount {
    /// So many out for one in are always paid for.
    static var modestRatio: UInt64 { 40 }
    private static var mostCredit: Int { 64 << 20 }
    /// Inflaters at a time.
    private static var mostInflaters: Int { 512 }

    private var credit = InflationAccount.mostCredit
    private var count = 0
    /// The least and the most recently used.
    unowned private var first: BodyInflater?
    unowned private var last: BodyInflater?

    func take(_ count: Int) {
        credit = min(credit + count * Int(InflationAccount.modestRatio), InflationAccount.mostCredit)
    }

    /// Bytes that one message of so many may grow to, if what is beyond `most` is too much in any case.
    func bound(of count: Int, most: Int) -> Int {
        credit > 0 ? most : min(most, count * Int(InflationAccount.modestRatio))
    }

    /// - Returns: False if there is no credit left.
    func give(_ count: Int) -> Bool {
        credit = max(credit - count, -InflationAccount.mostCredit)
        return credit >= 0
    }

    /// Takes a new inflater in; the one that was not used for longest gives way if there are too many.
    func add(_ inflater: BodyInflater) {
        if count >= InflationAccount.mostInflaters, let first { first.giveWay() }
        count += 1
        append(inflater)
    }

    /// Forgets an inflater.
    func remove(_ inflater: BodyInflater) {
        count -= 1
        unlink(inflater)
    }

    /// Notes that an inflater is used.
    func touch(_ inflater: BodyInflater) {
        if inflater === last { return }
        unlink(inflater)
        append(inflater)
    }

    private func append(_ inflater: BodyInflater) {
        inflater.before = last
        inflater.after = nil
        last?.after = inflater
        last = inflater
        if first == nil { first = inflater }
    }

    private func unlink(_ inflater: BodyInflater) {
        let (before, after) = (inflater.before, inflater.after)
        if let before { before.after = after } else { first = after }
        if let after { after.before = before } else { last = before }
        inflater.before = nil
        inflater.after = nil
    }
}
