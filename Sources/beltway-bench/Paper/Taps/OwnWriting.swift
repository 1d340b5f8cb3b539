// SPDX-License-Identifier: Apache-2.0
internal import CRingPeer

/// What tcpdump -w does with a packet once it has it: libpcap's pcap_dump into /dev/null.
///
/// Of a packet that lies in the processor's cache, so that tcpdump's own work is more than this rather than less.
enum OwnWriting {
    private static let packets: UInt64 = 400_000

    /// Measures it, five times.
    ///
    /// - Parameter length: Bytes of a packet, at most 65,536.
    /// - Returns: Microseconds per packet of a thread's processor time, the median.
    /// - Throws: ``FigureTrouble``, when libpcap does not write.
    static func microseconds(length: Int) throws(FigureTrouble) -> Double {
        let costs = (0..<5).map { _ in dump_peer_run(UInt32(length), packets) }
        guard !costs.contains(0) else {
            throw FigureTrouble(description: "libpcap does not write to /dev/null")
        }
        return median(costs.map { Double($0) }) / 1e3 / Double(packets)
    }
}
