// SPDX-License-Identifier: Apache-2.0
// Frames for tests, written as they are drawn, outermost header first:
//
//     let frame = PacketBuilder().ethernet().vlan(7).ipv4(from: "10.0.0.1", to: "10.0.0.2")
//         .tcp(from: 40_000, to: 80, flags: [.syn]).payload("hello").bytes
//
// `bytes` assembles from the inside out, so every length, protocol number and checksum is right unless a
// parameter overrides it. Nothing pads: append link padding to the array yourself.

import BeltwayWire

/// Builds one packet, header by header.
public struct PacketBuilder: Sendable {
    /// Headers so far, outermost first; each is given what it encloses and what that is.
    var layers: [@Sendable (Inner) -> Inner] = []

    /// Starts an empty packet.
    public init() {}

    /// The finished packet.
    public var bytes: [UInt8] { layers.reversed().reduce(Inner()) { inner, layer in layer(inner) }.bytes }

    /// What a layer encloses, and how the layer outside must name it.
    struct Inner: Sendable {
        var bytes: [UInt8] = []
        /// EtherType of a network header, for the link header outside.
        var etherType: UInt16 = 0x88b5
        /// IP protocol of a transport or extension header, for the IP header outside.
        var ipProtocol: UInt8 = 253
        /// Where the transport checksum lies in `bytes`, to be filled once the addresses are known.
        var checksumAt: Int?
        /// Where the transport header starts in `bytes`, behind extension headers.
        var transportAt = 0
        /// Protocol number in the pseudo header.
        var transportProtocol: UInt8 = 253
    }

    /// This packet with one more header inside those it has.
    func adding(_ layer: @escaping @Sendable (Inner) -> Inner) -> PacketBuilder {
        var copy = self
        copy.layers.append(layer)
        return copy
    }

    /// Application bytes; the last call of a chain, or bytes of a header that has no method here.
    public func payload(_ bytes: [UInt8]) -> PacketBuilder {
        adding { inner in
            var result = inner
            result.bytes = bytes + inner.bytes
            return result
        }
    }

    /// Application bytes of a text.
    public func payload(_ text: String) -> PacketBuilder { payload(Array(text.utf8)) }
}

extension PacketBuilder {
    /// Ethernet II; `etherType` overrides that of the header inside.
    public func ethernet(
        from source: [UInt8] = [2, 0, 0, 0, 0, 1],
        to destination: [UInt8] = [2, 0, 0, 0, 0, 2],
        etherType: UInt16? = nil
    ) -> PacketBuilder {
        adding { inner in Inner(bytes: destination + source + big(etherType ?? inner.etherType) + inner.bytes)
        }
    }

    /// 802.3 with a length field; put `snap()` or LLC bytes inside.
    public func ethernet8023() -> PacketBuilder {
        adding { inner in
            Inner(
                bytes: [1, 128, 194, 0, 0, 0, 2, 0, 0, 0, 0, 1] + big(UInt16(inner.bytes.count)) + inner.bytes
            )
        }
    }

    /// An LLC/SNAP header for EtherTypes.
    public func snap(organisation: [UInt8] = [0, 0, 0]) -> PacketBuilder {
        adding { inner in Inner(bytes: [0xaa, 0xaa, 3] + organisation + big(inner.etherType) + inner.bytes) }
    }

    /// One VLAN tag: 802.1Q unless `tpid` says otherwise.
    public func vlan(_ identifier: UInt16, priority: UInt16 = 0, tpid: UInt16 = 0x8100) -> PacketBuilder {
        adding { inner in
            Inner(
                bytes: big(priority << 13 | identifier & 0xfff) + big(inner.etherType) + inner.bytes,
                etherType: tpid
            )
        }
    }

    /// Linux cooked capture, version 1; `protocolField` overrides the EtherType.
    public func linuxCooked(hardwareType: UInt16 = 1, protocolField: UInt16? = nil) -> PacketBuilder {
        adding { inner in
            let address: [UInt8] = [2, 0, 0, 0, 0, 1, 0, 0]
            let head = big(UInt16(0)) + big(hardwareType) + big(UInt16(6)) + address
            return Inner(bytes: head + big(protocolField ?? inner.etherType) + inner.bytes)
        }
    }

    /// Linux cooked capture, version 2; `protocolField` overrides the EtherType.
    public func linuxCooked2(hardwareType: UInt16 = 1, protocolField: UInt16? = nil) -> PacketBuilder {
        adding { inner in
            let head = big(protocolField ?? inner.etherType) + [0, 0] + big(UInt32(2)) + big(hardwareType)
            return Inner(bytes: head + [0, 6, 2, 0, 0, 0, 0, 1, 0, 0] + inner.bytes)
        }
    }

    /// BSD loopback: the family number in the given byte order.
    public func loopback(family: UInt32, bigEndian: Bool = false) -> PacketBuilder {
        adding { inner in Inner(bytes: (bigEndian ? big(family) : big(family).reversed()) + inner.bytes) }
    }

    /// PPP, with HDLC address and control bytes if asked; `protocolField` overrides the number of what is
    /// inside.
    public func ppp(hdlc: Bool = false, protocolField: UInt16? = nil) -> PacketBuilder {
        adding { inner in
            let number: UInt16 = inner.etherType == 0x86dd ? 0x0057 : 0x0021
            return Inner(bytes: (hdlc ? [0xff, 0x03] : []) + big(protocolField ?? number) + inner.bytes)
        }
    }

    /// ARP for Ethernet and IPv4.
    public func arp(operation: UInt16 = 1, from sender: String, to target: String) -> PacketBuilder {
        let (senderAddress, targetAddress) = (Self.address(sender), Self.address(target))
        return adding { inner in
            let head: [UInt8] = [0, 1, 8, 0, 6, 4] + big(operation)
            let first: [UInt8] = [2, 0, 0, 0, 0, 1] + big(senderAddress.v4)
            let second: [UInt8] = [0, 0, 0, 0, 0, 0] + big(targetAddress.v4)
            return Inner(bytes: head + first + second + inner.bytes, etherType: 0x0806)
        }
    }
}

/// An integer's bytes in network order.
func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
}

/// The Internet checksum (RFC 1071).
func internetChecksum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for (index, byte) in bytes.enumerated() {
        sum += index % 2 == 0 ? UInt32(byte) << 8 : UInt32(byte)
        sum = (sum & 0xffff) + (sum >> 16)
    }
    return ~UInt16(truncatingIfNeeded: sum)
}
