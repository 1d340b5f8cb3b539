// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// Says which packets a producer keeps; what it declines goes into no buffer and is counted `filtered`.
public protocol PacketFilter {
    /// Decides on one packet.
    ///
    /// - Parameters:
    ///   - packet: Its captured bytes.
    ///   - originalLength: Bytes on the wire.
    ///   - linkType: What the bytes begin with; one file may hold several.
    /// - Returns: Whether to keep it.
    mutating func accepts(_ packet: RawSpan, originalLength: UInt32, linkType: LinkType) -> Bool
}

/// The filter that keeps every packet.
public struct AcceptEverything: PacketFilter {
    /// Makes the filter.
    public init() {}
    /// Returns true.
    public func accepts(_ packet: RawSpan, originalLength: UInt32, linkType: LinkType) -> Bool { true }
}
