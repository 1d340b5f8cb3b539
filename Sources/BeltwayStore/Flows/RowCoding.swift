// SPDX-License-Identifier: Apache-2.0
import BeltwayFlow
import BeltwayWire

// How small fields share an integer column, so that a row is narrow. SQL reaches them by `bits >> shift & mask`.
//
//   flows.bits    36            28                20                 12           8         7           3        1
//                 | application | responder flags | originator flags | IP version | alerted | TCP state | reason | state |
//                 59                     51            43             40
//                 | original application | tunnel kind | tunnel depth | connection state | ...
//   alerts.bits   | IP version 4 bits | to responder 1 bit |
//   transactions  | as alerts | shows its number 1 bit at 5 |
//   vlan          | count, 2 bits at 32 | inner, 16 bits at 16 | outer, 16 bits at 0 |     0 without tags

/// A field's place in the `bits` column of `flows` or `alerts`.
struct PackedField {
    let shift: Int64
    let mask: Int64

    static let state = PackedField(shift: 0, mask: 0x3)
    static let reason = PackedField(shift: 2, mask: 0x3)
    static let tcpState = PackedField(shift: 4, mask: 0xf)
    static let alerted = PackedField(shift: 8, mask: 0x1)
    static let ipVersion = PackedField(shift: 9, mask: 0xf)
    static let originatorFlags = PackedField(shift: 13, mask: 0xff)
    static let responderFlags = PackedField(shift: 21, mask: 0xff)
    static let application = PackedField(shift: 29, mask: 0xff)
    static let connectionState = PackedField(shift: 37, mask: 0xf)
    static let tunnelDepth = PackedField(shift: 41, mask: 0x7)
    static let tunnelKind = PackedField(shift: 44, mask: 0xff)
    static let originalApplication = PackedField(shift: 52, mask: 0xff)

    static let alertToResponder = PackedField(shift: 0, mask: 0x1)
    static let alertIPVersion = PackedField(shift: 1, mask: 0xf)
    static let showsNumber = PackedField(shift: 5, mask: 0x1)

    func pack(_ value: UInt8) -> Int64 { (Int64(value) & mask) << shift }
    func unpack(_ bits: Int64) -> UInt8 { UInt8(truncatingIfNeeded: bits >> shift & mask) }

    /// The field as an SQL expression.
    var sql: String { "(bits >> \(shift) & \(mask))" }
}

extension FlowRecord {
    /// What the `bits` column holds.
    var packedBits: Int64 {
        PackedField.state.pack(state.rawValue) | PackedField.reason.pack(endReason.rawValue)
            | PackedField.tcpState.pack(tcpState.rawValue) | PackedField.alerted.pack(alerted ? 1 : 0)
            | PackedField.ipVersion.pack(ipVersion) | PackedField.originatorFlags.pack(originatorFlags)
            | PackedField.responderFlags.pack(responderFlags)
            | PackedField.application.pack(application.rawValue)
            | PackedField.connectionState.pack(connectionState.rawValue)
            | PackedField.tunnelDepth.pack(tunnelDepth) | PackedField.tunnelKind.pack(tunnelKind.rawValue)
            | PackedField.originalApplication.pack(originalApplication.rawValue)
    }

    /// Takes the fields back out of the `bits` column; a value that no version writes becomes the first case.
    mutating func unpack(bits: Int64) {
        state = FlowState(rawValue: PackedField.state.unpack(bits)) ?? .new
        endReason = FlowEndReason(rawValue: PackedField.reason.unpack(bits)) ?? .timeout
        tcpState = TCPState(rawValue: PackedField.tcpState.unpack(bits)) ?? .none
        alerted = PackedField.alerted.unpack(bits) != 0
        ipVersion = PackedField.ipVersion.unpack(bits)
        originatorFlags = PackedField.originatorFlags.unpack(bits)
        responderFlags = PackedField.responderFlags.unpack(bits)
        application = ApplicationProtocol(rawValue: PackedField.application.unpack(bits)) ?? .unknown
        connectionState = ConnectionState(rawValue: PackedField.connectionState.unpack(bits)) ?? .other
        tunnelDepth = PackedField.tunnelDepth.unpack(bits)
        tunnelKind = TunnelKind(rawValue: PackedField.tunnelKind.unpack(bits)) ?? .none
        let original = PackedField.originalApplication.unpack(bits)
        originalApplication = ApplicationProtocol(rawValue: original) ?? .unknown
    }
}

extension AlertRecord {
    /// What the `bits` column holds.
    var packedBits: Int64 {
        PackedField.alertToResponder.pack(toResponder ? 1 : 0) | PackedField.alertIPVersion.pack(ipVersion)
    }

    /// Takes the fields back out of the `bits` column.
    mutating func unpack(bits: Int64) {
        toResponder = PackedField.alertToResponder.unpack(bits) != 0
        ipVersion = PackedField.alertIPVersion.unpack(bits)
    }
}

extension TransactionRecord {
    /// What the `bits` column holds.
    var packedBits: Int64 {
        PackedField.alertToResponder.pack(toResponder ? 1 : 0) | PackedField.alertIPVersion.pack(ipVersion)
            | PackedField.showsNumber.pack(showsNumber ? 1 : 0)
    }

    /// Takes the fields back out of the `bits` column.
    mutating func unpack(bits: Int64) {
        toResponder = PackedField.alertToResponder.unpack(bits) != 0
        ipVersion = PackedField.alertIPVersion.unpack(bits)
        showsNumber = PackedField.showsNumber.unpack(bits) != 0
    }
}

/// The VLAN tags of a row in one integer.
enum PackedVLAN {
    static func pack(_ vlan: (outer: UInt16, inner: UInt16), count: UInt8) -> Int64 {
        Int64(vlan.outer) | Int64(vlan.inner) << 16 | Int64(count & 0x3) << 32
    }

    static func unpack(_ value: Int64) -> (vlan: (outer: UInt16, inner: UInt16), count: UInt8) {
        (
            (UInt16(truncatingIfNeeded: value), UInt16(truncatingIfNeeded: value >> 16)),
            UInt8(truncatingIfNeeded: value >> 32 & 0x3)
        )
    }
}
