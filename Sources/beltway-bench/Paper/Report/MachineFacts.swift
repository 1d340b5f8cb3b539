// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// What a reader has to know of the machine to judge a figure, in the order in which the report lists it.
struct MachineFacts {
    var lines: [(name: String, value: String)]
    /// What makes these figures worth less; empty for a quiet machine and an optimised build.
    var warnings: [String]

    /// Asks the system.
    ///
    /// - Parameter load: Load average of the last minute before the first figure, from ``currentLoad()``.
    init(load: Double?) {
        func read(_ path: String) -> String? {
            (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(
                in: .whitespacesAndNewlines
            )
        }
        let memory = ProcessInfo.processInfo.physicalMemory
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let huge = read("/sys/kernel/mm/transparent_hugepage/enabled") ?? "unknown"
        let hugeShared = read("/sys/kernel/mm/transparent_hugepage/shmem_enabled") ?? "unknown"
        lines = [
            ("machine", Machine.description),
            ("caches", Self.caches(read)),
            ("memory", "\(memory >> 20) MiB; huge pages \(huge); of shared memory \(hugeShared)"),
            ("C library", Self.libraryVersion),
        ]
        warnings = []
        if let load {
            lines.append(("load before", String(format: "%.2f", load)))
            if load > 0.3 {
                warnings.append(
                    "The machine was not quiet: its load average was \(String(format: "%.2f", load)) before the first "
                        + "figure. Whatever ran beside this took caches and processors from it."
                )
            }
        }
        if cores < 2 {
            warnings.append(
                "One processor only: figures with two threads or processes tell of its scheduler."
            )
        }
        if isDebugBuild() {
            warnings.append(
                "This is a debug build: none of these figures means anything. Build with -c release."
            )
        }
    }

    /// Load average of the last minute.
    static func currentLoad() -> Double? {
        let text = try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)
        return text?.split(separator: " ").first.flatMap { Double($0) }
    }

    /// Name and version of the C library, whose `malloc` Figure 5 compares with.
    private static var libraryVersion: String {
        var bytes = [CChar](repeating: 0, count: 64)
        let length = unsafe confstr(Int32(_CS_GNU_LIBC_VERSION), &bytes, bytes.count)
        guard length > 1, length <= bytes.count else { return "unknown" }
        return String(decoding: bytes[..<(length - 1)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func caches(_ read: (String) -> String?) -> String {
        let parts = (0..<8).compactMap { index -> String? in
            let folder = "/sys/devices/system/cpu/cpu0/cache/index\(index)/"
            guard let level = read(folder + "level"), let size = read(folder + "size"),
                let type = read(folder + "type")
            else { return nil }
            let kind = type == "Unified" ? "" : type == "Data" ? "d" : "i"
            let shared = read(folder + "shared_cpu_list").map { " (processors \($0))" } ?? ""
            return "L\(level)\(kind) \(size)\(kind == "i" ? "" : shared)"
        }
        return parts.isEmpty ? "unknown" : parts.joined(separator: ", ")
    }
}

private func isDebugBuild() -> Bool {
    var isDebug = false
    // Asserts are compiled out of release builds.
    assert(
        {
            isDebug = true
            return true
        }()
    )
    return isDebug
}
