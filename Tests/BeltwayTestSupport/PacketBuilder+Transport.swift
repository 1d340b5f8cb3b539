// SPDX-License-Identifier: Apache-2.0

extension PacketBuilder {
    /// Bits of the TCP flags byte.
    public struct TCPFlags: OptionSet, Sendable {
        /// The byte.
        public let rawValue: UInt8
        /// Makes flags from the byte.
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// No more data from the sender.
        public static let fin = TCPFlags(rawValue: 1)
        /// Synchronise sequence numbers.
        public static let syn = TCPFlags(rawValue: 2)
        /// Reset.
        public static let rst = TCPFlags(rawValue: 4)
        /// Push.
        public static let psh = TCPFlags(rawValue: 8)
        /// The acknowledgement counts.
        public static let ack = TCPFlags(rawValue: 16)
        /// The urgent pointer counts.
        public static let urg = TCPFlags(rawValue: 32)
    }

    /// TCP; `options` are padded to a multiple of 4 by the caller; `headerWords` overrides the data offset.
    public func tcp(
        from source: UInt16 = 40_000,
        to destination: UInt16 = 80,
        sequence: UInt32 = 1,
        acknowledgement: UInt32 = 0,
        flags: TCPFlags = [.ack],
        window: UInt16 = 65_535,
        urgent: UInt16 = 0,
        options: [UInt8] = [],
        headerWords: UInt8? = nil
    ) -> PacketBuilder {
        adding { inner in
            let words = headerWords ?? UInt8(5 + options.count / 4)
            var header = big(source) + big(destination) + big(sequence) + big(acknowledgement)
            header += [words << 4, flags.rawValue] + big(window) + [0, 0] + big(urgent) + options
            return Inner(transport: 6, header: header, checksumAt: 16, around: inner)
        }
    }

    /// UDP; `length` overrides the length field.
    public func udp(from source: UInt16 = 40_000, to destination: UInt16 = 53, length: UInt16? = nil)
        -> PacketBuilder
    {
        adding { inner in
            let count = length ?? UInt16(truncatingIfNeeded: 8 + inner.bytes.count)
            let header = big(source) + big(destination) + big(count) + [0, 0]
            return Inner(transport: 17, header: header, checksumAt: 6, around: inner)
        }
    }

    /// SCTP's common header; its CRC-32C is left 0.
    public func sctp(from source: UInt16 = 5_000, to destination: UInt16 = 5_001, tag: UInt32 = 1)
        -> PacketBuilder
    {
        adding { inner in
            let header = big(source) + big(destination) + big(tag) + big(UInt32(0))
            return Inner(transport: 132, header: header, checksumAt: nil, around: inner)
        }
    }

    /// ICMP; `rest` is the header's second word: identifier and sequence of an echo.
    ///
    /// An error message holds the packet it speaks of: chain `ipv4(…)` and so on behind it.
    public func icmp(type: UInt8 = 8, code: UInt8 = 0, rest: UInt32 = 0x0001_0001) -> PacketBuilder {
        adding { inner in
            Inner(transport: 1, header: [type, code, 0, 0] + big(rest), checksumAt: 2, around: inner)
        }
    }

    /// ICMPv6, like ``icmp(type:code:rest:)``.
    public func icmpv6(type: UInt8 = 128, code: UInt8 = 0, rest: UInt32 = 0x0001_0001) -> PacketBuilder {
        adding { inner in
            Inner(transport: 58, header: [type, code, 0, 0] + big(rest), checksumAt: 2, around: inner)
        }
    }
}

extension PacketBuilder.Inner {
    /// A transport header round what it carries.
    init(transport: UInt8, header: [UInt8], checksumAt: Int?, around inner: PacketBuilder.Inner) {
        self.init(
            bytes: header + inner.bytes,
            ipProtocol: transport,
            checksumAt: checksumAt,
            transportAt: 0,
            transportProtocol: transport
        )
    }
}
