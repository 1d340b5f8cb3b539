// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// Makes the script by which Wireshark finds this program.
public struct ExtcapInstallation: Sendable {
    /// A folder of extcap programs: `tshark -G folders` names them.
    public var folder: String
    /// Data directory that the script names; nil to look for a running instance each time.
    public var data: String?
    /// The program that the script calls; an absolute path.
    public var program: String

    /// Asks for a script in `folder`.
    public init(folder: String, data: String?, program: String) {
        self.folder = folder
        self.data = data
        self.program = program
    }

    /// Writes the script and makes it executable.
    ///
    /// - Returns: Exit status.
    /// - Throws: ``ApplianceError`` if the folder cannot be made or written to.
    public func run() throws(ApplianceError) -> Int32 {
        let path = folder + "/beltway-extcap"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(script.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        } catch {
            throw .failure("cannot write \(path): \(error.localizedDescription)")
        }
        Console().note("\(path) shows running captures to Wireshark; `tshark -D` lists them")
        return 0
    }

    /// What is written.
    var script: String {
        let place = data.map { " --data " + quoted(absolute($0)) } ?? ""
        return """
            #!/bin/sh
            # Running captures of Beltway as interfaces of Wireshark.
            exec \(quoted(program)) extcap\(place) "$@"

            """
    }

    private func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// A word for the shell.
    private func quoted(_ word: String) -> String {
        "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}
