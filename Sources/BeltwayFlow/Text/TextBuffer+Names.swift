// SPDX-License-Identifier: Apache-2.0
// Names that several outputs share: of protocols, and of what metering found.

public import BeltwayWire

extension TunnelKind {
    /// The name in events and expressions; IANA's keyword where the protocol has a number.
    public var name: StaticString {
        switch self {
        case .none: "none"
        case .gre: "GRE"
        case .pptp: "PPTP"
        case .erspan: "ERSPAN"
        case .vxlan: "VXLAN"
        case .geneve: "GENEVE"
        case .ipInIP: "IPIP"
        case .sixInFour: "IPv6"
        case .teredo: "TEREDO"
        case .gtp: "GTP"
        case .l2tp: "L2TP"
        case .etherIP: "ETHERIP"
        case .capwap: "CAPWAP"
        }
    }
}

extension TextBuffer {
    /// The keyword of IANA's registry of protocol numbers, with Suricata's spelling; else the number, three digits.
    public mutating func appendName(ofProtocol number: UInt8) {
        switch number {
        case 6: append("TCP")
        case 17: append("UDP")
        case 1: append("ICMP")
        case 58: append("IPv6-ICMP")
        case 132: append("SCTP")
        case 0: append("HOPOPT")
        case 2: append("IGMP")
        case 4: append("IP-in-IP")
        case 8: append("EGP")
        case 33: append("DCCP")
        case 41: append("IPv6")
        case 43: append("IPv6-Route")
        case 44: append("IPv6-Frag")
        case 46: append("RSVP")
        case 47: append("GRE")
        case 50: append("ESP")
        case 51: append("AH")
        case 59: append("IPv6-NoNxt")
        case 60: append("IPv6-Opts")
        case 88: append("EIGRP")
        case 89: append("OSPFIGP")
        case 94: append("IPIP")
        case 97: append("ETHERIP")
        case 103: append("PIM")
        case 108: append("IPComp")
        case 112: append("VRRP")
        case 115: append("L2TP")
        case 136: append("UDPLite")
        case 137: append("MPLS-in-IP")
        default: append(decimal: UInt64(number), digits: 3)
        }
    }

    /// Appends the letters of a history.
    public mutating func append(letters history: FlowHistory) {
        for index in 0..<Int(history.count) { append(history.letters[index]) }
    }
}
