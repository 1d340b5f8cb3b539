// SPDX-License-Identifier: Apache-2.0
import BeltwayAppliance
import Testing

@Suite struct `A size in bytes` {
    @Test(arguments: [
        ("16777216", 16_777_216), ("64M", 64 << 20), ("64MiB", 64 << 20), ("64 mb", 64 << 20),
        ("1.5 GiB", 3 << 29),
        ("8k", 8_192), ("2T", 2 << 40), ("0", 0), ("1_000", 1_000), ("7B", 7),
    ])
    func `is read as people write it`(text: String, bytes: Int) {
        #expect(ByteSize(text)?.bytes == bytes)
    }

    @Test(arguments: [
        "", "M", "-1", "1e3", "64MiBs", "0x10", "1.2.3", "٣", "9999999999999999999999", "4194304T", "nan",
        "inf", ".",
    ])
    func `is refused if it is none`(text: String) {
        #expect(ByteSize(text) == nil)
    }

    @Test func `is shown with the largest unit that divides it`() {
        #expect(ByteSize(bytes: 8 << 20).description == "8 MiB")
        #expect(ByteSize(bytes: 1 << 30).description == "1 GiB")
        #expect(ByteSize(bytes: 1_537).description == "1537 bytes")
        #expect(ByteSize(bytes: 0).description == "0 bytes")
    }

    @Test func `is read back as it was shown`() {
        for bytes in [0, 1, 1_023, 1_024, 3 << 20, 5 << 30, 7 << 40, 123_456_789] {
            let shown = ByteSize(bytes: bytes).description.replacing("bytes", with: "b")
            #expect(ByteSize(shown)?.bytes == bytes)
        }
    }
}

@Suite struct `The nearest word` {
    @Test(arguments: [
        ("ruls", "rules"), ("wrkers", "workers"), ("Queues", "queues"), ("storepackets", "store-packets"),
        ("", "api"),
    ])
    func `is the one with the fewest edits`(word: String, nearest: String) {
        #expect(
            nearestWord(to: word, among: ["api", "queues", "rules", "store-packets", "workers"]) == nearest
        )
    }

    @Test func `is found for a word of any length, at bounded cost`() {
        #expect(nearestWord(to: String(repeating: "x", count: 1_000_000), among: ["a", "xx"]) == "xx")
    }

    @Test func `is empty if nothing is known`() {
        #expect(nearestWord(to: "a", among: []) == "")
    }
}
