// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Foundation
internal import Glibc

/// A network of its own for the calling thread and the programs that it starts: two interfaces, each the other's end.
///
/// It goes when its thread and they have ended. IPv6 is off, so that nothing is sent but what is measured.
struct TapNetwork {
    static let sending = "sender0"
    static let receiving = "capture0"

    /// Why there can be none here; nil if there can.
    static var absence: String? {
        if geteuid() != 0 { return "it needs root, for a network of its own" }
        for tool in ["ip", "tcpdump"] where !MeasuredProcess.exists(tool) {
            return "\(tool) is not installed"
        }
        return nil
    }

    /// Makes it, and moves the calling thread into it for good.
    ///
    /// - Throws: ``FigureTrouble``.
    init() throws {
        guard beltway_unshare_network() == 0 else {
            throw FigureTrouble(description: "no network of its own: errno \(errno)")
        }
        for which in ["all", "default"] {
            let setting = "/proc/sys/net/ipv6/conf/\(which)/disable_ipv6"
            FileHandle(forWritingAtPath: setting)?.write(Data("1".utf8))
        }
        try ip("link add \(Self.receiving) mtu 1500 type veth peer name \(Self.sending) mtu 1500")
        for name in [Self.receiving, Self.sending] { try ip("link set \(name) arp off up") }
    }

    private func ip(_ arguments: String) throws {
        let cost = MeasuredProcess.run(["ip"] + arguments.split(separator: " ").map(String.init), limit: 10)
        guard cost?.status == 0 else { throw FigureTrouble(description: "ip \(arguments) failed") }
    }
}

/// Sends one frame again and again at a given rate, from the calling thread.
///
/// Safe: the frame is lent to send(2) for the length of the call.
struct FrameSource: ~Copyable {
    private let socket: Int32
    private let frame: [UInt8]

    /// - Parameter length: Bytes of the frame: Ethernet, IPv4 and UDP to port 4789.
    /// - Throws: ``FigureTrouble``.
    init(length: Int) throws {
        socket = beltway_packet_socket(Int32(SOCK_RAW.rawValue), 0)
        let index = unsafe beltway_interface_index(socket, TapNetwork.sending)
        guard socket >= 0, index > 0, beltway_bind_packet(socket, index, 0) == 0 else {
            if socket >= 0 { close(socket) }
            throw FigureTrouble(description: "no packet socket to send on")
        }
        frame = Self.frame(length)
    }

    deinit { close(socket) }

    /// Sends for about the given time.
    ///
    /// - Returns: Frames that the system took.
    func send(seconds: Double, perSecond rate: Double) -> Int {
        var (sent, tried) = (0, 0)
        let start = wallSeconds()
        let wanted = Int(seconds * rate)
        while tried < wanted {
            let ahead = start + Double(tried) / rate - wallSeconds()
            // A thousandth of a second's worth at a time, as a network card would hand over.
            if ahead > 0 { beltway_sleep(Int64(ahead * 1e9)) }
            for _ in 0..<min(wanted - tried, max(1, Int(rate / 1000))) {
                let taken = unsafe frame.withUnsafeBytes { bytes in
                    unsafe Glibc.send(socket, bytes.baseAddress, bytes.count, 0)
                }
                if taken == frame.count { sent += 1 }
                tried += 1
            }
        }
        return sent
    }

    private static func frame(_ length: Int) -> [UInt8] {
        var frame: [UInt8] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]
        let total = length - 14
        frame += [0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0, 0, 0x40, 0, 64, 17, 0, 0]
        frame += [10, 0, 0, 1, 10, 0, 0, 2]
        var sum = stride(from: 14, to: 34, by: 2).reduce(0) { $0 + Int(frame[$1]) << 8 + Int(frame[$1 + 1]) }
        sum = sum & 0xffff + sum >> 16
        frame[24] = UInt8(~sum >> 8 & 255)
        frame[25] = UInt8(~sum & 255)
        frame += [0x30, 0x39, 0x12, 0xb5, UInt8((total - 20) >> 8), UInt8((total - 20) & 255), 0, 0]
        return frame + (frame.count..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
    }
}
