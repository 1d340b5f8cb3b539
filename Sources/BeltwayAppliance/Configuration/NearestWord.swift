// SPDX-License-Identifier: Apache-2.0

/// The word among `words` that needs the fewest edits to become `word` (Levenshtein).
///
/// - Parameters:
///   - word: What was written.
///   - words: What is known; not empty.
/// - Returns: The nearest of them.
public func nearestWord(to word: String, among words: [String]) -> String {
    func distance(_ a: [Character], _ b: [Character]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var previous = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let cost = min(previous + (x == y ? 0 : 1), row[j] + 1, row[j + 1] + 1)
                previous = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[b.count]
    }
    let characters = Array(word.prefix(64))
    return words.min { distance(characters, Array($0)) < distance(characters, Array($1)) } ?? ""
}

/// The first 60 characters of a text, for a message of one line.
func excerpt(_ text: String) -> String { text.count > 60 ? text.prefix(60) + "..." : text }

/// A text as one word of a shell: quoted if it has to be.
func shellWord(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy {
        "/._-+:,@%".utf8.contains($0) || ($0 < 128 && UnicodeScalar($0).properties.isAlphabetic)
            || (48...57).contains($0)
    }
    return isPlain && !text.isEmpty ? text : "'" + text.replacing("'", with: "'\\''") + "'"
}
