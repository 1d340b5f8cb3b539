// SPDX-License-Identifier: Apache-2.0
public import BeltwayWire

/// What tells one flow from another: both directions of a conversation give the same key.
///
///     a, b         the two addresses, (a, portA) <= (b, portB)
///     vlan         outer and inner identifier if VLANs separate flows, else 0
///     tunnelID     VNI, GRE key or TEID, with `tunnelKind` and `tunnelDepth`: reserved, 0 until tunnels are decoded
///
/// 48 bytes without holes, so that equality may compare words.
public struct FlowKey: Hashable, Sendable, BitwiseCopyable {
    public var a: IPAddress
    public var b: IPAddress
    public var portA: UInt16
    public var portB: UInt16
    public var transportProtocol: UInt8
    public var ipVersion: UInt8
    public var vlanOuter: UInt16
    public var vlanInner: UInt16
    public var tunnelDepth: UInt8
    public var tunnelKind: UInt8
    public var tunnelID: UInt32
}
