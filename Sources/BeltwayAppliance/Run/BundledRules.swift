// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// The rules that come with Beltway, found from where the program lies.
public enum BundledRules {
    /// Folder of the rules installed beside the program, nil if there is none.
    ///
    /// Looked for, in this order: `/usr/share/beltway/rules`-like places relative to the program
    /// (`<program>/../share/beltway/rules`), then `rules` in any folder above the program (a build in its checkout).
    public static var path: String? {
        guard let program = Bundle.main.executableURL?.resolvingSymlinksInPath() else { return nil }
        var folder = program.deletingLastPathComponent()
        var candidates = [folder.appendingPathComponent("../share/beltway/rules").standardized]
        for _ in 0..<6 {
            candidates.append(folder.appendingPathComponent("rules"))
            folder = folder.deletingLastPathComponent()
        }
        return candidates.first {
            FileManager.default.fileExists(atPath: $0.appendingPathComponent("beltway.rules").path)
        }?.path
    }
}
