// SPDX-License-Identifier: Apache-2.0
// Community ID v1: a name for a flow that other tools compute alike from addresses, ports and protocol.
//
//   "1:" + base64( SHA-1( seed 2 | address 4 or 16 | address 4 or 16 | protocol 1 | 0 | port 2 | port 2 ) )
//
// The smaller (address, port) comes first. TCP, UDP and SCTP have ports; ICMP has its type and the type that answers
// it, or (type, code) in the order of the wire where nothing answers; other protocols end after the zero byte.

public import BeltwayWire
internal import Crypto

/// Makes Community IDs, version 1; for when a fact is written, not per packet.
public enum CommunityID {
    /// Returns the Community ID of a packet's or flow's tuple.
    ///
    /// - Parameters:
    ///   - source: Source or originator; the result is the same with both ends swapped (except one-way ICMP).
    ///   - destination: The other end.
    ///   - sourcePort: Source port; ICMP: type.
    ///   - destinationPort: Destination port; ICMP: code (for two-way types the answering type may stand here too).
    ///   - transportProtocol: IANA number.
    ///   - ipVersion: 4 hashes four bytes of each address, anything else sixteen.
    ///   - seed: Set alike in all tools that are to agree; 0 by default everywhere.
    /// - Returns: 30 characters.
    public static func make(
        source: IPAddress,
        destination: IPAddress,
        sourcePort: UInt16,
        destinationPort: UInt16,
        protocol transportProtocol: UInt8,
        ipVersion: UInt8,
        seed: UInt16 = 0
    ) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        append(
            to: &bytes,
            source: source,
            destination: destination,
            sourcePort: sourcePort,
            destinationPort: destinationPort,
            protocol: transportProtocol,
            ipVersion: ipVersion,
            seed: seed
        )
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the Community ID of a tuple in ASCII: as `make`, without a string.
    public static func append(
        to output: inout [UInt8],
        source: IPAddress,
        destination: IPAddress,
        sourcePort: UInt16,
        destinationPort: UInt16,
        protocol transportProtocol: UInt8,
        ipVersion: UInt8,
        seed: UInt16 = 0
    ) {
        let hash = digest(
            source: source,
            destination: destination,
            sourcePort: sourcePort,
            destinationPort: destinationPort,
            protocol: transportProtocol,
            ipVersion: ipVersion,
            seed: seed
        )
        output.append(UInt8(ascii: "1"))
        output.append(UInt8(ascii: ":"))
        for group in stride(from: 0, to: 20, by: 3) {
            let third: UInt8 = group + 2 < 20 ? hash[group + 2] : 0
            let bits = UInt32(hash[group]) << 16 | UInt32(hash[group + 1]) << 8 | UInt32(third)
            output.append(sextet(bits >> 18))
            output.append(sextet(bits >> 12))
            output.append(sextet(bits >> 6))
            output.append(group + 2 < 20 ? sextet(bits) : UInt8(ascii: "="))
        }
    }

    /// The SHA-1 behind a Community ID (what tools print in hexadecimal when told not to use base64).
    ///
    /// - Returns: 20 bytes.
    public static func digest(
        source: IPAddress,
        destination: IPAddress,
        sourcePort: UInt16,
        destinationPort: UInt16,
        protocol transportProtocol: UInt8,
        ipVersion: UInt8,
        seed: UInt16 = 0
    ) -> InlineArray<20, UInt8> {
        var ports = (sourcePort, destinationPort)
        var mayswap = true
        if transportProtocol == 1 || transportProtocol == 58 {
            if let counterpart = ICMPPairs.counterpart(type: sourcePort, isVersion6: transportProtocol == 58)
            {
                ports.1 = counterpart
            } else {
                mayswap = false
            }
        }
        let hasPorts =
            switch transportProtocol {
            case 1, 6, 17, 58, 132: true
            default: false
            }
        let isOrdered = source != destination ? source < destination : !hasPorts || ports.0 <= ports.1
        let swaps = mayswap && !isOrdered
        if swaps { ports = (ports.1, ports.0) }

        var tuple = TupleBytes()
        tuple.append(bigEndian: seed)
        tuple.append(swaps ? destination : source, ipVersion: ipVersion)
        tuple.append(swaps ? source : destination, ipVersion: ipVersion)
        tuple.append(bigEndian: UInt16(transportProtocol) << 8)
        if hasPorts {
            tuple.append(bigEndian: ports.0)
            tuple.append(bigEndian: ports.1)
        }
        return tuple.digest()
    }

    private static func sextet(_ bits: UInt32) -> UInt8 {
        switch UInt8(bits & 63) {
        case let value where value < 26: UInt8(ascii: "A") + value
        case let value where value < 52: UInt8(ascii: "a") + value - 26
        case let value where value < 62: UInt8(ascii: "0") + value - 52
        case 62: UInt8(ascii: "+")
        default: UInt8(ascii: "/")
        }
    }
}

extension FlowRecord {
    /// The flow's Community ID.
    public func communityID(seed: UInt16 = 0) -> String {
        CommunityID.make(
            source: originator,
            destination: responder,
            sourcePort: originatorPort,
            destinationPort: responderPort,
            protocol: transportProtocol,
            ipVersion: ipVersion,
            seed: seed
        )
    }

    /// Appends the flow's Community ID in ASCII.
    public func appendCommunityID(to output: inout [UInt8], seed: UInt16 = 0) {
        CommunityID.append(
            to: &output,
            source: originator,
            destination: responder,
            sourcePort: originatorPort,
            destinationPort: responderPort,
            protocol: transportProtocol,
            ipVersion: ipVersion,
            seed: seed
        )
    }
}

extension AlertRecord {
    /// The Community ID of the packet's flow.
    public func communityID(seed: UInt16 = 0) -> String {
        CommunityID.make(
            source: source,
            destination: destination,
            sourcePort: sourcePort,
            destinationPort: destinationPort,
            protocol: transportProtocol,
            ipVersion: ipVersion,
            seed: seed
        )
    }

    /// Appends the Community ID of the packet's flow in ASCII.
    public func appendCommunityID(to output: inout [UInt8], seed: UInt16 = 0) {
        CommunityID.append(
            to: &output,
            source: source,
            destination: destination,
            sourcePort: sourcePort,
            destinationPort: destinationPort,
            protocol: transportProtocol,
            ipVersion: ipVersion,
            seed: seed
        )
    }
}

/// What is hashed: at most 40 bytes, so that a flow's tuple needs no array.
///
/// Safe: the hash reads the bytes during the call and keeps no pointer; there are never more than there is room for, as
/// an index beyond it traps.
private struct TupleBytes {
    private var bytes = InlineArray<40, UInt8>(repeating: 0)
    private var count = 0

    mutating func append<Integer: FixedWidthInteger>(bigEndian value: Integer) {
        for shift in stride(from: Integer.bitWidth - 8, through: 0, by: -8) {
            bytes[count] = UInt8(truncatingIfNeeded: value >> Integer(shift))
            count += 1
        }
    }

    /// Four bytes of IPv4, sixteen of anything else.
    mutating func append(_ address: IPAddress, ipVersion: UInt8) {
        if ipVersion == 4 {
            append(bigEndian: address.v4)
        } else {
            append(bigEndian: address.high)
            append(bigEndian: address.low)
        }
    }

    /// Its SHA-1 (RFC 3174), which names the flow and protects nothing.
    func digest() -> InlineArray<20, UInt8> {
        var hash = Insecure.SHA1()
        unsafe bytes.span.extracting(0..<count).bytes.withUnsafeBytes {
            unsafe hash.update(bufferPointer: $0)
        }
        var digest = InlineArray<20, UInt8>(repeating: 0)
        for (index, byte) in hash.finalize().enumerated() { digest[index] = byte }
        return digest
    }
}

extension TransactionRecord {
    /// Appends the Community ID of the transaction's flow in ASCII.
    public func appendCommunityID(to output: inout [UInt8], seed: UInt16 = 0) {
        CommunityID.append(
            to: &output,
            source: source,
            destination: destination,
            sourcePort: sourcePort,
            destinationPort: destinationPort,
            protocol: transportProtocol,
            ipVersion: ipVersion,
            seed: seed
        )
    }
}
