// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Foundation

// What `beltway exec` does: environment, then the program in this process's place.
//
//     LD_PRELOAD     libbeltway-pcap.so, before what is preloaded already
//     BELTWAY_DATA   data directory of the instance, absolute: daemons change their folder
//     BELTWAY_INSTEAD  with --instead: interfaces that are captured are read from their rings under their own names
//     LD_LIBRARY_PATH  where programs that load libpcap while they run (scapy) find the preloaded library before it

/// What `beltway exec` is asked: an unmodified program, with the rings of an instance as devices of libpcap's.
public struct ExecRequest: Sendable {
    /// Data directory of the instance; nil to look for one that runs.
    public var data: String?
    /// Whether an interface that is captured is read from its rings under its own name: `eth0`, not `beltway:eth0`.
    public var isInstead = false
    /// The program, looked for on the path, and its arguments.
    public var command: [String]

    /// Asks for a program.
    public init(command: [String]) { self.command = command }

    /// Becomes the program.
    ///
    /// - Throws: ``ApplianceError`` if no instance runs, the library is not built, or there is no such program.
    public func run() throws(ApplianceError) -> Never {
        guard let program = command.first, !program.isEmpty else {
            throw .usage("exec takes a program: beltway exec -- tcpdump -i beltway:eth0")
        }
        let data = absolute(try DataDirectory.running(data))
        guard let library = Self.library() else {
            throw .failure(
                "\(Self.libraryName) is neither beside this program nor installed; ./deployments/build-pcap builds it"
            )
        }
        guard !library.contains(where: { $0 == ":" || $0.isWhitespace }) else {
            throw .failure(
                "the loader takes no path with colons or spaces, as in \(library); deployments/build-pcap --install "
                    + "/usr/local puts the library elsewhere"
            )
        }
        if let obstacle = Self.obstacle(to: program) { Console().note(obstacle) }
        Self.prepend(library, to: "LD_PRELOAD")
        let folder = (library as NSString).deletingLastPathComponent + "/dlopen"
        if FileManager.default.fileExists(atPath: folder) { Self.prepend(folder, to: "LD_LIBRARY_PATH") }
        _ = unsafe setenv("BELTWAY_DATA", data, 1)
        _ = unsafe isInstead ? setenv("BELTWAY_INSTEAD", "1", 1) : unsetenv("BELTWAY_INSTEAD")
        // What the program expects, and this one has changed (Beltway.swift).
        signal(SIGPIPE, SIG_DFL)
        var words: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) }
        unsafe words.append(nil)
        if let name = unsafe words[0] { _ = unsafe execvp(name, words) }
        throw .failure("\(program): \(unsafe String(cString: strerror(errno)))")
    }

    private static func prepend(_ path: String, to variable: String) {
        let others = ProcessInfo.processInfo.environment[variable] ?? ""
        _ = unsafe setenv(variable, others.isEmpty ? path : path + ":" + others, 1)
    }

    private func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    // MARK: The library

    static let libraryName = "libbeltway-pcap.so"

    /// Where the library is: named by BELTWAY_PCAP, beside the program, installed with it, or built in its tree.
    static func library() -> String? {
        if let named = ProcessInfo.processInfo.environment["BELTWAY_PCAP"] {
            return FileManager.default.isReadableFile(atPath: named) ? named : nil
        }
        guard let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        else {
            return nil
        }
        let folder = URL(fileURLWithPath: program).deletingLastPathComponent()
        // .build/<machine>/release/beltway: three folders below the tree.
        let places = [".", "../lib/beltway", "../../../.build-c/pcap"].map {
            folder.appendingPathComponent($0).appendingPathComponent(libraryName).standardizedFileURL.path
        }
        return (places + ["/usr/local/lib/beltway/" + libraryName, "/usr/lib/beltway/" + libraryName]).first {
            FileManager.default.isReadableFile(atPath: $0)
        }
    }

    /// Why the loader will not preload anything into a program, if it will not: it has more rights than its user.
    static func obstacle(to program: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let places = program.contains("/") ? [program] : folders.map { "\($0)/\(program)" }
        guard let path = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }),
            geteuid() != 0
        else { return nil }
        var status = stat()
        let isSetID = unsafe stat(path, &status) == 0 && status.st_mode & (S_ISUID | S_ISGID) != 0
        let hasCapabilities = unsafe getxattr(path, "security.capability", nil, 0) > 0
        guard isSetID || hasCapabilities else { return nil }
        return "\(path) runs with rights of its own, so the loader preloads nothing into it; "
            + "use `beltway extcap` (Wireshark, tshark), or pipe `beltway tap -w -` into it"
    }
}
