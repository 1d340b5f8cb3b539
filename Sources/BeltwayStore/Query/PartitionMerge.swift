// SPDX-License-Identifier: Apache-2.0

/// Brings the rows of several partitions into one order.
///
/// Partitions nearly follow each other in time, so only the few that overlap are asked at once: one whose least
/// time lies ahead of the next row waits.
struct PartitionMerge<Row: StoredRow> {
    /// What is known of one partition's matching rows.
    private struct Run {
        let reader: PartitionReader
        let least: Int64
        let greatest: Int64
        var places: ArraySlice<RowPlace> = []
        /// The last place that was asked for.
        var last: RowPlace?
        /// Whether places beyond these may exist.
        var hasMore = true
    }

    private var runs: [Run]
    /// Runs with places that are known, the few that overlap.
    private var active: [Int] = []
    /// Runs not yet asked, the one with the least time last.
    private var waiting: [Int] = []
    private var finished: Set<Int> = []
    private let condition: SQLCondition
    private let shape: RowShape

    init(
        shape: RowShape,
        readers: [PartitionReader],
        least: [Int64],
        greatest: [Int64],
        condition: SQLCondition
    ) {
        self.shape = shape
        runs = readers.indices.map { Run(reader: readers[$0], least: least[$0], greatest: greatest[$0]) }
        self.condition = condition
        waiting = runs.indices.sorted { (runs[$0].least, $0) > (runs[$1].least, $1) }
    }

    /// Hands all rows, or the newest `limit` of them, to `body` until it answers false.
    mutating func run(limit: Int?, outcome: inout FlowQuery.Outcome, _ body: ([Row]) -> Bool) {
        if let limit {
            guard limit > 0 else { return }
            findNewest(limit, &outcome)
        }
        while true {
            let (batch, isLast) = nextBatch(&outcome)
            if !batch.isEmpty {
                let rows = fetch(batch, &outcome)
                outcome.rows += rows.count
                if !rows.isEmpty, !body(rows) { return }
            }
            if isLast { return }
        }
    }

    /// Leaves in every run only those places that are among the newest `limit` of all.
    private mutating func findNewest(_ limit: Int, _ outcome: inout FlowQuery.Outcome) {
        var newest: [(place: RowPlace, run: Int)] = []
        for index in runs.indices.sorted(by: { runs[$0].greatest > runs[$1].greatest }) {
            runs[index].hasMore = false
            if newest.count == limit, let oldest = newest.first, runs[index].greatest < oldest.place.time {
                continue
            }
            do {
                let places = try runs[index].reader.places(
                    of: shape,
                    condition,
                    newestFirst: true,
                    limit: limit
                )
                runs[index].reader.disconnect()
                newest += places.map { ($0, index) }
                newest.sort { ($0.place.time, $0.run, $0.place.row) < ($1.place.time, $1.run, $1.place.row) }
                newest.removeFirst(max(0, newest.count - limit))
            } catch {
                outcome.problems.append(error)
            }
        }
        for (place, index) in newest { runs[index].places.append(place) }
    }

    /// The next places in order, at most a batch of them.
    private mutating func nextBatch(
        _ outcome: inout FlowQuery.Outcome
    ) -> (batch: [(place: RowPlace, run: Int)], isLast: Bool) {
        var batch: [(place: RowPlace, run: Int)] = []
        while batch.count < FlowQuery.batch {
            refill(&outcome)
            guard let next = earliest() else { return (batch, true) }
            batch.append((runs[next].places.removeFirst(), next))
        }
        return (batch, false)
    }

    /// Sees to it that the earliest place of all is among those known.
    private mutating func refill(_ outcome: inout FlowQuery.Outcome) {
        for index in active where runs[index].places.isEmpty {
            if runs[index].hasMore { ask(index, &outcome) }
            if runs[index].places.isEmpty { finished.insert(index) }
        }
        if !finished.isEmpty { active.removeAll { finished.remove($0) != nil } }
        while let index = waiting.last {
            if let next = earliest(), let place = runs[next].places.first, place.time < runs[index].least {
                return
            }
            waiting.removeLast()
            if runs[index].hasMore { ask(index, &outcome) }
            if !runs[index].places.isEmpty { active.append(index) }
        }
    }

    private func earliest() -> Int? {
        var best: Int?
        for index in active {
            guard let place = runs[index].places.first else { continue }
            if let current = best, let other = runs[current].places.first,
                (other.time, current) < (place.time, index)
            {
                continue
            }
            best = index
        }
        return best
    }

    private mutating func ask(_ index: Int, _ outcome: inout FlowQuery.Outcome) {
        do {
            let places = try runs[index].reader.places(
                of: shape,
                condition,
                after: runs[index].last,
                newestFirst: false,
                limit: FlowQuery.placesAtOnce
            )
            let previous = runs[index].last
            runs[index].places = places[...]
            runs[index].last = places.last
            // A damaged index might answer the same places for ever: only progress goes on.
            let advanced = previous.map { before in places.last.map { $0 > before } ?? false } ?? true
            runs[index].hasMore = places.count == FlowQuery.placesAtOnce && advanced
        } catch {
            runs[index].hasMore = false
            outcome.problems.append(error)
        }
    }

    /// The rows at these places in the same order, one read per partition concerned.
    private mutating func fetch(
        _ batch: [(place: RowPlace, run: Int)],
        _ outcome: inout FlowQuery.Outcome
    ) -> [Row] {
        var rows = [Row?](repeating: nil, count: batch.count)
        for index in Set(batch.map(\.run)) {
            let slots = batch.indices.filter { batch[$0].run == index }
            do {
                let found = try runs[index].reader.rows(
                    of: Row.self,
                    shape,
                    at: slots.map { batch[$0].place }[...]
                )
                for (slot, row) in zip(slots, found) { rows[slot] = row }
            } catch {
                outcome.problems.append(error)
                runs[index].places = []
                runs[index].hasMore = false
            }
            if runs[index].places.isEmpty, !runs[index].hasMore { runs[index].reader.disconnect() }
        }
        return rows.compactMap(\.self)
    }
}
