// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

// Writing to a file whose path is known and that is not kept open: what is extracted comes from thousands of flows.
//
// Safe because the system reads the array during the call only.

extension FileSystem {
    /// Appends bytes to a file, which is made if there is none; a link in its place is refused.
    static func append(_ bytes: [UInt8], to path: String) throws(PacketStoreError) {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
        let file = unsafe beltway_open(path, flags, 0o640)
        guard file >= 0 else { throw .system(operation: .create, path: path, errno: errno) }
        defer { close(file) }
        let code: Int32 = unsafe bytes.withUnsafeBytes { memory in
            var done = 0
            while done < memory.count, let start = memory.baseAddress {
                let count = unsafe write(file, start + done, memory.count - done)
                if count > 0 {
                    done += count
                } else if count == 0 {
                    return EIO
                } else if errno != EINTR {
                    return errno
                }
            }
            return 0
        }
        guard code == 0 else { throw .system(operation: .write, path: path, errno: code) }
    }

    /// Gives a file another name, in one step: whoever looks finds it whole or not at all.
    static func rename(_ path: String, to other: String) throws(PacketStoreError) {
        guard unsafe Glibc.rename(path, other) == 0 else {
            throw .system(operation: .rename, path: path, errno: errno)
        }
    }
}
