// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A folder that files are made in, by names without a path.
///
/// What is there already is never written to, nor is a link followed: a file is made by `O_EXCL`, and found again with
/// `O_NOFOLLOW`, both relative to the folder that was opened. No file stays open, so their number has no limit.
final class OutputFolder: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Opens the folder, and makes it if need be.
    ///
    /// Safe: the path lives for the call.
    init(_ path: String) throws(ApplianceError) {
        if let problem = makeFolders(path) { throw .failure("the folder \(path) cannot be made: \(problem)") }
        descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        self.path = path
        if descriptor < 0 { throw .failure("the folder \(path) cannot be opened: \(systemText(errno))") }
    }

    deinit { close(descriptor) }

    /// Appends bytes to a file.
    ///
    /// Safe: name and bytes live for their calls.
    ///
    /// - Returns: What went wrong, if anything.
    func append(_ bytes: [UInt8], to name: String, isNew: Bool) -> String? {
        let flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (isNew ? O_CREAT | O_EXCL : 0)
        let file = unsafe openat(descriptor, name, flags, 0o644)
        guard file >= 0 else { return "\(path)/\(name) cannot be written: \(systemText(errno))" }
        defer { close(file) }
        var done = 0
        while done < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { memory in
                unsafe memory.baseAddress.map { unsafe write(file, $0 + done, memory.count - done) } ?? 0
            }
            if written < 0 && errno == EINTR { continue }
            if written <= 0 { return "\(path)/\(name) cannot be written: \(systemText(errno))" }
            done += written
        }
        return nil
    }
}
