// SPDX-License-Identifier: Apache-2.0
// What the system says when it is asked by name or number. One of the files that say `unsafe`.
//
// Every interface here is safe because only values go in and out: C strings are copied before the call
// returns, and lists that the system allocates are freed by the function that asked for them.
import CLinux
import Glibc

/// What the system calls an error number.
func systemMessage(_ code: Int32) -> String {
    unsafe String(cString: strerror(code))
}

/// The path of the program that runs, for a command that is told to a person.
func runningProgram() -> String {
    let capacity = 4096
    var path = [CChar](repeating: 0, count: capacity)
    let length = unsafe readlink("/proc/self/exe", &path, capacity - 1)
    guard length > 0 else { return CommandLine.arguments.first ?? "beltway" }
    return String(decoding: path[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Names of all interfaces of the calling thread's network namespace.
func interfaceNames() -> [String] {
    guard let list = unsafe if_nameindex() else { return [] }
    defer { unsafe if_freenameindex(list) }
    var names: [String] = []
    var entry = unsafe list
    while let name = unsafe entry.pointee.if_name {
        names.append(unsafe String(cString: name))
        unsafe entry += 1
    }
    return names
}

/// An interface's number and hardware type (ARPHRD_), each negative with an error number if it cannot be had.
func interfaceNumbers(of name: String, through descriptor: Int32) -> (index: Int32, hardwareType: Int32) {
    let index = unsafe beltway_interface_index(descriptor, name)
    return (index, unsafe beltway_interface_type(descriptor, name))
}
