// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The working tree that these tests were built from.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .standardizedFileURL

    /// Paths, relative to the root, of all files below a folder; what builds leave behind is passed over.
    static func files(in folder: String, ending suffix: String = "") -> [String] {
        let start = root.appending(path: folder)
        guard
            let walk = FileManager.default.enumerator(
                at: start,
                includingPropertiesForKeys: [.isRegularFileKey]
            )
        else { return [] }
        var found: [String] = []
        for case let file as URL in walk {
            let values = try? file.resourceValues(forKeys: [.isRegularFileKey])
            guard values?.isRegularFile == true, file.lastPathComponent.hasSuffix(suffix) else { continue }
            found.append(String(file.standardizedFileURL.path.dropFirst(root.path.count + 1)))
        }
        return found.sorted()
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// A Swift file's lines of code: comments are cut off, and lines inside text literals of several lines left out.
    static func code(_ path: String) throws -> [String] {
        var inText = false
        var lines: [String] = []
        for line in try text(path).split(separator: "\n", omittingEmptySubsequences: false) {
            let marks = line.components(separatedBy: "\"\"\"").count - 1
            if marks % 2 == 1 { inText.toggle() }
            if inText || marks > 0 { continue }
            lines.append(withoutComment(String(line)))
        }
        return lines
    }

    private static func withoutComment(_ line: String) -> String {
        var inString = false
        var previous: Character = " "
        var result = ""
        for character in line {
            if character == "\"", previous != "\\" { inString.toggle() }
            if !inString, character == "/", previous == "/" { return String(result.dropLast()) }
            if !inString || character == "\"" { result.append(character) }
            previous = character
        }
        return result
    }
}
