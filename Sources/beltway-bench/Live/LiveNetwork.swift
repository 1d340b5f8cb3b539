// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Foundation

/// Why a live measurement could not be taken, in a sentence.
struct LiveTrouble: Error, CustomStringConvertible {
    var description: String
}

/// A network namespace of this process's own with a pair of interfaces, which ends with the process.
///
/// Entered by the calling thread; threads and programs that it starts from then on are in it too.
struct LiveNetwork {
    /// Where contestants capture.
    let capture = "capture0"
    /// Where frames go in.
    let sender = "sender0"

    init() throws {
        guard geteuid() == 0 else { throw LiveTrouble(description: "a network of one's own needs root") }
        guard beltway_unshare_network() == 0 else {
            throw LiveTrouble(description: "no network namespace: errno \(errno)")
        }
        // Before the interfaces exist, so that they never send anything by themselves.
        for name in ["all", "default"] {
            try? "1".write(
                toFile: "/proc/sys/net/ipv6/conf/\(name)/disable_ipv6",
                atomically: false,
                encoding: .utf8
            )
        }
        for words in [
            ["link", "add", capture, "mtu", "1600", "type", "veth", "peer", "name", sender, "mtu", "1600"],
            ["link", "set", "lo", "up"], ["link", "set", capture, "arp", "off", "up"],
            ["link", "set", sender, "arp", "off", "up"],
        ] {
            guard let cost = MeasuredProcess.run(["ip"] + words), cost.status == 0 else {
                throw LiveTrouble(description: "ip \(words.joined(separator: " ")) failed")
            }
        }
    }

    /// The kernel's number of an interface.
    func index(_ name: String) throws -> Int32 {
        let descriptor = beltway_packet_socket(Int32(SOCK_RAW.rawValue), 0)
        guard descriptor >= 0 else { throw LiveTrouble(description: "no packet socket: errno \(errno)") }
        defer { close(descriptor) }
        let index = unsafe beltway_interface_index(descriptor, name)
        guard index > 0 else { throw LiveTrouble(description: "no interface \(name)") }
        return index
    }
}
