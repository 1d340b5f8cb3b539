// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import BeltwayWire

/// A packet in a tunnel, and what decoding must say of the tunnel.
struct TunnelPacket: Sendable {
    var name: String
    var kind: TunnelKind
    var identifier: UInt32 = 0
    var depth: UInt8 = 1
    /// The outer headers, up to what carries the innermost packet; that one is 192.168.0.1:40000 to 192.168.0.2:80.
    var around: PacketBuilder

    var bytes: [UInt8] { within(around, isBridged: false) }
    var bridged: [UInt8] { within(around, isBridged: true) }

    private func within(_ around: PacketBuilder, isBridged: Bool) -> [UInt8] {
        (isBridged ? around.ethernet() : around).ipv4(from: "192.168.0.1", to: "192.168.0.2")
            .tcp(from: 40_000, to: 80).payload("inside").bytes
    }
}

private let outside = PacketBuilder().ethernet().ipv4()
private let vni: [UInt8] = [0, 0x12, 0x34, 0]

/// A header of 802.11 with LLC.
private func wireless(_ control: [UInt8], sequence: [UInt8] = [0, 7], service: [UInt8] = []) -> [UInt8] {
    control + [UInt8](repeating: 0, count: 20) + sequence + service + [0xaa, 0xaa, 3, 0, 0, 0, 8, 0]
}

/// Tunnels that carry IP as it is, or PPP.
let routedTunnels: [TunnelPacket] = [
    TunnelPacket(name: "gre", kind: .gre, around: gre([0, 0, 8, 0])),
    TunnelPacket(name: "gre key", kind: .gre, identifier: 7, around: gre([0x20, 0, 8, 0, 0, 0, 0, 7])),
    TunnelPacket(
        name: "gre checksum, key, sequence",
        kind: .gre,
        identifier: 9,
        around: gre([0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1])
    ),
    TunnelPacket(
        name: "pptp",
        kind: .pptp,
        identifier: 0x1234,
        around: gre([0x30, 0x81, 0x88, 0x0b, 0, 99, 0x12, 0x34, 0, 0, 0, 5, 0, 0, 0, 4, 0xff, 3, 0, 0x21])
    ),
    TunnelPacket(name: "mpls in gre", kind: .gre, around: gre([0, 0, 0x88, 0x47, 0, 1, 0x11, 64])),
    TunnelPacket(
        name: "gre in udp",
        kind: .gre,
        identifier: 7,
        around: udp(4754, [0x20, 0, 8, 0, 0, 0, 0, 7])
    ),
    TunnelPacket(
        name: "802.11 of a controller",
        kind: .capwap,
        around: udp(5247, [0, 0x20, 3, 0x20, 0, 0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0] + wireless([8, 1]))
    ),
    TunnelPacket(
        name: "802.11 with service, its control swapped",
        kind: .capwap,
        around: udp(
            5247,
            [0, 0x10, 3, 0, 0, 0, 0, 0] + wireless([0x11, 0x88], sequence: [7, 0], service: [0, 0])
        )
    ),
    TunnelPacket(name: "ip in ip", kind: .ipInIP, around: outside),
    TunnelPacket(
        name: "ip in ipv6",
        kind: .ipInIP,
        around: PacketBuilder().ethernet().ipv6(nextHeader: 4)
    ),
    TunnelPacket(
        name: "gtp",
        kind: .gtp,
        identifier: 0xcafe,
        around: udp(2152, [0x30, 255, 0, 46, 0, 0, 0xca, 0xfe])
    ),
    TunnelPacket(
        name: "gtp with sequence and extension",
        kind: .gtp,
        identifier: 1,
        around: udp(2152, [0x36, 255, 0, 50, 0, 0, 0, 1, 0, 7, 0, 0x85, 1, 0x10, 9, 0])
    ),
    TunnelPacket(
        name: "l2tp with length and offset",
        kind: .l2tp,
        identifier: 0x0005_0006,
        around: udp(1701, [0x42, 2, 0, 60, 0, 5, 0, 6, 0, 2, 0xee, 0xee, 0xff, 3, 0, 0x21])
    ),
    TunnelPacket(
        name: "vxlan gpe",
        kind: .vxlan,
        identifier: 0x1234,
        around: udp(4790, [0x0c, 0, 0, 1] + vni)
    ),
    TunnelPacket(
        name: "ip in ip in gre",
        kind: .ipInIP,
        identifier: 7,
        depth: 2,
        around: gre([0x20, 0, 8, 0, 0, 0, 0, 7]).ipv4(from: "172.16.0.1", to: "172.16.0.2")
    ),
]

/// Tunnels that carry Ethernet frames.
let bridgedTunnels: [TunnelPacket] = [
    TunnelPacket(name: "gre bridging", kind: .gre, around: gre([0, 0, 0x65, 0x58])),
    TunnelPacket(name: "erspan I", kind: .erspan, around: gre([0, 0, 0x88, 0xbe])),
    TunnelPacket(
        name: "erspan II",
        kind: .erspan,
        identifier: 0x123,
        around: gre([0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 1, 0x23, 0, 0, 0, 1])
    ),
    TunnelPacket(
        name: "erspan III with subheader",
        kind: .erspan,
        identifier: 0x45,
        around: gre(
            [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1] + [
                0x20, 5, 0, 0x45, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8,
            ]
        )
    ),
    TunnelPacket(name: "vxlan", kind: .vxlan, identifier: 0x1234, around: udp(4789, [8, 0, 0, 0] + vni)),
    TunnelPacket(
        name: "vxlan of linux",
        kind: .vxlan,
        identifier: 0x1234,
        around: udp(8472, [8, 0, 0, 0] + vni)
    ),
    TunnelPacket(
        name: "geneve with options",
        kind: .geneve,
        identifier: 0x1234,
        around: udp(6081, [2, 0, 0x65, 0x58] + vni + [1, 2, 3, 1, 9, 9, 9, 9])
    ),
    TunnelPacket(
        name: "ethernet in ip",
        kind: .etherIP,
        around: PacketBuilder().ethernet().ipv4(ipProtocol: 97).payload([0x30, 0])
    ),
    TunnelPacket(
        name: "ethernet of a controller",
        kind: .capwap,
        around: udp(5247, [0, 0x10, 2, 0, 0, 0, 0, 0])
    ),
    TunnelPacket(
        name: "vxlan in vxlan",
        kind: .vxlan,
        identifier: 3,
        depth: 2,
        around: udp(4789, [8, 0, 0, 0] + vni).ethernet().ipv4(from: "172.16.0.1", to: "172.16.0.2")
            .udp(to: 4789).payload([8, 0, 0, 0, 0, 0, 3, 0])
    ),
]

/// What lies between Ethernet and IP without being a tunnel.
let carriedPackets: [(name: String, around: PacketBuilder)] = {
    func link(_ etherType: UInt16, _ bytes: [UInt8]) -> PacketBuilder {
        PacketBuilder().ethernet(etherType: etherType).payload(bytes)
    }
    return [
        ("two labels", link(0x8847, [0, 1, 0, 64, 0, 2, 1, 64])),
        ("label and frame", link(0x8847, [0, 1, 1, 64]).ethernet()),
        ("label, control word and frame", link(0x8847, [0, 1, 1, 64, 0, 0, 0, 0]).ethernet()),
        ("pppoe", link(0x8864, [0x11, 0, 0, 3, 0, 60, 0, 0x21])),
        ("extender tag", link(0x8926, [0, 1, 0, 2, 8, 0])),
        ("backbone", link(0x88e7, [0, 0, 0, 9]).ethernet()),
        ("pppoe with compressed protocol", link(0x8864, [0x11, 0, 0, 3, 0, 60, 0x21])),
        ("ppp with a label", link(0x8864, [0x11, 0, 0, 3, 0, 60, 0x02, 0x81, 0, 1, 1, 64])),
    ]
}()

private func gre(_ header: [UInt8]) -> PacketBuilder {
    PacketBuilder().ethernet().ipv4(ipProtocol: 47).payload(header)
}

private func udp(_ port: UInt16, _ header: [UInt8]) -> PacketBuilder {
    outside.udp(from: 40_001, to: port).payload(header)
}
