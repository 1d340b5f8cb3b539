// SPDX-License-Identifier: Apache-2.0

/// Which ICMP types answer each other: the table that Zeek and Community ID v1 use.
public enum ICMPPairs {
    /// Whether messages of a type ask for an answer of another type.
    ///
    /// - Parameters:
    ///   - type: ICMP or ICMPv6 type.
    ///   - isVersion6: Whether `type` is of ICMPv6.
    /// - Returns: False for answers and for one-way types.
    @inlinable
    public static func isQuestion(type: UInt16, isVersion6: Bool) -> Bool {
        switch type {
        case 128, 130, 133, 135, 139, 144: isVersion6
        case 8, 10, 13, 15, 17: !isVersion6
        default: false
        }
    }

    /// Returns the type that answers (or is answered by) `type`, or nil if messages of this type go one way.
    ///
    /// - Parameters:
    ///   - type: ICMP or ICMPv6 type.
    ///   - isVersion6: Whether `type` is of ICMPv6 (RFC 4443) rather than ICMP (RFC 792).
    /// - Returns: The counterpart, nil for one-way types.
    @inlinable
    public static func counterpart(type: UInt16, isVersion6: Bool) -> UInt16? {
        if isVersion6 {
            switch type {
            case 128: 129  // echo
            case 129: 128
            case 130: 131  // multicast listener
            case 131: 130
            case 133: 134  // router solicitation and advertisement
            case 134: 133
            case 135: 136  // neighbour solicitation and advertisement
            case 136: 135
            case 139: 140  // node information
            case 140: 139
            case 144: 145  // home agent address discovery
            case 145: 144
            default: nil
            }
        } else {
            switch type {
            case 0: 8  // echo
            case 8: 0
            case 9: 10  // router advertisement and solicitation
            case 10: 9
            case 13: 14  // timestamp
            case 14: 13
            case 15: 16  // information
            case 16: 15
            case 17: 18  // address mask
            case 18: 17
            default: nil
            }
        }
    }
}
