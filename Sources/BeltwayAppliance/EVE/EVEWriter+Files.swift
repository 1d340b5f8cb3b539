// SPDX-License-Identifier: Apache-2.0
// Counters of files, in the `stats` event and in the summary of a run: what was seen, and what became of what was to be
// stored. Suricata counts open files alone.
import BeltwayFlow

extension TextBuffer {
    /// Appends the members `files` and, if files are stored, `file_store`.
    mutating func append(files: FileCounters, _ store: FileStoreCounters?) {
        append(",\"files\":")
        append(counters: files.named)
        guard let store else { return }
        append(",\"file_store\":")
        append(counters: store.named)
    }

    private mutating func append(counters: [(name: StaticString, value: UInt64)]) {
        append(0x7b)
        for (index, counter) in counters.enumerated() {
            if index > 0 { append(0x2c) }
            append(0x22)
            append(counter.name)
            append("\":")
            append(decimal: counter.value)
        }
        append(0x7d)
    }
}

extension FileCounters {
    /// All counters by name.
    var named: [(name: StaticString, value: UInt64)] {
        [
            ("seen", files), ("bytes", bytes), ("truncated", truncated), ("with_gaps", withGaps),
            ("too_large", tooLarge), ("undecoded", undecoded), ("bombs", bombs), ("inflaters_gone", gaveWay),
        ]
    }
}

extension FileStoreCounters {
    /// All counters by name.
    var named: [(name: StaticString, value: UInt64)] {
        [
            ("stored", stored), ("bytes", bytes), ("duplicates", duplicates), ("incomplete", incomplete),
            ("over_quota", overQuota), ("over_pending", overPending), ("failed", failed),
        ]
    }
}
