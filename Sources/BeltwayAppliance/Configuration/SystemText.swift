// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// What the system calls an error number, such as "Permission denied".
///
/// Safe: the text is copied out of the C library's buffer before anybody else can see it.
func systemText(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }

/// Why a file cannot be read as one, nil if it can: a folder cannot.
///
/// Safe: path and structure live for the call.
func unreadableFile(_ path: String) -> String? {
    if let problem = unreadable(path) { return problem }
    var facts = stat()
    return unsafe stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR ? systemText(EISDIR) : nil
}

/// Why a file cannot be read, nil if it can.
///
/// Safe: the path lives for the call.
func unreadable(_ path: String) -> String? { unsafe access(path, R_OK) == 0 ? nil : systemText(errno) }

/// Makes a folder and those above it that are missing.
///
/// Safe: each path lives for its call.
///
/// - Returns: Why it could not be made, in the system's words; nil if it is there.
func makeFolders(_ path: String) -> String? {
    var made = path.hasPrefix("/") ? "/" : ""
    for name in path.split(separator: "/") {
        made += name + "/"
        // Looked for first: what is there may refuse with another reason, such as a read-only file system.
        if unsafe access(made, F_OK) != 0, unsafe mkdir(made, 0o777) != 0, errno != EEXIST {
            return systemText(errno)
        }
    }
    return nil
}

/// The number of a user, who is named or numbered; nil if there is none.
///
/// Safe: the name lives for the call, and the answer is read before the C library can be asked again; configuration is
/// read by one thread.
func userNumber(_ name: String) -> UInt32? {
    if let number = UInt32(name) { return number }
    guard let entry = unsafe getpwnam(name) else { return nil }
    return unsafe entry.pointee.pw_uid
}

/// The number of a group, which is named or numbered; nil if there is none.
///
/// Safe: as ``userNumber(_:)``.
func groupNumber(_ name: String) -> UInt32? {
    if let number = UInt32(name) { return number }
    guard let entry = unsafe getgrnam(name) else { return nil }
    return unsafe entry.pointee.gr_gid
}
