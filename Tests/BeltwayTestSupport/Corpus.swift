// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The captures that tests may be run against: the folder that BELTWAY_CORPUS names, or `../shared/corpus`.
public enum Corpus {
    /// The corpus, or nil if there is none.
    public static let root: String? = {
        let named = ProcessInfo.processInfo.environment["BELTWAY_CORPUS"]
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let path = named ?? package.deletingLastPathComponent().appendingPathComponent("shared/corpus").path
        return FileManager.default.fileExists(atPath: path + "/INDEX.tsv") ? path : nil
    }()

    /// What a test that needs it says when it is absent.
    public static let absence = "The corpus is not here; BELTWAY_CORPUS can name it."

    /// One line of INDEX.tsv.
    public struct Capture: Sendable {
        /// Path below the corpus.
        public var name: String
        /// Link type as capinfos names it.
        public var linkType: String
        /// Packets, or nil where the tools that made the index could not read the file.
        public var packets: Int?
        /// The whole path.
        public var path: String
    }

    /// Every capture of the index, or none if the corpus is absent.
    public static var captures: [Capture] {
        guard let root, let index = try? String(contentsOfFile: root + "/INDEX.tsv", encoding: .utf8) else {
            return []
        }
        return index.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard fields.count > 6 else { return nil }
            return Capture(
                name: fields[0],
                linkType: fields[4],
                packets: Int(fields[6]),
                path: root + "/" + fields[0]
            )
        }
    }
}
