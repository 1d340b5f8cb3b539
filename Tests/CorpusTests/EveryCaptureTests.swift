// SPDX-License-Identifier: Apache-2.0
import BeltwayTestSupport
import Foundation
import Testing

/// A capture whose packet count or exit status is not the plain one.
struct Oddity {
    var name: String
    /// Packets that Beltway reads.
    var packets: Int
    /// 1 where the file ends or goes wrong before its end.
    var status: Int32
    var why: String

    init(_ name: String, _ packets: Int, _ status: Int32, _ why: String) {
        self.name = name
        self.packets = packets
        self.status = status
        self.why = why
    }

    private static let cutRecord =
        "ends inside a record; the packets before the cut are read, and counted, as by the index"
    private static let cutUncounted =
        "a record claims far more bytes than any capture keeps; tcpdump reads as many before it"
    private static let unknownLink =
        "capinfos does not know its link type and gives no count; tcpdump counts as we do"
    private static let refused = "libpcap refuses it too"
    private static let fuzzed = "malformed/pcapplusplus/clusterfuzz-testcase-"

    /// Every capture of the corpus that is not read to its end, or whose count is not the index's.
    static let all: [String: Oddity] = Dictionary(uniqueKeysWithValues: list.map { ($0.name, $0) })

    private static let list: [Oddity] = [
        Oddity("formats/scapy/bad_rsn_parsing_overrides_ssid.pcap", 1, 1, cutRecord),
        Oddity("ids/suricata-verify/bug-1450-04/tls_DER-incomplete-header.pcap", 6, 1, cutUncounted),
        Oddity("ids/suricata-verify/bug-6875-01/fuzz.pcap", 1, 1, cutUncounted),
        Oddity(
            "malformed/gopacket/be/test901.pcapng",
            1,
            1,
            "its second section is of version 2.0, which nobody knows"
        ),
        Oddity(
            "malformed/gopacket/le/test901.pcapng",
            1,
            1,
            "its second section is of version 2.0, which nobody knows"
        ),
        Oddity("malformed/libpcap/filter/brcm-tag-stp.pcap", 4, 0, unknownLink),
        Oddity("malformed/libpcap/filter/brcm-tag.pcap", 15, 0, unknownLink),
        Oddity("malformed/libpcap/pcap-invalid-version-1.pcap", 0, 1, "version 1.4: " + refused),
        Oddity("malformed/libpcap/pcapng-invalid-vers-1.pcapng", 0, 1, "version 0.1: " + refused),
        Oddity("malformed/libpcap/pcapng-invalid-vers-2.pcapng", 0, 1, "version 1.1: " + refused),
        Oddity("malformed/ndpi/fuzz-2021-10-13.pcap", 1, 1, cutRecord),
        Oddity(fuzzed + "FuzzTarget-5781142119907328", 1, 1, cutUncounted),
        Oddity(fuzzed + "FuzzTarget-6207688043397120", 1, 1, cutRecord),
        Oddity(fuzzed + "minimized-FuzzTarget-5165538295939072", 1, 1, cutUncounted),
        Oddity(fuzzed + "minimized-FuzzTarget-5204104585674752", 1, 1, cutUncounted),
        Oddity(fuzzed + "minimized-FuzzTarget-5643903448645632", 1, 1, cutRecord),
        Oddity(fuzzed + "minimized-FuzzTarget-5685520970809344", 0, 1, "link type 2105376: " + refused),
        Oddity(fuzzed + "minimized-FuzzTarget-5717750942269440", 2, 1, cutUncounted),
        Oddity(fuzzed + "minimized-FuzzTarget-5723611632762880", 1, 1, cutUncounted),
        Oddity(
            fuzzed + "minimized-FuzzTarget-5755755617189888",
            2,
            1,
            "link type 14, OpenBSD's raw IP, which libpcap refuses; a record then claims far too many bytes"
        ),
        Oddity(fuzzed + "minimized-FuzzTarget-5757531338309632", 1, 1, cutRecord),
        Oddity(fuzzed + "minimized-FuzzTarget-5758569646653440", 1, 1, cutUncounted),
        Oddity(
            fuzzed + "minimized-FuzzTarget-5766899836387328",
            1,
            0,
            "version 2.3 with the lengths the other way round: libpcap and we swap them, capinfos does not"
        ),
        Oddity("malformed/pcapplusplus/crash-81dba690a3f67ee41a41390a625db732fa1413a1", 11, 1, cutRecord),
        Oddity("malformed/pcapplusplus/crash-8534c61cdf5987482365d7877ade12eef5aaf8b7", 2, 1, cutRecord),
        Oddity(
            "malformed/pcapplusplus/crash-exception-cast-constructed-record",
            2,
            1,
            "capinfos guesses at 24-byte record headers and sees one packet; libpcap sees two, as we do"
        ),
        Oddity("malformed/pcapplusplus/crash-invalid-asn-record-len", 1, 1, cutRecord),
        Oddity("malformed/pcapplusplus/crash-pcapng-epb-unbounded-length", 0, 1, cutUncounted),
        Oddity("malformed/pcapplusplus/igmplayer", 2, 1, cutUncounted),
        Oddity("malformed/pcapplusplus/radiuslayer", 5, 1, cutUncounted),
        Oddity("malformed/tcpdump/dsa-high-vid.pcap", 4, 0, unknownLink),
        Oddity("malformed/tcpdump/edsa-high-vid.pcap", 4, 0, unknownLink),
        Oddity("malformed/tcpdump/juniper_es_oobr.pcap", 1, 0, unknownLink),
        Oddity("malformed/tcpdump/juniper_monitor_invalid_cookie_length.pcap", 1, 0, unknownLink),
        Oddity("malformed/tcpdump/kday6.pcap", 1, 0, unknownLink),
        Oddity("malformed/tcpdump/vtp_asan-2.pcap", 1, 0, unknownLink),
        Oddity("malformed/tcpdump/vtp_asan-3.pcap", 1, 0, unknownLink),
        Oddity("malformed/tcpdump/vtp_asan.pcap", 5, 0, unknownLink),
        Oddity(
            "protocols/pcapplusplus/solaris.snoop",
            0,
            1,
            "a snoop file: refused by name; tcpdump refuses it too"
        ),
    ]
}

extension `The corpus` {
    @Suite struct `Every capture` {
        @Test(.timeLimit(.minutes(6)))
        func `ends without a trap or a hang, and in bounded memory`() {
            #expect(Sweep.runs.count > 2600)
            for (capture, run) in Sweep.runs {
                if run.ending.signal != nil || run.ending.isOutOfTime {
                    Issue.record("\(capture.name): \(run.ending.description)")
                }
                guard let summary = run.summary else {
                    Issue.record("\(capture.name) gave no summary: \(run.ending.description)")
                    continue
                }
                if summary.peak_rss_bytes > 400_000_000 {
                    Issue.record("\(capture.name) took \(summary.peak_rss_bytes) bytes of memory")
                }
            }
            let peak = Sweep.runs.compactMap { $0.run.summary?.peak_rss_bytes }.max() ?? 0
            print("corpus: \(Sweep.runs.count) captures, at most \(peak / 1_000_000) MB of memory each")
        }

        @Test func `gives as many packets as the index says, every difference explained`() {
            var (equal, odd) = (0, 0)
            for (capture, run) in Sweep.runs {
                guard let summary = run.summary else { continue }
                let oddity = Oddity.all[capture.name]
                let expected = oddity?.packets ?? capture.packets ?? -1
                if summary.capture.received != expected || summary.packets != expected
                    || run.ending.status != oddity?.status ?? 0
                {
                    Issue.record(
                        "\(capture.name): \(summary.capture.received) packets, expected \(expected); \(run.ending.description)"
                    )
                } else if oddity == nil {
                    equal += 1
                } else {
                    odd += 1
                }
            }
            print("corpus: \(equal) captures as the index says, \(odd) otherwise and explained")
            #expect(odd == Oddity.all.count)
        }

        @Test func `is read by every consumer to the last packet`() {
            for (capture, run) in Sweep.runs {
                guard let summary = run.summary else { continue }
                #expect(
                    summary.facts_dropped + summary.rows_lost + summary.events_lost == 0,
                    "\(capture.name)"
                )
                #expect(summary.capture.dropped == 0, "\(capture.name)")
                for (name, consumer) in summary.consumers
                where consumer.published != consumer.read + consumer.lost || consumer.lost != 0 {
                    Issue.record("\(capture.name): \(name) read \(consumer.read) of \(consumer.published)")
                }
                for name in ["worker.0", "statistics"]
                where summary.consumers[name]?.published != summary.packets {
                    Issue.record("\(capture.name): \(name) was not offered all \(summary.packets) packets")
                }
            }
        }
    }
}
