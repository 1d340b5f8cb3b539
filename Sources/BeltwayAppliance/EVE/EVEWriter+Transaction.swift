// SPDX-License-Identifier: Apache-2.0
// Events of application protocols: the common head, then the body as the worker's parser wrote it.
public import BeltwayFlow
import BeltwayTrace
import BeltwayWire

extension EVEWriter {
    /// Appends the event of a transaction.
    ///
    /// - Parameters:
    ///   - transaction: Its head.
    ///   - body: What its parser wrote: members, each with a comma before it.
    ///   - interface: Name of the interface of the packet that completed it.
    public mutating func append(
        transaction: TransactionRecord,
        body: Span<UInt8>,
        interface: borrowing JSONText
    ) {
        lines.append("{\"timestamp\":\"")
        lines.append(transaction.time)
        if transaction.flowID != 0 {
            lines.append("\",\"flow_id\":")
            lines.append(decimal: transaction.flowID)
            lines.append(",\"in_iface\":")
        } else {
            // A packet that belongs to no flow, for want of whole headers.
            lines.append("\",\"in_iface\":")
        }
        lines.append(interface)
        if transaction.packet != 0 {
            lines.append(",\"pcap_cnt\":")
            lines.append(decimal: transaction.packet)
        }
        lines.append(",\"event_type\":\"")
        lines.append(transaction.kind.name)
        lines.append(0x22)
        lines.append(vlan: transaction.vlan, count: transaction.vlanCount)
        guard transaction.ipVersion != 0 else {
            lines.append(",\"pkt_src\":\"wire/pcap\"")
            lines.append(body)
            lines.append("}\n")
            countEvent()
            return
        }
        lines.append(
            from: transaction.source,
            port: transaction.sourcePort,
            to: transaction.destination,
            port: transaction.destinationPort,
            transport: transaction.transportProtocol,
            version: transaction.ipVersion,
            isShort: isShort,
            isFromFlowEnd: transaction.isFromFlowEnd
        )
        if transaction.flowID != 0 {
            appendIdentifier(transaction.flowID) { transaction.appendCommunityID(to: &$0, seed: $1) }
        }
        if transaction.showsNumber {
            lines.append(",\"tx_id\":")
            lines.append(decimal: UInt64(transaction.number))
        }
        lines.append(body)
        lines.append("}\n")
        countEvent()
    }
}
