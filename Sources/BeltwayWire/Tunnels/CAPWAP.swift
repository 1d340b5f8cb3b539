// SPDX-License-Identifier: Apache-2.0

/// The data channel between a wireless network's access points and their controller (CAPWAP, RFC 5415, 4.3), in place.
///
///     version, type (1) | length, radio, binding, flags (3) | fragment (2) | offset (2) | [radio's address] | [about radio]
///
/// What follows is a frame of Ethernet, or one of 802.11 (RFC 5416, 2.1).
public struct CAPWAP: ~Escapable {
    /// Bytes in front of what the frame carries: with the header of 802.11, if it has one.
    public let headerLength: Int
    /// What is behind it: an Ethernet frame; or 0, for LLC.
    public let etherType: UInt16

    /// UDP port of controllers for data (IANA).
    @inlinable public static var port: UInt16 { 5247 }

    private static var least: Int { 8 }

    /// Views `bytes` as a header.
    ///
    /// - Parameter bytes: A datagram's payload.
    /// - Throws: ``WireError/truncated(need:have:)`` if they end inside the headers; ``WireError/invalid(field:value:)``
    ///   for datagrams in DTLS, fragments, keep-alives, frames of other radios, and frames of 802.11 that
    ///   ``WirelessLAN`` does not take.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= CAPWAP.least else {
            throw .truncated(need: CAPWAP.least, have: bytes.byteCount)
        }
        let (preamble, binding, flags) = (bytes.unchecked8(0), bytes.unchecked8(2), bytes.unchecked8(3))
        let length = Int(bytes.unchecked8(1) >> 3) &* 4
        guard preamble == 0, length >= CAPWAP.least else {
            throw .invalid(field: .version, value: UInt64(preamble))
        }
        // A fragment; a sign of life.
        guard flags & 0x88 == 0 else { throw .invalid(field: .linkType, value: UInt64(flags)) }
        guard bytes.byteCount >= length else { throw .truncated(need: length, have: bytes.byteCount) }
        guard binding & 1 != 0 else {
            headerLength = length
            etherType = EtherType.bridgedEthernet
            return
        }
        guard binding >> 1 & 0x1f == 1 else { throw .invalid(field: .linkType, value: UInt64(binding)) }
        let frame = try WirelessLAN(bytes.extracting(droppingFirst: length), mayBeSwapped: true)
        headerLength = length &+ frame.headerLength
        etherType = 0
    }
}
