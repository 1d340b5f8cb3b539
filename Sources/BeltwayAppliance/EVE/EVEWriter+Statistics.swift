// SPDX-License-Identifier: Apache-2.0
// The `stats` event: counters since the start, every eight seconds and at the end. Suricata's names where it has the
// counter; `rates`, `talkers`, `packet_sizes`, `link_types` and `consumers` are Beltway's own.
import BeltwayFlow
public import BeltwayTrace
import BeltwayWire

extension EVEWriter {
    /// Appends a `stats` event.
    ///
    /// - Parameter snapshot: The counters and the moment they are of.
    public mutating func append(stats snapshot: StatisticsSnapshot) {
        lines.append("{\"timestamp\":\"")
        lines.append(snapshot.time)
        lines.append("\",\"event_type\":\"stats\",\"stats\":{\"uptime\":")
        lines.append(decimal: snapshot.time.nanoseconds(since: snapshot.first) / 1_000_000_000)
        lines.append(capture: snapshot.progress.capture)
        lines.append(decoder: snapshot.decoder)
        lines.append(flows: snapshot.progress.flows)
        lines.append(applications: snapshot.progress.applications)
        lines.append(files: snapshot.progress.applications.files, snapshot.progress.fileStore)
        lines.append(reassembly: snapshot.progress.reassembly)
        if let member = snapshot.progress.compression.json { lines.append(Array(",\(member)".utf8)) }
        lines.append(detection: snapshot.progress.detection)
        lines.append(",\"facts_dropped\":")
        lines.append(decimal: snapshot.progress.factsDropped)
        lines.append(",\"rates\":{\"last_second\":")
        lines.append(rate: snapshot.lastSecond)
        lines.append(",\"last_8_seconds\":")
        lines.append(rate: snapshot.lastSeconds)
        lines.append("},\"talkers\":{\"by_packets\":")
        lines.append(talkers: snapshot.topByPackets)
        lines.append(",\"by_bytes\":")
        lines.append(talkers: snapshot.topByBytes)
        lines.append(0x7d)
        lines.append(sizes: snapshot.sizes)
        lines.append(links: snapshot.links)
        lines.append(consumers: snapshot.progress.consumers)
        lines.append("}}\n")
        countEvent()
    }
}

extension TextBuffer {
    mutating func append(capture: CaptureProgress) {
        append(",\"capture\":{\"kernel_packets\":")
        append(decimal: capture.received)
        append(",\"kernel_drops\":")
        append(decimal: capture.dropped)
        append(",\"truncated\":")
        append(decimal: capture.truncated)
        append(0x7d)
    }

    mutating func append(decoder: DecoderCounters) {
        append(",\"decoder\":{\"pkts\":")
        append(decimal: decoder.packets)
        append(",\"bytes\":")
        append(decimal: decoder.bytes)
        append(",\"invalid\":")
        append(decimal: decoder.invalid)
        append(",\"ipv4\":")
        append(decimal: decoder.ipv4)
        append(",\"ipv6\":")
        append(decimal: decoder.ipv6)
        append(",\"arp\":")
        append(decimal: decoder.arp)
        append(",\"vlan\":")
        append(decimal: decoder.vlan)
        append(",\"tcp\":")
        append(decimal: decoder.tcp)
        append(",\"udp\":")
        append(decimal: decoder.udp)
        append(",\"sctp\":")
        append(decimal: decoder.sctp)
        append(",\"icmpv4\":")
        append(decimal: decoder.icmpv4)
        append(",\"icmpv6\":")
        append(decimal: decoder.icmpv6)
        append(",\"unsupported\":{\"link_type\":")
        append(decimal: decoder.count(.unsupportedLinkType))
        append(",\"network\":")
        append(decimal: decoder.count(.unsupportedNetwork))
        append(",\"transport\":")
        append(decimal: decoder.count(.unsupportedTransport))
        append("},\"truncated\":{\"link\":")
        append(decimal: decoder.count(.truncatedLink))
        append(",\"network\":")
        append(decimal: decoder.count(.truncatedNetwork))
        append(",\"transport\":")
        append(decimal: decoder.count(.truncatedTransport))
        append("}}")
    }

    mutating func append(flows: FlowProgress) {
        append(",\"flow\":{\"total\":")
        append(decimal: flows.total)
        append(",\"active\":")
        append(decimal: flows.active)
        append(",\"tcp\":")
        append(decimal: flows.tcp)
        append(",\"udp\":")
        append(decimal: flows.udp)
        append(",\"icmp\":")
        append(decimal: flows.icmp)
        append(",\"evicted\":")
        append(decimal: flows.evicted)
        append(",\"memuse\":")
        append(decimal: flows.memoryInBytes)
        append(0x7d)
    }

    mutating func append(reassembly: ReassemblyProgress) {
        append(",\"defrag\":{\"fragments\":")
        append(decimal: reassembly.fragments)
        append(",\"reassembled\":")
        append(decimal: reassembly.datagrams)
        append(",\"timeouts\":")
        append(decimal: reassembly.timedOut)
        append(",\"evicted\":")
        append(decimal: reassembly.evicted)
        append(",\"overlaps\":")
        append(decimal: reassembly.overlappingFragments)
        append(",\"invalid\":")
        append(decimal: reassembly.invalid)
        append(",\"tunnels\":{\"reassembled\":")
        append(decimal: reassembly.tunnels)
        append(",\"timeouts\":")
        append(decimal: reassembly.tunnelsTimedOut)
        append(",\"evicted\":")
        append(decimal: reassembly.tunnelsEvicted)
        append("}},\"tcp\":{\"sessions\":")
        append(decimal: reassembly.streams)
        append(",\"stream_bytes\":")
        append(decimal: reassembly.bytes)
        append(",\"reassembly_gap\":")
        append(decimal: reassembly.gaps)
        append(",\"gap_bytes\":")
        append(decimal: reassembly.gapBytes)
        append(",\"waited\":")
        append(decimal: reassembly.waited)
        append(",\"copied_bytes\":")
        append(decimal: reassembly.copiedBytes)
        append(",\"overlap\":")
        append(decimal: reassembly.overlaps)
        append(",\"segments_lost\":")
        append(decimal: reassembly.lost)
        append(0x7d)
    }

    mutating func append(detection: DetectionProgress) {
        append(",\"detect\":{\"alert\":")
        append(decimal: detection.alerts)
        append(",\"engines\":[{\"id\":0,\"rules_loaded\":")
        append(decimal: detection.rulesLoaded)
        append(",\"rules_failed\":")
        append(decimal: detection.rulesFailed)
        append("}]}")
    }

    mutating func append(rate: Rate) {
        append("{\"packets_per_second\":")
        append(decimal: UInt64(exactly: rate.packetsPerSecond.rounded()) ?? .max)
        append(",\"bytes_per_second\":")
        append(decimal: UInt64(exactly: rate.bytesPerSecond.rounded()) ?? .max)
        append(0x7d)
    }

    mutating func append(talkers: [Talker]) {
        append(0x5b)
        for (index, talker) in talkers.enumerated() {
            append(index > 0 ? ",{\"ip\":\"" : "{\"ip\":\"")
            append(eveAddress: talker.address, version: talker.address.isMappedV4 ? 4 : 6)
            append("\",\"packets\":")
            append(decimal: talker.packets)
            append(",\"bytes\":")
            append(decimal: talker.bytes)
            append(",\"missed_packets\":")
            append(decimal: talker.missedPackets)
            append(",\"missed_bytes\":")
            append(decimal: talker.missedBytes)
            append(0x7d)
        }
        append(0x5d)
    }

    /// `"packet_sizes":{"64":..,"127":..,..,"more":..}`: the greatest length of each class.
    mutating func append(sizes: [UInt64]) {
        append(",\"packet_sizes\":{")
        for (index, count) in sizes.enumerated() {
            append(index > 0 ? ",\"" : "\"")
            if index < Statistics.sizeBounds.count {
                append(decimal: UInt64(Statistics.sizeBounds[index]))
            } else {
                append("more")
            }
            append("\":")
            append(decimal: count)
        }
        append(0x7d)
    }

    mutating func append(links: [LinkTypeCount]) {
        append(",\"link_types\":[")
        for (index, link) in links.enumerated() {
            append(index > 0 ? ",{\"link_type\":" : "{\"link_type\":")
            append(decimal: UInt64(link.linkType.rawValue))
            append(",\"pkts\":")
            append(decimal: link.packets)
            append(",\"bytes\":")
            append(decimal: link.bytes)
            append(0x7d)
        }
        append(0x5d)
    }

    mutating func append(consumers: [ConsumerProgress]) {
        append(",\"consumers\":{")
        for (index, consumer) in consumers.enumerated() {
            if index > 0 { append(0x2c) }
            append(JSONText(consumer.name))
            append(":{\"published\":")
            append(decimal: consumer.published)
            append(",\"read\":")
            append(decimal: consumer.read)
            append(",\"lost\":")
            append(decimal: consumer.lost)
            append(",\"behind_bytes\":")
            append(decimal: consumer.behindInBytes)
            append(",\"behind_packets\":")
            append(decimal: consumer.behindInPackets)
            append(",\"behind_ns\":")
            append(decimal: consumer.behindNanoseconds)
            append(0x7d)
        }
        append(0x7d)
    }
}
