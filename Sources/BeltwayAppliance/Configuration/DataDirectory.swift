// SPDX-License-Identifier: Apache-2.0
internal import BeltwayFlow
internal import CLinux
internal import Foundation

/// Where an instance keeps its files, and the one lock that says it is running.
///
///     eve.json   flows/   packets/<ring>/   run/ (lock, state)
public final class DataDirectory: Sendable {
    /// The directory.
    public let path: String
    /// Why this one, for people.
    public let reason: String
    private let lock: Int32

    /// Where `beltway run` puts its files.
    ///
    /// `--data`, else `/var/lib/beltway` when it exists and is writable, else for live capture `./beltway-data`, and
    /// for files a fresh `./beltway-data/<time>` with the link `latest` set to it.
    public static func choose(_ named: String?, isOffline: Bool) throws(ApplianceError) -> DataDirectory {
        if let named { return try DataDirectory(named, "--data") }
        let system = "/var/lib/beltway"
        var isDirectory: ObjCBool = false
        if unsafe FileManager.default.fileExists(atPath: system, isDirectory: &isDirectory),
            isDirectory.boolValue,
            FileManager.default.isWritableFile(atPath: system)
        {
            return try DataDirectory(system, "it exists and is writable")
        }
        guard isOffline else { return try DataDirectory("beltway-data", "no \(system) here") }
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "yyyy-MM-dd'T'HH-mm-ss"
        let stamp = formatter.string(from: Date())
        var name = stamp
        var attempt = 2
        while FileManager.default.fileExists(atPath: "beltway-data/\(name)") {
            name = "\(stamp)-\(attempt)"
            attempt += 1
        }
        let directory = try DataDirectory("beltway-data/\(name)", "a fresh one for each run over files")
        let link = "beltway-data/latest"
        _ = unsafe unlink(link)
        _ = unsafe symlink(name, link)
        return directory
    }

    /// Where queries look: `--data`, else the directory of a running instance, else `./beltway-data/latest`, else
    /// `/var/lib/beltway`.
    public static func existing(_ named: String?) throws(ApplianceError) -> String {
        if let named {
            guard FileManager.default.fileExists(atPath: named) else {
                throw .failure("no data directory at \(named)")
            }
            return named
        }
        let used = ["beltway-data/latest", "beltway-data", "/var/lib/beltway"].filter { candidate in
            ["flows", "eve.json", "packets"].contains {
                FileManager.default.fileExists(atPath: "\(candidate)/\($0)")
            }
        }
        if let found = used.first(where: isRunning) ?? used.first { return found }
        throw .failure(
            "no data directory: neither ./beltway-data/latest nor /var/lib/beltway holds one; run `beltway run -r FILE` "
                + "first, or name it with --data"
        )
    }

    /// The data directory of an instance that runs: `--data`, else one of those where instances put their files.
    public static func running(_ named: String?) throws(ApplianceError) -> String {
        if let named {
            guard FileManager.default.fileExists(atPath: named) else {
                throw .failure("no data directory at \(named)")
            }
            guard isRunning(named) else { throw .failure("no instance runs in \(named)") }
            return named
        }
        let places = ["beltway-data/latest", "beltway-data", "/var/lib/beltway"]
        if let found = places.first(where: isRunning) { return found }
        throw .failure(
            "no instance runs here: neither ./beltway-data nor /var/lib/beltway is in use; "
                + "start one with `beltway run -i IFACE`, or name its data directory with --data"
        )
    }

    /// Whether an instance holds the lock of a directory.
    private static func isRunning(_ path: String) -> Bool {
        let file = unsafe beltway_open(path + "/run/lock", O_RDONLY | O_CLOEXEC, 0)
        guard file >= 0 else { return false }
        defer { close(file) }
        return beltway_lock_holder(file) > 0
    }

    private init(_ path: String, _ reason: String) throws(ApplianceError) {
        self.path = path
        self.reason = reason
        let run = path + "/run"
        if let problem = makeFolders(run) {
            throw .failure("cannot make the data directory \(path): \(problem)")
        }
        let file = unsafe beltway_open(run + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            throw .failure("cannot write in the data directory \(path): \(systemText(errno))")
        }
        let holder = beltway_lock(file)
        guard holder == 0 else {
            close(file)
            throw .failure("another beltway (process \(holder)) uses the data directory \(path)")
        }
        lock = file
    }

    /// The salt of flow ids in live capture, made at first use and kept: ids stay unique over restarts.
    var flowSalt: FlowIDSalt {
        let file = path + "/run/flow-salt"
        if let stored = FileManager.default.contents(atPath: file), stored.count == 16 {
            let words = [stored.prefix(8), stored.suffix(8)].map {
                $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            }
            return FlowIDSalt(low: words[0], high: words[1])
        }
        let salt = FlowIDSalt(low: .random(in: 0 ... .max), high: .random(in: 0 ... .max))
        let bytes = [salt.low, salt.high].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }
        _ = FileManager.default.createFile(
            atPath: file,
            contents: Data(bytes),
            attributes: [.posixPermissions: 0o600]
        )
        return salt
    }

    /// Remembers, for `extract`, whether VLANs separated the flows of this directory.
    func remember(vlansSeparateFlows: Bool) {
        let text = vlansSeparateFlows ? "separate\n" : "ignored\n"
        _ = FileManager.default.createFile(atPath: path + "/run/vlans", contents: Data(text.utf8))
    }

    /// What the last run in a directory remembered; they separate flows where nothing is remembered.
    static func vlansSeparateFlows(in path: String) -> Bool {
        FileManager.default.contents(atPath: path + "/run/vlans") != Data("ignored\n".utf8)
    }

    /// Whether an error says that another instance runs there: the one reason not to go on without a directory.
    static func isTaken(_ error: ApplianceError) -> Bool { error.description.hasPrefix(takenPrefix) }
    private static let takenPrefix = "another beltway"

    deinit { close(lock) }
}
