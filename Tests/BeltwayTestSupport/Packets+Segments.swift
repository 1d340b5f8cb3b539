// SPDX-License-Identifier: Apache-2.0

extension PacketBuilder {
    /// A segment of the connection from 10.0.0.1:40000 to 10.0.0.2:80, whose ends begin with 100 and 500.
    ///
    /// - Parameters:
    ///   - flags: Its flags; with ACK it acknowledges the other end's SYN.
    ///   - sequence: Its number.
    ///   - isBack: Whether the responder sends it.
    ///   - unacknowledged: Acknowledgement number without ACK.
    ///   - text: Its payload.
    /// - Returns: The Ethernet frame.
    public static func segment(
        _ flags: TCPFlags,
        _ sequence: UInt32,
        isBack: Bool = false,
        unacknowledged: UInt32 = 0,
        _ text: String = ""
    ) -> [UInt8] {
        PacketBuilder().ethernet().ipv4(
            from: isBack ? "10.0.0.2" : "10.0.0.1",
            to: isBack ? "10.0.0.1" : "10.0.0.2"
        )
        .tcp(
            from: isBack ? 80 : 40_000,
            to: isBack ? 40_000 : 80,
            sequence: sequence,
            acknowledgement: flags.contains(.ack) ? (isBack ? 101 : 501) : unacknowledged,
            flags: flags
        )
        .payload(text).bytes
    }
}
