// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// What the system calls an error number, such as "Permission denied".
///
/// Safe: the text is copied out of the C library's buffer before anybody else can see it.
func systemText(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }

/// Why a file cannot be read, nil if it can.
///
/// Safe: the path lives for the call.
func unreadable(_ path: String) -> String? { unsafe access(path, R_OK) == 0 ? nil : systemText(errno) }
