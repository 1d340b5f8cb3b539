// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import CRingPeer
internal import Glibc

/// What the sender sends: datagrams of several flows, all of one length.
struct LiveTraffic {
    /// Frames per run.
    var packets: UInt64
    /// Frames a second; 0 as fast as possible.
    var rate: UInt64
    /// Different flows; frames take turns.
    var flows: Int

    /// One frame of each flow, one after the other: Ethernet, IPv4, UDP.
    func frames(of length: Int) -> [UInt8] {
        var frames: [UInt8] = []
        frames.reserveCapacity(length * flows)
        for flow in 0..<flows {
            let port = 20_000 + flow
            var frame: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]
            frame += [0x45, 0] + pair(length - 14) + [0, 0, 0x40, 0, 64, 17, 0, 0]
            frame += [10, 1, UInt8(flow >> 8), UInt8(flow & 0xff), 10, 2, 0, UInt8(flow & 0xff)]
            frame += pair(port) + [0, 53] + pair(length - 34) + [0, 0]
            frame += [UInt8](repeating: 0x78, count: length - frame.count)
            frames += frame
        }
        return frames
    }

    private func pair(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }

    /// Sends everything from the calling thread.
    ///
    /// - Returns: Frames that the kernel took.
    func send(_ frames: [UInt8], length: Int, on interface: Int32) -> UInt64 {
        let descriptor = live_sender_open(interface)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        // Safe: the frames are lent for the call.
        return unsafe frames.withUnsafeBufferPointer { bytes in
            unsafe live_sender_run(
                descriptor,
                bytes.baseAddress,
                UInt32(length),
                UInt32(flows),
                packets,
                rate
            )
        }
    }
}
