// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// What the system calls an error number, such as "Permission denied".
///
/// Safe: the text is copied out of the C library's buffer before anybody else can see it.
func systemText(_ number: Int32) -> String { unsafe String(cString: strerror(number)) }
