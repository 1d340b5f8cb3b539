// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire
import CLinux
import Glibc

/// A network interface that can be captured, found by its name.
public struct CaptureInterface: Equatable, Sendable {
    /// Its name; `any` stands for all of them.
    public let name: String
    /// The kernel's number; 0 for `any`.
    public let index: Int32
    /// What its packets begin with.
    public let linkType: LinkType
    /// Whether the kernel strips the link header and we put a Linux cooked header (SLL) in its place.
    public let isCooked: Bool
    /// Whether every packet is seen twice, leaving and arriving: the loopback interface.
    public let isLoopback: Bool

    /// Finds an interface.
    ///
    /// - Parameter name: Its name, or `any`.
    /// - Throws: ``LiveCaptureError/unknownInterface(_:known:)`` with the names there are.
    public init(named name: String) throws(LiveCaptureError) {
        self.name = name
        guard name != "any" else {
            index = 0
            linkType = .linuxCooked
            isCooked = true
            isLoopback = false
            return
        }
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system(call: "socket", interface: name, errno: errno) }
        defer { close(descriptor) }
        // A longer name would be cut and might then fit another interface.
        let isPossible = !name.isEmpty && name.utf8.count < Int(IFNAMSIZ)
        let numbers = isPossible ? interfaceNumbers(of: name, through: descriptor) : (-ENODEV, -ENODEV)
        index = numbers.0
        guard index > 0 else { throw .unknownInterface(name, known: CaptureInterface.names) }
        let type = numbers.1
        guard type >= 0 else { throw .system(call: "SIOCGIFHWADDR", interface: name, errno: -type) }
        isLoopback = type == ARPHRD_LOOPBACK
        (linkType, isCooked) = CaptureInterface.linkType(hardware: type)
    }

    /// Names of all interfaces that there are now.
    public static var names: [String] {
        interfaceNames()
    }

    /// What a hardware type's packets begin with; what has no simple form is captured cooked.
    static func linkType(hardware: Int32) -> (LinkType, isCooked: Bool) {
        switch hardware {
        case ARPHRD_ETHER, ARPHRD_LOOPBACK: (.ethernet, false)
        // No link header at all: tun, raw IP, IP in IP, sit.
        case ARPHRD_NONE, 519, ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT: (.raw, false)
        case ARPHRD_IEEE80211: (LinkType(rawValue: 105), false)
        case ARPHRD_IEEE80211_PRISM: (LinkType(rawValue: 119), false)
        case ARPHRD_IEEE80211_RADIOTAP: (LinkType(rawValue: 127), false)
        case ARPHRD_NETLINK: (LinkType(rawValue: 253), false)
        default: (.linuxCooked, true)
        }
    }
}
